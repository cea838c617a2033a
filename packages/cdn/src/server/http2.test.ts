/** HTTP/2, with TLS and without, judged by node:http2's client, undici and curl. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";
import { Agent, fetch as undiciFetch } from "undici";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { Connection, FetchHandler } from "../handler/fetch-handler.ts";
import { standing } from "./http1.test-setup.ts";
import { createServer, type Server } from "./server.ts";
import type { ServerOptions, ServerTls } from "./server-options.ts";

const run = promisify(execFile);
let folder = "";
let tls: ServerTls | undefined;

beforeAll(async () => {
  const openssl = peer("openssl");
  if (openssl === null) return;
  folder = await mkdtemp(join(tmpdir(), "http2-test-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  await run(openssl, [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-keyout", key, "-out", cert, ...subject],
  ]);
  tls = { key: await readFile(key), cert: await readFile(cert) };
});
afterAll(async () => {
  if (folder !== "") await rm(folder, { recursive: true, force: true });
});

async function serve(handler: FetchHandler, options: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await createServer({ handler, port: 0, host: "127.0.0.1", ...options });
  onTestFinished(() => server.close());
  return server;
}

async function dial(server: Server): Promise<ClientHttp2Session> {
  const session = connect(server.url, { rejectUnauthorized: false });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  await once(session, "connect");
  return session;
}

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

async function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: string): Promise<Answer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  const [fields] = await once(stream, "response");
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return { status: fields[":status"], headers: fields, body: Buffer.concat(chunks).toString() };
}

describe.each([["with TLS"], ["without TLS, by prior knowledge"]])("HTTP/2 %s", (how) => {
  const secure = how === "with TLS";
  const skip = secure && peer("openssl") === null;
  const serveH2 = (handler: FetchHandler, options: Partial<ServerOptions> = {}): Promise<Server> =>
    serve(handler, secure && tls !== undefined ? { tls, ...options } : options);

  test.skipIf(skip)("carries requests, bodies and answers of both kinds", async () => {
    let asked: Connection | undefined;
    const server = await serveH2(async (request, connection) => {
      asked = connection;
      if (request.method === "POST") return new Response(`got ${await request.text()}`, { status: 201 });
      if (request.url.endsWith("/stream"))
        return new Response(ReadableStream.from([Buffer.from("a"), Buffer.from("b")]));
      return bytesResponse(Buffer.from(request.url), { headers: { connection: "close", "x-a": "1" } });
    });
    const session = await dial(server);
    const { host } = new URL(server.url);
    const get = await ask(session, { ":path": "/x?y=1" });
    expect(get).toMatchObject({ status: 200, body: `${secure ? "https" : "http"}://${host}/x?y=1` });
    expect(get.headers).toMatchObject({ "x-a": "1" });
    expect(get.headers).not.toHaveProperty("connection");
    expect(await ask(session, { ":path": "/stream" })).toMatchObject({ status: 200, body: "ab" });
    expect(await ask(session, { ":path": "/", ":method": "HEAD" })).toMatchObject({ status: 200, body: "" });
    const post = await ask(session, { ":path": "/", ":method": "POST" }, "hello");
    expect(post).toMatchObject({ status: 201, body: "got hello" });
    expect(asked?.protocol).toBe("h2");
    expect(asked?.tls?.version).toBe(secure ? "TLSv1.3" : undefined);
  });

  test.skipIf(skip)("refuses what HTTP/1.1 refuses", async () => {
    const server = await serveH2(() => new Response(), {
      limits: { maxUrlBytes: 100, maxHeaders: 20, maxBodyBytes: 3 },
    });
    const session = await dial(server);
    expect((await ask(session, { ":path": `/${"x".repeat(200)}` })).status).toBe(414);
    expect((await ask(session, { ":path": "/a/../b" })).status).toBe(400);
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`x-${at}`, "1"]));
    expect((await ask(session, { ":path": "/", ...many })).status).toBe(431);
    const large = await ask(session, { ":path": "/", ":method": "POST", "content-length": "5" }, "hello");
    expect(large.status).toBe(413);
  });

  test.skipIf(skip)("a stream the client resets aborts its request alone", async () => {
    const aborted: string[] = [];
    let waiting = 0;
    const server = await serveH2((request) => {
      if (request.url.endsWith("/other")) return new Response("fine");
      waiting += 1;
      return new Promise<Response>((_resolve, reject) => {
        request.signal.addEventListener("abort", () => {
          aborted.push(request.url);
          reject(request.signal.reason);
        });
      });
    });
    const session = await dial(server);
    const stream = session.request({ ":path": "/wait" });
    stream.on("error", () => {});
    await expect.poll(() => waiting).toBe(1);
    stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => aborted.length).toBe(1);
    expect(await ask(session, { ":path": "/other" })).toMatchObject({ body: "fine" });
  });

  test.skipIf(skip)("a client that resets streams without end is cut off", async () => {
    const server = await serveH2(() => new Promise<Response>(() => {}), {
      limits: { maxResetRate: 2 },
      closeDeadline: 50,
    });
    const session = await dial(server);
    let closed = false;
    session.once("close", () => {
      closed = true;
    });
    for (let turn = 0; turn < 200 && !closed; turn += 1) {
      const stream = session.request({ ":path": "/" });
      stream.on("error", () => {});
      // Once it has an id it is on its way; a stream reset before is never sent at all.
      if (stream.pending) await once(stream, "ready").catch(() => {});
      await new Promise((resolve) => setImmediate(resolve));
      stream.close(constants.NGHTTP2_CANCEL);
    }
    await expect.poll(() => closed).toBe(true);
    await expect.poll(() => server.connections).toBe(0);
  });

  test.skipIf(skip)("a client that gives no window is cut off, its other streams are not", async () => {
    const time = standing();
    const server = await serveH2(
      (request) => bytesResponse(Buffer.alloc(request.url.endsWith("/large") ? 900_000 : 5)),
      { clock: time.clock, limits: { sendGrace: 80, minSendRate: 100_000_000 } },
    );
    const session = await dial(server);
    const stuck = session.request({ ":path": "/large" });
    stuck.pause();
    stuck.on("error", () => {});
    let ended = false;
    stuck.once("close", () => {
      ended = true;
    });
    for (let turn = 0; turn < 3; turn += 1) expect((await ask(session, { ":path": "/small" })).body).toHaveLength(5);
    await expect
      .poll(() => {
        time.pass(1000);
        stuck.resume();
        stuck.pause();
        return ended;
      })
      .toBe(true);
    expect(stuck.rstCode).toBe(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    expect((await ask(session, { ":path": "/small" })).body).toHaveLength(5);
  });

  test.skipIf(skip)("closing lets streams in flight end", async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const server = await serveH2(async () => {
      asked += 1;
      await released;
      return new Response("last");
    });
    const session = await dial(server);
    const answer = ask(session, { ":path": "/" });
    await expect.poll(() => asked).toBe(1);
    const closing = server.close();
    release();
    expect(await answer).toMatchObject({ status: 200, body: "last" });
    await closing;
  });
});

test.skipIf(peer("openssl") === null)("TLS 1.2 is refused, and both protocols are offered", async () => {
  const server = await serve((_request, connection) => new Response(connection?.protocol), { tls: tls! });
  const socket = connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false, maxVersion: "TLSv1.2" });
  const [error] = await once(socket, "error");
  expect(String(error)).toMatch(/protocol version|alert/i);
  for (const [allowH2, protocol] of [
    [true, "h2"],
    [false, "http/1.1"],
  ] as const) {
    const dispatcher = new Agent({ allowH2, connect: { rejectUnauthorized: false } });
    onTestFinished(() => dispatcher.destroy());
    expect(await (await undiciFetch(server.url, { dispatcher })).text()).toBe(protocol);
  }
});

test.skipIf(peer("openssl") === null || peer("curl") === null)(
  "curl gets what it asks for over either protocol",
  async () => {
    const server = await serve((_request, connection) => new Response(connection?.protocol), { tls: tls! });
    const plain = await serve((_request, connection) => new Response(connection?.protocol));
    const curl = async (...options: string[]): Promise<string> =>
      (await run(peer("curl")!, ["-sk", ...options])).stdout;
    expect(await curl("--http2", `${server.url}/`)).toBe("h2");
    expect(await curl("--http1.1", `${server.url}/`)).toBe("http/1.1");
    expect(await curl("--http2-prior-knowledge", `${plain.url}/`)).toBe("h2");
    expect(await curl("--http2", `${plain.url}/`)).toBe("http/1.1");
  },
);

test("a body that breaks off does not look whole to the client", async () => {
  let breakOff = (): void => {};
  const server = await serve(
    () =>
      new Response(
        new ReadableStream({
          start(controller) {
            controller.enqueue(Buffer.from("the beginning"));
            breakOff = () => controller.error(new Error("the disk is gone"));
          },
        }),
      ),
  );
  const stream = (await dial(server)).request({ ":path": "/" });
  const ended = new Promise((resolve) => {
    stream.on("error", () => resolve("broken"));
    stream.on("end", () => resolve("whole"));
  });
  await once(stream.resume(), "data");
  breakOff();
  expect(await ended).toBe("broken");
});
