/** What a server can be told besides its handler: where to listen, whom to let in, and what may change while it serves. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";
import { expect, onTestFinished, test } from "vitest";
import { CdnError } from "../errors.ts";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { ConnectionGate } from "./connections.ts";
import { dial, exchange, PATHS, serve } from "./http1.test-setup.ts";
import { createServer } from "./server.ts";

const run = promisify(execFile);
const ok = PATHS[1]![1](() => bytesResponse(Buffer.from("served")));
const ASK = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "server-options-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function certificate(name: string): Promise<{ key: Buffer; cert: Buffer }> {
  const folder = await temporaryFolder();
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  await run("openssl", ["req", "-x509", ...kind, "-days", "2", "-subj", `/CN=${name}`, "-keyout", key, "-out", cert]);
  return { key: await readFile(key), cert: await readFile(cert) };
}

async function askOn(socketPath: string): Promise<string> {
  const request = httpRequest({ socketPath, path: "/", agent: false }).end();
  const [response] = await once(request, "response");
  return (await response.toArray()).join("");
}

test("a socket in the file system is listened on, and gone when the server is", async () => {
  const path = join(await temporaryFolder(), "edge.sock");
  const server = await createServer({ handler: ok, path });
  expect(server).toMatchObject({ url: `unix:${path}`, port: 0 });
  expect(await askOn(path)).toBe("served");
  await server.close();
  await expect(askOn(path)).rejects.toThrow("ENOENT");
});

test("a socket that a killed process left behind is taken over, one that is listened on is not", async () => {
  const path = join(await temporaryFolder(), "edge.sock");
  const program = `require("net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
  const killed = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(killed.stdout, "data");
  await expect(createServer({ handler: ok, path })).rejects.toMatchObject({ code: "PORT_TAKEN" });
  killed.kill("SIGKILL");
  await once(killed, "exit");
  const server = await serve(ok, { path });
  expect(await askOn(path)).toBe("served");
  expect(server.connections).toBeLessThanOrEqual(1);
});

test("a gate lets connections in or not, and hears of the end of each that it let in", async () => {
  const open: string[] = [];
  const gate: ConnectionGate = {
    open: (address) => open.length < 1 && open.push(address) > 0,
    close: (address) => void open.splice(open.indexOf(address), 1),
  };
  const server = await serve(ok, { gate });
  const first = await dial(server);
  first.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await first.until(/served/);
  expect(open).toEqual(["127.0.0.1"]);
  expect(await exchange(server, ASK)).toBe("");
  first.socket.destroy();
  await expect.poll(() => open).toEqual([]);
  expect(await exchange(server, ASK)).toContain("served");
  await expect.poll(() => open).toEqual([]);
  expect(server.stats).toMatchObject({ accepted: 2, refused: 1, requests: 2 });
});

test("limits can change while it serves", async () => {
  const server = await serve(ok);
  const client = await dial(server);
  client.write(`GET /${"x".repeat(100)} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await client.until(/served/);
  server.updateLimits({ maxUrlBytes: 50, maxConnections: 1 });
  client.write(`GET /${"x".repeat(100)} HTTP/1.1\r\nHost: a\r\n\r\n`);
  await client.until(/414/);
  await expect.poll(() => server.connections).toBe(0);
  const only = await dial(server);
  await expect.poll(() => server.connections).toBe(1);
  expect(await exchange(server, ASK)).toBe("");
  only.socket.destroy();
  expect(() => server.updateLimits({ maxHeaders: 0 })).toThrow(CdnError);
});

test.skipIf(peer("openssl") === null)(
  "a new certificate is for new connections, and those that are open stay",
  async () => {
    const [before, after] = await Promise.all([certificate("before"), certificate("after")]);
    const server = await serve(ok, { tls: before });
    const dialTls = async () => {
      const socket = connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false });
      onTestFinished(() => void socket.destroy());
      await once(socket, "secureConnect");
      return socket;
    };
    const old = await dialTls();
    expect(old.getPeerCertificate().subject.CN).toBe("before");
    expect(() => server.updateTls({ key: before.key, cert: after.cert })).toThrow(CdnError);
    server.updateTls(after);
    expect((await dialTls()).getPeerCertificate().subject.CN).toBe("after");
    old.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const [answer] = await once(old, "data");
    expect(String(answer)).toContain("served");
  },
);

test("a server without TLS takes no certificate", async () => {
  const server = await serve(ok);
  expect(() => server.updateTls({ key: "", cert: "" })).toThrow(CdnError);
});

test.skipIf(peer("openssl") === null)("with TLS the gate is asked before the handshake", async () => {
  const server = await serve(ok, { tls: await certificate("a"), gate: { open: () => false, close() {} } });
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "close");
  expect(server.stats).toMatchObject({ accepted: 0, refused: 1 });
});
