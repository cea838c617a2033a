import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { createServer } from "../server/server.ts";
import { asking, childrenOf, fresh, isAlive, saying, serving, start } from "./edge-program.test-peer.ts";
import { startOrigin } from "./program.test-setup.ts";

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "ami-edge-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function configFile(config: object): Promise<{ file: string; write(config: unknown): Promise<void> }> {
  const file = join(await folder(), "edge.config.json");
  const write = (next: unknown) => writeFile(file, typeof next === "string" ? next : JSON.stringify(next));
  await write(config);
  return { file, write };
}

const ok = async (url: string): Promise<number> => {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
};

describe("ami-edge", () => {
  test("says in one line where it serves, and what it cannot do", async () => {
    const origin = await startOrigin();
    const edge = await serving(["--upstream", origin.url, "--memory", "64MiB"]);
    expect(edge.output.out).toBe(
      `ami-edge serves ${edge.url} from ${origin.url} (pid ${edge.pid}, memory 64 MiB); operators: ${edge.admin}\n`,
    );
    expect(await ok(`${edge.url}/a`)).toBe(200);
    edge.child.kill("SIGTERM");
    expect(await edge.ended).toEqual({ code: 0, signal: null });
    const [ending, ended] = edge.output.err
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    expect(ending).toMatchObject({
      drain: 10_000,
      msg: "ends: takes no more connections, and lets answers under way end",
    });
    expect(ended).toMatchObject({ msg: "ended" });
  });

  test("leaves standard output to the access log, where that is there", async () => {
    const origin = await startOrigin();
    const edge = start([
      "--upstream",
      origin.url,
      "--port",
      "0",
      "--host",
      "127.0.0.1",
      "--no-admin",
      "--log-format",
      "json",
    ]);
    await saying(edge, " serves http");
    const [, url] = / serves (\S+) /.exec(edge.output.err)!;
    expect(await ok(`${url}/a`)).toBe(200);
    edge.child.kill("SIGTERM");
    expect(await edge.ended).toEqual({ code: 0, signal: null });
    expect(JSON.parse(edge.output.out)).toMatchObject({ target: "/a", status: 200 });
  });

  test.each([
    [[], "✗ upstreams: give --upstream http://origin:8081, or a list in a config file\n"],
    [
      ["--upstream", "http://127.0.0.1:1", "--memory", "much"],
      '✗ memory: "much" is no size: write it like 512MiB, 1GiB or 200GB\n',
    ],
    [["--config", "/nowhere/edge.config.ts"], "✗ there is no config file /nowhere/edge.config.ts\n"],
    [
      ["--upstream", "http://127.0.0.1:1", "--admin-port", "0", "--port", "0", "--log-file", "/dev/null/log"],
      "✗ the access log /dev/null/log cannot be opened: EEXIST: file already exists, mkdir '/dev/null'\n",
    ],
    [["--upstrem", "http://a"], "error: unknown option '--upstrem'\n(Did you mean --upstream?)\n"],
    [
      ["top", "--admin", "http://127.0.0.1:1", "--once"],
      "✗ there is no edge at http://127.0.0.1:1/stats: say with --admin where its admin port is\n",
    ],
  ])("%j ends with a line that says what to do", async (args, line) => {
    const program = start(args, { cwd: await folder() });
    expect(await program.ended).toEqual({ code: 1, signal: null });
    expect(program.output).toEqual({ out: "", err: line });
  });

  test.each([[["--processes", "1"]], [["--processes", "2"]]])("%j says that its port is taken", async (args) => {
    await using taken = await createServer({ port: 0, host: "127.0.0.1", handler: () => new Response() });
    const port = ["--port", String(taken.port), "--host", "127.0.0.1", "--admin-port", "0"];
    const program = start(["--upstream", "http://127.0.0.1:1", ...port, ...args]);
    expect(await program.ended).toEqual({ code: 1, signal: null });
    const message = `port ${taken.port} on 127.0.0.1 is taken: choose another, or end the program that listens there`;
    expect(program.output).toEqual({ out: "", err: `✗ ${message}\n` });
  });

  test("check says what is wrong with a file, a line each, or what it means", async () => {
    const { file, write } = await configFile({ upstreams: [{ url: "http://o", wieght: 2 }], port: -1 });
    const wrong = start(["check", file]);
    expect(await wrong.ended).toMatchObject({ code: 1 });
    expect(wrong.output).toEqual({
      out: "",
      err: "✗ port: must be a whole number from 0 to 65535\n✗ upstreams[0].wieght: is not an option: did you mean weight?\n",
    });
    await write({ upstreams: ["http://o"], guard: { countries: { file: "none.mmdb" } } });
    const missing = start(["check", file]);
    expect(await missing.ended).toMatchObject({ code: 1 });
    expect(missing.output.err).toMatch(/^✗ .*none\.mmdb is no country database that can be read\n$/);
    await write({ upstreams: ["http://o"], memory: "1GiB" });
    const right = start(["check", file]);
    expect(await right.ended).toMatchObject({ code: 0 });
    expect(right.output.out).toMatch(
      /^ok .*edge\.config\.json\nserves +http on port 8080 .*\nupstreams +http:\/\/o\nmemory +1 GiB\n/,
    );
  });

  test("finds a typed config file in its folder, which need not have the package, nor be one of modules", async () => {
    const origin = await startOrigin();
    const path = await folder();
    await writeFile(join(path, "package.json"), '{ "type": "commonjs" }');
    await writeFile(
      join(path, "ami-edge.config.ts"),
      `import { defineEdgeConfig } from "@ami-streams/cdn/program";
       const upstream: string = ${JSON.stringify(origin.url)};
       export default defineEdgeConfig({ upstreams: [upstream], name: "typed" });`,
    );
    const edge = await serving([], { cwd: path });
    expect(edge.output.out).toMatch(/^typed serves .*ami-edge\.config\.ts\)/);
    expect(await ok(`${edge.url}/a`)).toBe(200);
  });

  test("top prints one frame where nobody watches", async () => {
    const origin = await startOrigin();
    const edge = await serving(["--upstream", origin.url]);
    expect(await ok(`${edge.url}/a`)).toBe(200);
    const top = start(["top", "--admin", edge.admin, "--interval", "100ms"]);
    expect(await top.ended).toMatchObject({ code: 0 });
    expect(top.output.out).toMatch(/^ami-edge \S+ at http:.*: ready\nrequests/);
    expect(top.output.out).toContain(origin.url);
    expect(top.output.out).not.toContain("\x1b");
  });
});

describe.each([1, 2])("a reload of %d processes", (processes) => {
  test("loses no request in ten of them, and nothing that is cached", async () => {
    const origin = await startOrigin();
    const rates = (rate: number) => ({
      upstreams: [{ url: origin.url, connections: rate }],
      processes,
      guard: { rateLimits: [{ rate: 1e6 + rate, burst: 1e6 }] },
    });
    const config = await configFile(rates(1));
    const edge = await serving(["--config", config.file]);
    // Each process fills its own cache.
    while ((await edge.stats()).processes.some(({ edge }) => edge.entries === 0)) await fresh(`${edge.url}/hot`);
    const fills = origin.asked.get("/hot");
    const clients = asking(`${edge.url}/hot`, 8);
    for (let count = 1; count <= 10; count += 1) {
      await config.write(rates(count + 1));
      edge.child.kill("SIGHUP");
      await expect.poll(async () => (await edge.stats()).reloads.done, { timeout: 10_000, interval: 20 }).toBe(count);
    }
    const { answers, failures } = await clients.stop();
    expect(failures).toEqual([]);
    expect(answers).toBeGreaterThan(100);
    expect(origin.asked.get("/hot")).toBe(fills);
  });

  test("with a config that is wrong logs why, and goes on with the old one", async () => {
    const origin = await startOrigin();
    const config = await configFile({ upstreams: [origin.url], processes });
    const edge = await serving(["--config", config.file]);
    for (const [broken, reason] of [
      [{ upstreams: [origin.url], processes, mmemory: 1 }, "mmemory: is not an option: did you mean memory?"],
      [{ upstreams: [origin.url], processes, guard: { addresses: { deny: ["x"] } } }, '\\"x\\"'],
      ["{ not json", "is no JSON"],
    ]) {
      const from = edge.output.err.length;
      await config.write(broken);
      edge.child.kill("SIGHUP");
      await saying(edge, "the new config is wrong; the old one goes on", from);
      expect(edge.output.err.slice(from)).toContain(reason);
      expect(await ok(`${edge.url}/a`)).toBe(200);
    }
    await config.write({ upstreams: [origin.url], processes: processes + 1, port: 1 });
    const from = edge.output.err.length;
    edge.child.kill("SIGHUP");
    // The command line gives the port: the file cannot change it.
    await saying(edge, "needs a restart: processes", from);
  });
});

describe("the access log", () => {
  test("is opened anew on SIGUSR2, with no line lost", async () => {
    const origin = await startOrigin();
    const file = join(await folder(), "access.log");
    const edge = await serving([
      "--upstream",
      origin.url,
      "--processes",
      "2",
      "--log-format",
      "combined",
      "--log-file",
      file,
    ]);
    let asked = 0;
    const ask = async (): Promise<void> => {
      for (let count = 0; count < 20; count += 1, asked += 1) await ok(`${edge.url}/${asked}`);
    };
    await ask();
    await rename(file, `${file}.1`);
    edge.child.kill("SIGUSR2");
    await expect.poll(() => readFile(file, "utf8").catch(() => undefined)).toBeDefined();
    await ask();
    edge.child.kill("SIGTERM");
    expect(await edge.ended).toMatchObject({ code: 0 });
    const [first, second] = [await readFile(`${file}.1`, "utf8"), await readFile(file, "utf8")];
    const numbers = `${first}${second}`.match(/(?<=GET \/)\d+/g)!.map(Number);
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at));
    expect(second).toContain("GET /39 ");
  });

  test("on a pipe that nobody reads stops neither requests nor the end", async () => {
    const origin = await startOrigin();
    const edge = await serving(["--upstream", origin.url, "--log-format", "json"]);
    edge.child.stdout!.pause();
    // More than a pipe holds, by far.
    const clients = asking(`${edge.url}/hot?${"x".repeat(4000)}`, 4);
    await expect.poll(async () => (await edge.stats()).total.log?.lines, { timeout: 30_000 }).toBeGreaterThan(300);
    const { failures } = await clients.stop();
    expect(failures).toEqual([]);
    edge.child.kill("SIGTERM");
    const [code] = await once(edge.child, "exit");
    expect(code).toBe(0);
    edge.child.stdout!.resume();
  });
});

describe("an end", () => {
  test.each([1, 2])("lets what is under way finish, and takes nothing new (%d processes)", async (processes) => {
    let finish = (): void => {};
    const origin = await startOrigin(({ url }) => {
      // A process that has not heard yet that it ends may still answer the other one.
      if (!url.endsWith("/live")) return new Response();
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(Buffer.from("first "));
          finish = () => {
            controller.enqueue(Buffer.from("last"));
            controller.close();
          };
        },
      });
      return new Response(body);
    });
    const edge = await serving(["--upstream", origin.url, "--drain", "20s", "--processes", String(processes)]);
    const reader = (await fetch(`${edge.url}/live`)).body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toBe("first ");
    edge.child.kill("SIGTERM");
    await expect.poll(async () => (await fetch(`${edge.admin}/readyz`)).status).toBe(503);
    await expect
      .poll(() =>
        fetch(`${edge.url}/new`).then(
          () => "answered",
          () => "refused",
        ),
      )
      .toBe("refused");
    finish();
    expect((await reader.read()).value).toBe("last");
    expect(await edge.ended).toEqual({ code: 0, signal: null });
  });

  test("waits no longer than it was told for a client that never reads", async () => {
    const origin = await startOrigin(
      () => new Response(new Uint8Array(64 * 1024 * 1024), { headers: { "cache-control": "max-age=60" } }),
    );
    const edge = await serving(["--upstream", origin.url, "--drain", "300ms", "--processes", "2"]);
    const { port } = new URL(edge.url);
    const client = connect(Number(port), "127.0.0.1");
    onTestFinished(() => void client.destroy());
    client.on("error", () => {});
    await once(client, "connect");
    client.write("GET /big HTTP/1.1\r\nHost: h\r\n\r\n");
    client.pause();
    await expect.poll(async () => (await edge.stats()).total.requests.inFlight).toBe(1);
    const workers = await childrenOf(edge.pid);
    expect(workers).toHaveLength(2);
    // Others are served all the same.
    expect(await ok(`${edge.url}/other`)).toBe(200);
    edge.child.kill("SIGTERM");
    expect(await edge.ended).toEqual({ code: 0, signal: null });
    expect(await Promise.all(workers.map(isAlive))).toEqual([false, false]);
  });

  test("comes at once when it is asked for twice", async () => {
    const origin = await startOrigin(
      () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from("x")) })),
    );
    const edge = await serving(["--upstream", origin.url, "--drain", "10min"]);
    const response = await fetch(`${edge.url}/endless`);
    const reading = response.text().catch(() => "broken off");
    edge.child.kill("SIGINT");
    await expect.poll(async () => (await edge.stats()).draining).toBe(true);
    edge.child.kill("SIGINT");
    expect(await edge.ended).toMatchObject({ code: 130 });
    expect(await reading).toBe("broken off");
  });
});

describe("several processes", () => {
  test("share a port, and what they count is added up", async () => {
    const origin = await startOrigin();
    const edge = await serving(["--upstream", origin.url, "--processes", "3"]);
    while ((await edge.stats()).processes.some(({ requests }) => requests.requests === 0))
      await fresh(`${edge.url}/a/b`);
    const { total, processes } = await edge.stats();
    expect(new Set(processes.map(({ pid }) => pid)).size).toBe(3);
    expect(total.requests.requests).toBe(processes.reduce((sum, { requests }) => sum + requests.requests, 0));
    const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
    const counted = [...metrics.matchAll(/^ami_http_requests_total\{.*\} (\d+)$/gm)].reduce(
      (sum, [, value]) => sum + Number(value),
      0,
    );
    expect(counted).toBe(total.requests.requests);
    expect(metrics).toMatch(/^ami_edge_processes\{.*\} 3$/m);
  });

  test("go on when one dies, which is started again and counted; what it had counted stays", async () => {
    const origin = await startOrigin();
    const edge = await serving(["--upstream", origin.url, "--processes", "2"]);
    while ((await edge.stats()).processes.some(({ requests }) => requests.requests === 0)) await fresh(`${edge.url}/a`);
    const counted = async (): Promise<number> => {
      const metrics = await (await fetch(`${edge.admin}/metrics`)).text();
      return [...metrics.matchAll(/^ami_http_requests_total\{.*\} (\d+)$/gm)].reduce(
        (sum, [, value]) => sum + Number(value),
        0,
      );
    };
    const before = await counted();
    const [victim, survivor] = (await edge.stats()).processes;
    process.kill(victim!.pid, "SIGKILL");
    await saying(edge, "a process died, and is started again");
    expect(await ok(`${edge.url}/b`)).toBe(200);
    await expect
      .poll(async () => (await edge.stats()).processes.map(({ index }) => index), { timeout: 20_000 })
      .toEqual([0, 1]);
    const { restarts, processes } = await edge.stats();
    expect(restarts).toBe(1);
    expect(processes.find(({ index }) => index === survivor!.index)!.pid).toBe(survivor!.pid);
    expect(await counted()).toBeGreaterThanOrEqual(before + 1);
    expect((await fetch(`${edge.admin}/readyz`)).status).toBe(200);
  });

  test("share a socket where the system lets nobody share a port", async () => {
    const origin = await startOrigin();
    const url = (file: string) => JSON.stringify(new URL(file, import.meta.url).href);
    const script = `
      import { fileURLToPath } from "node:url";
      import { silentLogger } from ${url("../logger.ts")};
      import { checkConfig } from ${url("config/check-config.ts")};
      import { superviseEdge } from ${url("processes/supervisor.ts")};
      const { config } = checkConfig({ upstreams: [${JSON.stringify(origin.url)}], port: 0, host: "127.0.0.1", processes: 2 });
      const script = fileURLToPath(${url("main.ts")});
      const edge = await superviseEdge({ config, logger: silentLogger, script, sharing: "socket" });
      console.log(edge.url);
      process.once("SIGTERM", () => edge.close().then(() => process.exit()));`;
    const file = join(await folder(), "supervisor.mjs");
    await writeFile(file, script);
    const child = spawn(process.execPath, ["--conditions=@ami-streams/source", "--no-warnings", file], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    onTestFinished(() => void child.kill("SIGKILL"));
    const [line] = await once(child.stdout, "data");
    const edge = String(line).trim();
    const workers = await childrenOf(child.pid!);
    expect(workers).toHaveLength(2);
    for (let count = 0; count < 10; count += 1) await fresh(`${edge}/a`);
    expect(origin.asked.get("/a")).toBeLessThanOrEqual(2);
    child.kill("SIGTERM");
    expect(await exited).toEqual([0, null]);
    expect(await Promise.all(workers.map(isAlive))).toEqual([false, false]);
  });

  test("end with their parent, however it dies", async () => {
    const TMPDIR = await folder();
    const sockets = async () => (await readdir(TMPDIR)).filter((name) => name.startsWith("ami-edge-"));
    const edge = await serving(["--upstream", "http://127.0.0.1:1", "--processes", "3"], { env: { TMPDIR } });
    const workers = await childrenOf(edge.pid);
    expect(workers).toHaveLength(3);
    expect((await stat(join(TMPDIR, (await sockets())[0]!))).mode & 0o777).toBe(0o700);
    edge.child.kill("SIGKILL");
    await expect
      .poll(async () => (await Promise.all(workers.map(isAlive))).filter(Boolean), { timeout: 20_000 })
      .toEqual([]);
    expect(await sockets()).toEqual([]);
  });
});
