/** What tests of the program share: an origin to cache, and programs that end with the test. */

import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { silentLogger } from "../logger.ts";
import { createServer } from "../server/server.ts";
import type { EdgeConfig } from "./config/edge-config.ts";
import type { ConfigSource } from "./config/load-config.ts";
import { type ProgramOptions, type RunningProgram, startProgram } from "./program.ts";

/** An origin whose answers are good for an hour, and how often it was asked for each path: not by HEAD, which is how an edge sees whether it is there. */
export interface CountedOrigin {
  readonly url: string;
  readonly asked: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** @param answer - says otherwise. */
export async function startOrigin(answer?: FetchHandler): Promise<CountedOrigin> {
  const asked = new Map<string, number>();
  const server = await createServer({
    port: 0,
    host: "127.0.0.1",
    handler: (request, connection) => {
      const { pathname } = new URL(request.url);
      if (request.method === "HEAD") return new Response();
      asked.set(pathname, (asked.get(pathname) ?? 0) + 1);
      return (
        answer?.(request, connection) ??
        new Response(`body of ${pathname}`, { headers: { "cache-control": "max-age=3600" } })
      );
    },
    closeDeadline: 0,
  });
  onTestFinished(() => server.close());
  return { url: server.url, asked, close: () => server.close() };
}

/** A folder that is gone with the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "edge-program-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A config file that a test writes again and again. */
export async function configFile(): Promise<{ readonly file: string; write(config: unknown): Promise<void> }> {
  const file = join(await temporaryFolder(), "ami-edge.config.json");
  return { file, write: (config) => writeFile(file, typeof config === "string" ? config : JSON.stringify(config)) };
}

/** Files of a certificate, which `issue` writes anew. Needs openssl. */
export async function certificateFiles(): Promise<{
  readonly cert: string;
  readonly key: string;
  issue(name: string): Promise<void>;
}> {
  const folder = await temporaryFolder();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const issue = async (name: string): Promise<void> => {
    const args = ["req", "-x509", ...kind, "-days", "2", "-subj", `/CN=${name}`, "-keyout", key, "-out", cert];
    await promisify(execFile)("openssl", args);
  };
  return { cert, key, issue };
}

/** A port that nobody has just now. */
export async function freePort(): Promise<number> {
  const server = await createServer({ port: 0, host: "127.0.0.1", handler: () => new Response() });
  await server.close();
  return server.port;
}

/** A program in this process, on free ports. */
export async function program(
  flags: EdgeConfig,
  more: Partial<ProgramOptions> & { readonly file?: ConfigSource["file"] } = {},
): Promise<RunningProgram & { readonly adminUrl: string }> {
  const { file, ...options } = more;
  const started = await startProgram({
    source: { file, flags: { port: 0, host: "127.0.0.1", drain: "1s", admin: { port: 0 }, ...flags } },
    logger: silentLogger,
    ...options,
  });
  onTestFinished(() => started.close());
  return started as RunningProgram & { readonly adminUrl: string };
}
