/** `ami-edge` as a process of its own, as people run it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { Agent, get, type IncomingHttpHeaders, type IncomingMessage, type RequestOptions, request } from "node:http";
import { get as getTls, Agent as TlsAgent } from "node:https";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

/** How a program ended. */
interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A program, started. */
export interface StartedProgram {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What it has printed so far. */
  readonly output: { out: string; err: string };
  readonly ended: Promise<Ending>;
}

/** Starts it. It is killed with the test, where it has not ended. */
export function start(
  args: readonly string[],
  { cwd, stdout = "pipe", env = {} }: { cwd?: string; stdout?: "pipe" | number; env?: NodeJS.ProcessEnv } = {},
): StartedProgram {
  const child = spawn(process.execPath, ["--conditions=@ami-streams/source", "--no-warnings", main, ...args], {
    stdio: ["ignore", stdout, "pipe"],
    env: { ...process.env, ...env },
    ...(cwd !== undefined && { cwd }),
  });
  const output = { out: "", err: "" };
  child.stdout?.on("data", (data) => {
    output.out += data;
  });
  child.stderr!.on("data", (data) => {
    output.err += data;
  });
  const ended = once(child, "close").then(([code, signal]): Ending => ({ code, signal }));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  });
  return { child, pid: child.pid!, output, ended };
}

/** One that serves. */
export interface ServingProgram extends StartedProgram {
  readonly url: string;
  readonly admin: string;
  /** What the admin port says, as JSON. */
  stats(): Promise<import("./admin/program-report.ts").ProgramReport>;
}

/** Starts it on free ports, and resolves when it says where it serves. */
export async function serving(
  args: readonly string[],
  options: Parameters<typeof start>[1] = {},
): Promise<ServingProgram> {
  const started = start(["--port", "0", "--host", "127.0.0.1", "--admin-port", "0", ...args], options);
  const { child, output, ended } = started;
  let failed = false;
  void ended.then(() => {
    failed = true;
  });
  for (;;) {
    // On standard error where the access log has standard output.
    const [, url, admin] = / serves (\S+) from .*; operators: (\S+)\n/.exec(`${output.out}${output.err}`) ?? [];
    if (url !== undefined && admin !== undefined) {
      const stats = async () => (await fetch(`${admin}/stats`)).json() as ReturnType<ServingProgram["stats"]>;
      return { ...started, url, admin, stats };
    }
    if (failed) throw new Error(`the program did not serve: ${output.err}`);
    await Promise.race([once(child.stdout!, "data"), once(child.stderr!, "data"), ended]);
  }
}

/** What came over a connection of its own: the system gives each to one of the processes. */
export interface FreshAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks over a connection of its own. @throws where that breaks, or the answer does. */
export async function fresh(url: string, options: RequestOptions = {}): Promise<FreshAnswer> {
  const asked = request(url, { agent: false, ...options }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return { status: response.statusCode!, headers: response.headers, body: await text(response) };
}

/** Resolves when the program has said this on standard error. */
export async function saying({ child, output }: StartedProgram, text: string, from = 0): Promise<void> {
  while (!output.err.slice(from).includes(text)) await once(child.stderr!, "data");
}

/** Asks all the time over connections that are kept or over new ones, with any certificate, until told to stop: how often, and what went wrong. */
export function asking(
  url: string,
  clients: number,
  { keepAlive = true }: { keepAlive?: boolean } = {},
): { stop(): Promise<{ answers: number; failures: string[] }> } {
  let stopped = false;
  let answers = 0;
  const failures: string[] = [];
  const isTls = url.startsWith("https:");
  const options = { keepAlive, maxSockets: clients };
  const agent = isTls ? new TlsAgent({ ...options, rejectUnauthorized: false }) : new Agent(options);
  const ask = isTls ? getTls : get;
  const askOnce = (): Promise<void> =>
    new Promise((resolve) => {
      const failed = (error: Error): void => {
        failures.push(error.message);
        resolve();
      };
      ask(url, { agent }, (response) => {
        response.on("error", failed);
        response.on("end", () => {
          answers += 1;
          if (response.statusCode !== 200) failures.push(`status ${response.statusCode}`);
          resolve();
        });
        response.resume();
      }).on("error", failed);
    });
  const running = Array.from({ length: clients }, async () => {
    while (!stopped) await askOnce();
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(running);
      agent.destroy();
      return { answers, failures };
    },
  };
}

/** Processes whose parent is this one. Linux. */
export async function childrenOf(parent: number): Promise<number[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const parents = await Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    }),
  );
  return pids.filter((_, index) => parents[index] === parent);
}

/** Whether a process is there, and no zombie. */
export async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return stat !== "" && stat.slice(stat.lastIndexOf(")") + 2)[0] !== "Z";
}
