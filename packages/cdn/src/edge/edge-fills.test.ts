/** One upstream request for many, from outside: real sockets, and upstreams that misbehave. */

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { expect, onTestFinished, test } from "vitest";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { connectRaw } from "../server/raw-client.test-peer.ts";
import { createServer } from "../server/server.ts";
import { gate, serveEdge, upstream } from "./edge.test-setup.ts";
import { createEdge } from "./edge.ts";

test("a thousand requests at once for one object are one upstream request", async () => {
  const [released, release] = gate();
  let asked = 0;
  const origin = await upstream(async (_request, response) => {
    asked += 1;
    await released;
    response.setHeader("cache-control", "max-age=60");
    response.end("x".repeat(100_000));
  });
  const { edge, url } = await serveEdge({ upstreams: [origin] });
  const responses = Array.from({ length: 1000 }, () => fetch(`${url}/segment.m4s`));
  await expect.poll(() => edge.stats.requests, { timeout: 15_000 }).toBe(1000);
  release();
  const collapsed = await Promise.all(
    responses.map(async (promise) => {
      const response = await promise;
      expect((await response.text()).length).toBe(100_000);
      return response.headers.get("cache-status")?.includes("collapsed") ?? false;
    }),
  );
  expect(asked).toBe(1);
  expect(collapsed.filter(Boolean)).toHaveLength(999);
  expect(edge.stats).toMatchObject({ upstreamRequests: 1, misses: 1, collapsed: 999, bytesFromUpstream: 100_000 });
  expect(edge.stats.bytesToClients).toBe(100_000_000);
});

test("a growing object reaches all who wait chunk by chunk, and those who come later from its beginning", async () => {
  const [asked, ask] = gate<ServerResponse>();
  const origin = await upstream((_request, response) => {
    response.writeHead(200, { "cache-control": "public, max-age=31536000, immutable" });
    response.flushHeaders();
    ask(response);
  });
  const { url, edge } = await serveEdge({ upstreams: [origin] });
  const early = await Promise.all([fetch(`${url}/part.m4s`), fetch(`${url}/part.m4s`), fetch(`${url}/part.m4s`)]);
  const source = await asked;
  const readers = early.map((response) => response.body!.getReader());
  for (const chunk of ["one ", "two "]) {
    source.write(chunk);
    for (const reader of readers) expect(Buffer.from((await reader.read()).value!).toString()).toBe(chunk);
  }
  const late = (await fetch(`${url}/part.m4s`)).text();
  await expect.poll(() => edge.stats.collapsed).toBe(3);
  source.end("three");
  expect(await late).toBe("one two three");
  for (const reader of readers) expect(Buffer.from((await reader.read()).value!).toString()).toBe("three");
  const hit = await fetch(`${url}/part.m4s`);
  expect(hit.headers.get("cache-status")).toMatch(/^ami-edge; hit; ttl=3153\d+$/);
  expect(hit.headers.get("content-length")).toBe("13");
  expect(edge.stats.upstreamRequests).toBe(1);
});

test.each(["length", "chunked"])(
  "a body the upstream breaks off (%s) is an error for its readers, and never a hit",
  async (how) => {
    let turn = 0;
    const origin = await upstream((_request, response) => {
      turn += 1;
      response.setHeader("cache-control", "max-age=60");
      if (how === "length") response.setHeader("content-length", "10");
      if (turn === 1) {
        response.write("half!");
        setImmediate(() => response.destroy());
      } else response.end("wholebody!");
    });
    const { url, edge } = await serveEdge({ upstreams: [origin] });
    await expect(fetch(`${url}/a`).then((response) => response.text())).rejects.toThrow();
    await expect.poll(() => edge.stats.fills).toBe(0);
    expect(edge.stats).toMatchObject({ entries: 0, bytes: 0 });
    expect(await (await fetch(`${url}/a`)).text()).toBe("wholebody!");
  },
);

test("a handler whose body breaks is an error for its readers, and for nobody else", async () => {
  const sources: ReadableStreamDefaultController<Uint8Array>[] = [];
  await using edge = createEdge({
    upstreams: [
      () =>
        new Response(new ReadableStream<Uint8Array>({ start: (controller) => void sources.push(controller) }), {
          headers: { "cache-control": "max-age=60" },
        }),
    ],
  });
  const ask = async () => await edge.handle(new Request("http://edge/a"));
  const reader = (await ask()).body!.getReader();
  sources[0]!.enqueue(Buffer.from("half"));
  expect((await reader.read()).value).toHaveLength(4);
  sources[0]!.error(new Error("broken"));
  await expect(reader.read()).rejects.toThrow("broken");
  expect(edge.stats).toMatchObject({ fills: 0, entries: 0, bytes: 0 });
});

test("a body without any length is passed on, but is no hit: nobody knows whether it was whole", async () => {
  const origin = await upstream((_request, response) => {
    response.useChunkedEncodingByDefault = false;
    response.shouldKeepAlive = false;
    response.setHeader("cache-control", "max-age=60");
    response.removeHeader("transfer-encoding");
    response.write("until the end");
    response.end();
  });
  const { url, edge } = await serveEdge({ upstreams: [origin] });
  const response = await fetch(`${url}/a`);
  expect(response.headers.get("cache-status")).toBe("ami-edge; fwd=uri-miss; detail=no-length");
  expect(await response.text()).toBe("until the end");
  expect(edge.stats.entries).toBe(0);
});

test("a client that never reads holds up neither the fill nor the others, and costs no more than the object", async () => {
  const size = 8 * 1024 * 1024;
  const origin = await upstream((_request, response) => {
    response.setHeader("cache-control", "max-age=60");
    response.end(Buffer.alloc(size));
  });
  const { url, port, edge } = await serveEdge({ upstreams: [origin] });
  const stuck = await connectRaw(port);
  onTestFinished(() => stuck[Symbol.dispose]());
  stuck.socket.pause();
  stuck.write("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  await expect.poll(() => edge.stats.requests).toBe(1);
  const others = await Promise.all(Array.from({ length: 5 }, () => fetch(`${url}/a`).then((r) => r.bytes())));
  for (const other of others) expect(other.byteLength).toBe(size);
  await expect.poll(() => edge.stats.fills).toBe(0);
  for (let turn = 0; turn < 2; turn += 1) expect((await (await fetch(`${url}/a`)).bytes()).byteLength).toBe(size);
  expect(edge.stats.hits).toBeGreaterThanOrEqual(2);
  expect(edge.stats.bytes).toBeLessThan(size + 10_000);
  expect(edge.stats.upstreamRequests).toBe(1);
});

test.each(["a hit", "a fill"])(
  "what a client that never reads keeps in memory (%s) counts against the cache's bytes until it leaves",
  async (how) => {
    const size = 24 * 1024 * 1024;
    const origin = await upstream((_request, response) => {
      response.setHeader("cache-control", "max-age=60");
      response.end(Buffer.alloc(size));
    });
    const { url, port, edge } = await serveEdge({ upstreams: [origin], cache: { maxBytes: 32 * 1024 * 1024 } });
    const read = async (path: string): Promise<string | null> => {
      const response = await fetch(url + path);
      expect((await response.bytes()).byteLength).toBe(size);
      return response.headers.get("cache-status");
    };
    if (how === "a hit") await read("/a");
    const stuck = await connectRaw(port);
    onTestFinished(() => stuck[Symbol.dispose]());
    stuck.socket.once("data", () => stuck.socket.pause());
    stuck.write("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    await expect.poll(() => edge.stats.bytesToClients).toBeGreaterThan(how === "a hit" ? size : 0);
    await expect.poll(() => edge.stats).toMatchObject({ fills: 0, entries: 1 });
    await read("/b");
    expect(await read("/b")).not.toContain("hit");
    expect(edge.stats).toMatchObject({ entries: 0 });
    expect(edge.stats.bytes).toBeGreaterThanOrEqual(size);
    stuck.socket.destroy();
    await expect.poll(() => edge.stats.bytes).toBe(0);
    await read("/b");
    expect(await read("/b")).toContain("hit");
  },
);

test("a fill that everybody has left is cancelled, unless it is nearly done", async () => {
  const [asked, ask] = gate<ServerResponse>();
  const origin = await upstream((_request, response) => {
    response.writeHead(200, { "cache-control": "max-age=60" });
    response.write("begin");
    ask(response);
  });
  const { port, edge } = await serveEdge({ upstreams: [origin] });
  const client = await connectRaw(port);
  client.write("GET /growing HTTP/1.1\r\nHost: a\r\n\r\n");
  await client.until(/begin/);
  const source = await asked;
  client.socket.destroy();
  await once(source, "close");
  await expect.poll(() => edge.stats.fills).toBe(0);
  expect(edge.stats.entries).toBe(0);
});

test("blocking reloads are one upstream request per playlist, part and MSN, whoever asks in whatever order", async () => {
  const [released, release] = gate();
  const asked: (string | undefined)[] = [];
  const origin = await upstream(async (request, response) => {
    asked.push(request.url);
    await released;
    response.setHeader("cache-control", "max-age=6");
    response.end("#EXTM3U");
  });
  const { url, edge } = await serveEdge({ upstreams: [origin] });
  const asks = [
    "/live/demo/720p/index.m3u8?_HLS_msn=12&_HLS_part=3",
    "/live/demo/720p/index.m3u8?_HLS_part=3&_HLS_msn=12",
    "/live/demo/720p/index.m3u8?_HLS_part=03&_HLS_msn=012&CMCD=bl%3D200",
    "/live/demo/720p/index.m3u8?_HLS_msn=12&_HLS_part=4",
  ].map((path) => fetch(url + path).then((response) => response.text()));
  await expect.poll(() => edge.stats.requests).toBe(4);
  release();
  expect(await Promise.all(asks)).toEqual(Array.from({ length: 4 }, () => "#EXTM3U"));
  expect(asked.sort()).toEqual([
    "/live/demo/720p/index.m3u8?_HLS_msn=12&_HLS_part=3",
    "/live/demo/720p/index.m3u8?_HLS_msn=12&_HLS_part=4",
  ]);
});

test("an upstream that hangs is a 504; the next upstream is asked where there is one", async () => {
  const hanging = await upstream(() => {});
  const alone = await serveEdge({ upstreams: [hanging], timeouts: { head: 50 } });
  const late = await fetch(`${alone.url}/a`);
  expect(late.status).toBe(504);
  expect(await late.json()).toMatchObject({ error: { code: "UPSTREAM_TIMEOUT" } });
  const both = await serveEdge({ upstreams: [hanging, () => new Response("spare")], timeouts: { head: 50 } });
  expect(await (await fetch(`${both.url}/a`)).text()).toBe("spare");
});

test("an upstream that hangs in the middle of a body is an error for its readers", async () => {
  const origin = await upstream((_request, response) => {
    response.writeHead(200, { "content-length": "10", "cache-control": "max-age=60" });
    response.write("half!");
  });
  const { url, edge } = await serveEdge({ upstreams: [origin], timeouts: { body: 60 } });
  await expect(fetch(`${url}/a`).then((response) => response.text())).rejects.toThrow();
  await expect.poll(() => edge.stats.fills).toBe(0);
  expect(edge.stats.entries).toBe(0);
});

test("no upstream at all is a 502 that does not say where it would be", async () => {
  const { url, edge } = await serveEdge({ upstreams: ["http://127.0.0.1:1"] });
  const response = await fetch(`${url}/a`);
  expect(response.status).toBe(502);
  const body = await response.text();
  expect(JSON.parse(body)).toMatchObject({ error: { code: "UPSTREAM_UNREACHABLE" } });
  expect(body).not.toContain("127.0.0.1");
  expect(edge.stats.errors).toBe(1);
});

test("an upstream that is down is asked last for a while; POST is sent once", async () => {
  const asked: string[] = [];
  const failing: FetchHandler = ({ method }) => {
    asked.push(`failing ${method}`);
    return new Response("broken", { status: 502 });
  };
  const working: FetchHandler = ({ method }) => {
    asked.push(`working ${method}`);
    return new Response("fine");
  };
  const state = { now: 0 };
  await using edge = createEdge({ upstreams: [failing, working], clock: () => state.now });
  const ask = async (method: string) => (await edge.handle(new Request("http://edge/a", { method }))).status;
  expect(await ask("POST")).toBe(502);
  expect(await ask("GET")).toBe(200);
  expect(await ask("GET")).toBe(200);
  state.now = 10_000;
  expect(await ask("GET")).toBe(200);
  expect(asked).toEqual(["failing POST", "working GET", "working GET", "failing GET", "working GET"]);
});

test("when all is closed nothing is left running", async () => {
  const kinds = (): Record<string, number> => {
    const counted: Record<string, number> = {};
    for (const kind of process.getActiveResourcesInfo()) counted[kind] = (counted[kind] ?? 0) + 1;
    return { timers: counted.Timeout ?? 0, sockets: (counted.TCPSocketWrap ?? 0) + (counted.TCPServerWrap ?? 0) };
  };
  const origin = createServer({ handler: () => new Response("body"), port: 0, host: "127.0.0.1" });
  await (await origin).close();
  const before = kinds();
  const upstreamServer = await createServer({
    port: 0,
    host: "127.0.0.1",
    handler: () => new Response("body", { headers: { "cache-control": "max-age=60" } }),
  });
  const edge = createEdge({ upstreams: [upstreamServer.url] });
  const server = await createServer({ handler: edge.handle, port: 0, host: "127.0.0.1" });
  const clients = await Promise.all(Array.from({ length: 5 }, () => connectRaw(server.port)));
  for (const client of clients) {
    client.write("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(/body/);
  }
  await server.close();
  await edge.close();
  await upstreamServer.close();
  await Promise.all(clients.map((client) => client.closed()));
  await expect.poll(() => kinds().sockets).toBeLessThanOrEqual(before.sockets!);
});
