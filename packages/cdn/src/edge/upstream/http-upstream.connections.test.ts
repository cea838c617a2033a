/** How an upstream is connected to: TLS, HTTP/2, unix domain sockets; and which connections are kept. */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer as createHttpServer, type ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { FetchHandler } from "../../handler/fetch-handler.ts";
import { createServer } from "../../server/server.ts";
import type { ServerTls } from "../../server/server-options.ts";
import { gate, serveEdge, upstream } from "../edge.test-setup.ts";
import { createHttpUpstream, type HttpUpstreamOptions } from "./http-upstream.ts";
import { ask, listenOnSocket, send, textOf } from "./upstream.test-setup.ts";
import { DEFAULT_UPSTREAM_TIMEOUTS, type Upstream } from "./upstream.ts";

function open(url: string, options: HttpUpstreamOptions = {}): Upstream {
  const opened = createHttpUpstream(url, DEFAULT_UPSTREAM_TIMEOUTS, options);
  onTestFinished(() => opened.close());
  return opened;
}

test("over a unix domain socket, with the URL's host", async () => {
  const socketPath = await listenOnSocket(({ headers }, response) => response.end(headers.host));
  expect(await ask(open("http://peer-1", { socketPath }), "/a")).toBe("200 peer-1");
});

test("a socket that is not there is UPSTREAM_UNREACHABLE", async () => {
  const gone = open("http://peer-1", { socketPath: join(tmpdir(), "nobody-listens-here.sock") });
  await expect(send(gone, "/a")).rejects.toMatchObject({ code: "UPSTREAM_UNREACHABLE" });
});

/** An origin that counts its connections. */
async function counting(listener: (url: string, response: ServerResponse) => void) {
  const server = createHttpServer((request, response) => listener(request.url!, response));
  const state = { connections: 0 };
  server.on("connection", () => {
    state.connections += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, state };
}

test.each([204, 205])("an answer %i has no content, whatever length its upstream gives it", async (status) => {
  const { url } = await counting((path, response) => {
    if (path === "/next") response.end("next");
    else response.writeHead(status, { "content-length": "5" }).end("hello");
  });
  const { edge, url: edgeUrl } = await serveEdge({ upstreams: [url] });
  const answer = await fetch(`${edgeUrl}/empty`);
  expect([answer.status, await answer.text()]).toEqual([status, ""]);
  expect(answer.headers.get("content-length")).not.toBe("5");
  expect(await (await fetch(`${edgeUrl}/next`)).text()).toBe("next");
  expect(edge.stats.errors).toBe(0);
});

test("an answer that nobody reads keeps its connection where little of it is missing", async () => {
  const [released, release] = gate();
  const { url, state } = await counting(async (path, response) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("half ");
    if (path === "/left") await released;
    response.end("whole");
  });
  const origin = open(url, { connections: 1 });
  const { body } = await send(origin, "/left");
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  await chunks.next();
  await chunks.return?.();
  const next = ask(origin, "/next");
  release();
  expect(await next).toBe("200 half whole");
  expect(state.connections).toBe(1);
});

test("an answer that nobody reads any more loses its connection at once where much of it is missing", async () => {
  const [closed, close] = gate();
  const { url } = await counting((_path, response) => {
    response.once("close", () => close());
    response.writeHead(200, { "content-length": String(1024 * 1024) });
    response.write("a little");
  });
  const { body } = await send(open(url), "/left");
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  await chunks.next();
  await chunks.return?.();
  await closed;
});

test("a reader that pauses makes the upstream wait, and not the memory grow", async () => {
  let written = 0;
  const chunk = Buffer.alloc(64 * 1024);
  const { url } = await counting(async (_path, response) => {
    for (let turn = 0; turn < 1_000; turn += 1) {
      written += chunk.byteLength;
      if (!response.write(chunk)) await once(response, "drain");
    }
    response.end();
  });
  const { body } = await send(open(url), "/long");
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  let read = (await chunks.next()).value!.byteLength;
  let before = -1;
  await expect
    .poll(() => {
      const stands = written === before;
      before = written;
      return stands;
    })
    .toBe(true);
  // What the kernel's buffers for loopback take, and a quarter of a mebibyte.
  expect(written).toBeLessThan(16 * 1024 * 1024);
  for (;;) {
    const { done, value } = await chunks.next();
    if (done) break;
    read += value.byteLength;
  }
  expect(read).toBe(1_000 * chunk.byteLength);
});

test("a request that was given up while it waited for a connection is not sent", async () => {
  const asked: string[] = [];
  const held: ServerResponse[] = [];
  const url = await upstream((request, response) => {
    asked.push(request.url!);
    held.push(response);
  });
  const origin = open(url, { connections: 1 });
  const first = ask(origin, "/first");
  await expect.poll(() => held.length).toBe(1);
  const controller = new AbortController();
  const given = send(origin, "/given-up", { signal: controller.signal });
  controller.abort(new Error("left"));
  await expect(given).rejects.toThrow("left");
  const last = ask(origin, "/last");
  held[0]!.end("1");
  expect(await first).toBe("200 1");
  await expect.poll(() => held.length).toBe(2);
  held[1]!.end("2");
  expect(await last).toBe("200 2");
  expect(asked).toEqual(["/first", "/last"]);
});

describe.skipIf(peer("openssl") === null)("TLS", () => {
  let folder = "";
  let tls: ServerTls;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "upstream-tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=origin.example", "-addext", "subjectAltName=DNS:origin.example"];
    await promisify(execFile)(peer("openssl")!, [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
      ...["-keyout", key, "-out", cert, ...subject],
    ]);
    tls = { key: await readFile(key), cert: await readFile(cert) };
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const serve = async (handler: FetchHandler): Promise<string> => {
    const server = await createServer({ handler, port: 0, host: "127.0.0.1", tls });
    onTestFinished(() => server.close());
    return server.url;
  };
  const trusted = (): HttpUpstreamOptions => ({ tls: { ca: tls.cert, serverName: "origin.example" } });

  test("a certificate that nobody vouches for is refused, and one by the authority given is not", async () => {
    const url = await serve((_request, connection) => new Response(connection?.tls?.serverName));
    await expect(send(open(url), "/a")).rejects.toMatchObject({ code: "UPSTREAM_FAILED" });
    expect(await ask(open(url, trusted()), "/a")).toBe("200 origin.example");
    const otherName = { tls: { ca: tls.cert, serverName: "other.example" } };
    await expect(send(open(url, otherName), "/a")).rejects.toMatchObject({ code: "UPSTREAM_FAILED" });
  });

  test("HTTP/2 where it is wanted: many requests on few connections, and one given up ends no other", async () => {
    const connections = new Set<number>();
    const protocols = new Set<string>();
    const large = Buffer.alloc(1024 * 1024, "x");
    const url = await serve((request, connection) => {
      connections.add(connection!.remotePort);
      protocols.add(connection!.protocol);
      const { pathname } = new URL(request.url);
      if (pathname === "/hang") return new Response(new ReadableStream({ start: (c) => c.enqueue(Buffer.from("x")) }));
      return new Response(pathname === "/large" ? large : pathname);
    });
    const origin = open(url, { ...trusted(), http2: true });
    expect(await ask(origin, "/first")).toBe("200 /first");
    const controller = new AbortController();
    const hanging = await send(origin, "/hang", { signal: controller.signal });
    const many = Promise.all(Array.from({ length: 200 }, (_, turn) => ask(origin, `/${turn}`)));
    const big = Promise.all(Array.from({ length: 8 }, () => send(origin, "/large").then(textOf)));
    controller.abort(new Error("left"));
    await expect(textOf(hanging)).rejects.toThrow("left");
    expect(await many).toEqual(Array.from({ length: 200 }, (_, turn) => `200 /${turn}`));
    for (const text of await big) expect(text.length).toBe(large.byteLength);
    expect(await ask(origin, "/last")).toBe("200 /last");
    expect([...protocols]).toEqual(["h2"]);
    expect(connections.size).toBeLessThanOrEqual(11);
  });

  test("an HTTP/2 body without a length ends where its frames say so, and one that is broken off is no whole one", async () => {
    const server = createSecureServer({ key: tls.key, cert: tls.cert });
    server.on("stream", (stream, headers) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200 });
      stream.write("chu");
      stream.write("nk", () => {
        if (headers[":path"] === "/broken") stream.destroy(new Error("broken"));
        else stream.end();
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const origin = open(`https://127.0.0.1:${(server.address() as AddressInfo).port}`, { ...trusted(), http2: true });
    const whole = await send(origin, "/whole");
    expect(whole.closeDelimited).toBe(false);
    expect(await textOf(whole)).toBe("chunk");
    await expect(send(origin, "/broken").then(textOf)).rejects.toMatchObject({ code: "UPSTREAM_TRUNCATED" });
    expect(await ask(origin, "/whole")).toBe("200 chunk");
  });

  test("HTTP/1.1 unless it is wanted", async () => {
    const url = await serve((_request, connection) => new Response(connection?.protocol));
    expect(await ask(open(url, trusted()), "/a")).toBe("200 http/1.1");
  });
});
