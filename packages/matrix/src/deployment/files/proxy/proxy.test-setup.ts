/** A real nginx and a real Caddy with generated configurations. */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { isIP } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";
import { freePort } from "../../local/ports.ts";

const run = promisify(execFile);

/** A running proxy. */
export interface RunningProxy {
  readonly port: number;
  readonly process: ChildProcess;
}

/** How each proxy is started with a generated configuration, on a free port instead of 443. */
export const proxies: Record<"nginx" | "caddy", (dir: string, port?: number) => Promise<RunningProxy>> = {
  async nginx(dir, wanted = 0) {
    const port = await freePort(wanted);
    const generated = await readFile(join(dir, "proxy", "nginx.conf"), "utf8");
    const moved = generated
      .replaceAll(/^\tlisten \[::\].*\n/gm, "")
      .replaceAll("listen 443", `listen 127.0.0.1:${port}`)
      .replaceAll("listen 80;", `listen 127.0.0.1:${await freePort(0)};`);
    const file = join(dir, "nginx.conf");
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
      (name) => `${name}_temp_path ${join(dir, name)};`,
    );
    const http = [...paths, "access_log off;", "server_names_hash_bucket_size 128;", moved].join("\n");
    await writeFile(
      file,
      `daemon off; pid ${join(dir, "nginx.pid")}; error_log stderr notice; events {}\nhttp {\n${http}\n}\n`,
    );
    const nginx = peer("nginx") ?? "nginx";
    await run(nginx, ["-t", "-p", dir, "-c", file]);
    return {
      port,
      process: await started(nginx, ["-p", dir, "-c", file], (said) => said.includes("start worker processes")),
    };
  },
  async caddy(dir, wanted = 0) {
    const port = await freePort(wanted);
    const generated = await readFile(join(dir, "proxy", "Caddyfile"), "utf8");
    const options = `admin off\n\thttps_port ${port}\n\thttp_port ${await freePort(0)}\n\tlocal_certs\n\tskip_install_trust\n\tdefault_bind 127.0.0.1`;
    const moved = generated.includes("{\n\temail")
      ? generated.replace("{\n", `{\n\t${options}\n`)
      : `{\n\t${options}\n}\n${generated}`;
    const file = join(dir, "Caddyfile");
    await writeFile(file, moved);
    const environment = {
      ...process.env,
      XDG_DATA_HOME: join(dir, "caddy"),
      XDG_CONFIG_HOME: join(dir, "caddy"),
      HOME: dir,
    };
    const args = ["run", "--adapter", "caddyfile", "--config", file];
    // Each site has a certificate by then.
    const sites = generated.match(/^[\w.]+ \{$/gm)?.length ?? 0;
    const isReady = (said: string): boolean => said.split("certificate obtained successfully").length > sites;
    return { port, process: await started(peer("caddy") ?? "caddy", args, isReady, environment) };
  },
};

/** Starts a program and waits until what it has said means that it is ready. */
export async function started(
  program: string,
  args: readonly string[],
  isReady: (said: string) => boolean,
  env = process.env,
): Promise<ChildProcess> {
  const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", () => reject(new Error(said)));
    const hear = (chunk: Buffer): void => {
      said += chunk;
      if (isReady(said)) resolve();
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
  });
  return child;
}

/** Ends a program, and waits until it has. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await exit;
}

/** Makes an authority of its own and, by it, `cert.pem` and `key.pem` for some names. Returns the authority's certificate. */
export async function makeCertificate(dir: string, names: readonly string[]): Promise<string> {
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const [caKey, ca, request, cert] = ["ca-key.pem", "ca.pem", "request.pem", "cert.pem"].map((name) =>
    join(dir, name),
  ) as [string, string, string, string];
  await run("openssl", [
    "req",
    "-x509",
    ...key,
    "-subj",
    "/CN=Test authority",
    "-days",
    "90",
    "-keyout",
    caKey,
    "-out",
    ca,
  ]);
  await run("openssl", ["req", ...key, "-subj", "/CN=test", "-keyout", join(dir, "key.pem"), "-out", request]);
  const extensions = join(dir, "extensions");
  await writeFile(
    extensions,
    `subjectAltName=${names.map((name) => `${isIP(name) === 0 ? "DNS" : "IP"}:${name}`).join(",")}\n`,
  );
  const signing = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "60", "-extfile", extensions];
  await run("openssl", ["x509", "-req", "-in", request, ...signing, "-out", cert]);
  return await readFile(ca, "utf8");
}
