/** The edge from outside: real sockets, an origin that does what the test says. */

import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { connectRaw } from "../server/raw-client.test-peer.ts";
import { createServer } from "../server/server.ts";
import { createEdge, type Edge } from "./edge.ts";
import type { EdgeOptions } from "./options.ts";

/** An upstream of bare node:http: `listener` may misbehave as it likes. */
async function upstream(listener: RequestListener): Promise<string> {
  const server = createHttpServer({ keepAliveTimeout: 1000 }, listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** An edge behind a server. */
async function serveEdge(options: EdgeOptions): Promise<{ edge: Edge; url: string; port: number }> {
  const edge = createEdge(options);
  const server = await createServer({ handler: edge.handle, port: 0, host: "127.0.0.1" });
  onTestFinished(async () => {
    await server.close();
    await edge.close();
  });
  return { edge, url: server.url, port: server.port };
}

/** A promise, and what resolves it. */
function gate<T = void>(): [Promise<T>, (value: T) => void] {
  let open = (_value: T): void => {};
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return [opened, open];
}

/** An upstream in the process that counts, answers with text and the fields given, and whose clock the test moves. */
function cached(fields: Record<string, string>, body: (request: Request, turn: number) => string = (_r, n) => `${n}`) {
  const state = { asked: 0, now: Date.UTC(2026, 0, 1), requests: [] as Request[] };
  const handler: FetchHandler = (request) => {
    state.asked += 1;
    state.requests.push(request);
    return bytesResponse(Buffer.from(body(request, state.asked)), { headers: fields });
  };
  const edge = createEdge({ upstreams: [handler], clock: () => state.now });
  onTestFinished(() => edge.close());
  const ask = (path: string, init?: RequestInit): Promise<Response> =>
    Promise.resolve(edge.handle(new Request(`http://edge${path}`, init)));
  return { state, edge, ask };
}

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
  const spare = await upstream((_request, response) => response.end("spare"));
  const both = await serveEdge({ upstreams: [hanging, spare], timeouts: { head: 50 } });
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

test("an upstream that failed is asked last for a while; POST is sent once", async () => {
  const asked: string[] = [];
  const failing: FetchHandler = ({ method }) => {
    asked.push(`failing ${method}`);
    return new Response("broken", { status: 503 });
  };
  const working: FetchHandler = ({ method }) => {
    asked.push(`working ${method}`);
    return new Response("fine");
  };
  const state = { now: 0 };
  await using edge = createEdge({ upstreams: [failing, working], clock: () => state.now });
  const ask = async (method: string) => (await edge.handle(new Request("http://edge/a", { method }))).status;
  expect(await ask("POST")).toBe(503);
  expect(await ask("GET")).toBe(200);
  expect(await ask("GET")).toBe(200);
  state.now = 10_000;
  expect(await ask("GET")).toBe(200);
  expect(asked).toEqual(["failing POST", "failing GET", "working GET", "working GET", "failing GET", "working GET"]);
});

test("fresh answers are hits with Age; stale ones are asked for again", async () => {
  const { state, ask } = cached({ "cache-control": "max-age=10" });
  expect((await ask("/a")).headers.get("cache-status")).toBe("ami-edge; fwd=uri-miss; stored; ttl=10");
  state.now += 4_000;
  const hit = await ask("/a");
  expect(hit.headers.get("cache-status")).toBe("ami-edge; hit; ttl=6");
  expect(hit.headers.get("age")).toBe("4");
  expect(hit.headers.get("via")).toBe("1.1 ami-edge");
  expect(await hit.text()).toBe("1");
  state.now += 6_000;
  const miss = await ask("/a");
  expect(await miss.text()).toBe("2");
});

test("a stale answer with an ETag is asked about, and 304 makes it fresh again", async () => {
  const state = { now: 0, asked: [] as (string | null)[] };
  await using edge = createEdge({
    clock: () => state.now,
    upstreams: [
      (request) => {
        const condition = request.headers.get("if-none-match");
        state.asked.push(condition);
        const headers = { etag: '"1"', "cache-control": "max-age=10", "x-turn": String(state.asked.length) };
        return condition === '"1"' ? new Response(null, { status: 304, headers }) : new Response("body", { headers });
      },
    ],
  });
  const ask = async () => await edge.handle(new Request("http://edge/a"));
  await (await ask()).text();
  state.now = 11_000;
  const revalidated = await ask();
  expect(revalidated.headers.get("cache-status")).toBe("ami-edge; fwd=stale; fwd-status=304");
  expect(revalidated.headers.get("x-turn")).toBe("2");
  expect(await revalidated.text()).toBe("body");
  state.now = 15_000;
  expect((await ask()).headers.get("cache-status")).toBe("ami-edge; hit; ttl=6");
  expect(state.asked).toEqual([null, '"1"']);
});

test("stale-while-revalidate serves at once and asks in the background", async () => {
  const { state, ask } = cached({ "cache-control": "max-age=10, stale-while-revalidate=30" });
  await ask("/a");
  state.now += 12_000;
  const stale = await ask("/a");
  expect(stale.headers.get("cache-status")).toBe("ami-edge; hit; ttl=-2");
  expect(await stale.text()).toBe("1");
  await expect.poll(() => state.asked).toBe(2);
  await expect.poll(async () => (await ask("/a")).text()).toBe("2");
  expect(state.asked).toBe(2);
});

test("stale-if-error stands in for an upstream that fails", async () => {
  const state = { now: 0, fails: false };
  await using edge = createEdge({
    clock: () => state.now,
    upstreams: [
      () => {
        if (state.fails) throw new Error("down");
        return new Response("fine", { headers: { "cache-control": "max-age=10, stale-if-error=60" } });
      },
    ],
  });
  const ask = async () => await edge.handle(new Request("http://edge/a"));
  await (await ask()).text();
  Object.assign(state, { now: 20_000, fails: true });
  const stale = await ask();
  expect(stale.status).toBe(200);
  expect(stale.headers.get("cache-status")).toBe("ami-edge; hit; ttl=-10; detail=stale-if-error");
  state.now = 100_000;
  expect((await ask()).status).toBe(502);
});

test.each([
  [{ "cache-control": "no-store" }, "no-store"],
  [{ "cache-control": "private, max-age=60" }, "private"],
  [{ "cache-control": "max-age=60", "set-cookie": "a=b" }, "set-cookie"],
  [{ "cache-control": "max-age=60", vary: "*" }, "vary-star"],
  [{}, "no-lifetime"],
])("%j is not stored: %s", async (fields, reason) => {
  const { state, edge, ask } = cached(fields as Record<string, string>);
  expect((await ask("/a")).headers.get("cache-status")).toBe(`ami-edge; fwd=uri-miss; detail=${reason}`);
  await ask("/a");
  expect(state.asked).toBe(2);
  expect(edge.stats.entries).toBe(0);
});

test("what is private is never given to another who asked at the same time", async () => {
  const [released, release] = gate();
  let asked = 0;
  await using edge = createEdge({
    upstreams: [
      async () => {
        asked += 1;
        const mine = String(asked);
        await released;
        return new Response(mine, { headers: { "cache-control": "private" } });
      },
    ],
  });
  const both = [1, 2].map(async () => await (await edge.handle(new Request("http://edge/me"))).text());
  release();
  expect((await Promise.all(both)).sort()).toEqual(["1", "2"]);
});

test("an answer to Authorization is only stored where it says it may be", async () => {
  const init = { headers: { authorization: "Bearer x" } };
  const closed = cached({ "cache-control": "max-age=60" });
  await closed.ask("/a", init);
  await closed.ask("/a");
  expect(closed.state.asked).toBe(2);
  const open = cached({ "cache-control": "public, max-age=60" });
  await open.ask("/a", init);
  await open.ask("/a");
  expect(open.state.asked).toBe(1);
});

test("a missing object at the live edge is remembered for a moment only", async () => {
  const state = { now: 0, asked: 0 };
  await using edge = createEdge({
    clock: () => state.now,
    upstreams: [
      () => {
        state.asked += 1;
        return new Response("not yet", { status: 404 });
      },
    ],
  });
  const ask = async () => await (await edge.handle(new Request("http://edge/part9.m4s"))).text();
  await ask();
  await ask();
  expect(state.asked).toBe(1);
  state.now = 1_000;
  await ask();
  expect(state.asked).toBe(2);
});

test("answers that vary are kept side by side", async () => {
  const { state, ask } = cached(
    { "cache-control": "max-age=60", vary: "Origin" },
    (request) => request.headers.get("origin") ?? "none",
  );
  for (const origin of ["https://a", "https://b", "https://a", "https://b"]) {
    expect(await (await ask("/a", { headers: { origin } })).text()).toBe(origin);
  }
  expect(state.asked).toBe(2);
  const both = await Promise.all(
    ["https://c", "https://d"].map(async (origin) => await (await ask("/a", { headers: { origin } })).text()),
  );
  expect(both).toEqual(["https://c", "https://d"]);
});

test("ranges, conditions and HEAD are answered from the whole object", async () => {
  const { state, ask } = cached({ "cache-control": "max-age=60", etag: '"e"' }, () => "0123456789");
  const first = await ask("/a", { headers: { range: "bytes=2-4" } });
  expect([first.status, await first.text(), first.headers.get("content-range")]).toEqual([206, "234", "bytes 2-4/10"]);
  const hit = await ask("/a", { headers: { range: "bytes=-3" } });
  expect([hit.status, await hit.text(), hit.headers.get("content-length")]).toEqual([206, "789", "3"]);
  const beyond = await ask("/a", { headers: { range: "bytes=10-" } });
  expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
  const same = await ask("/a", { headers: { "if-none-match": 'W/"e"' } });
  expect([same.status, same.headers.get("etag"), same.headers.get("content-length")]).toEqual([304, '"e"', null]);
  const changed = await ask("/a", { headers: { range: "bytes=0-1", "if-range": '"other"' } });
  expect([changed.status, await changed.text()]).toEqual([200, "0123456789"]);
  const head = await ask("/a", { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "10", ""]);
  expect(state.asked).toBe(1);
  expect(state.requests[0]?.headers.get("range")).toBeNull();
});

test("a range of a growing object is answered as soon as it is there", async () => {
  const [ended, end] = gate();
  async function* growing(): AsyncGenerator<Uint8Array> {
    yield Buffer.from("0123");
    yield Buffer.from("4567");
    await ended;
    yield Buffer.from("89");
  }
  await using edge = createEdge({
    upstreams: [() => new Response(ReadableStream.from(growing()), { headers: { "cache-control": "max-age=60" } })],
  });
  const part = await edge.handle(new Request("http://edge/a", { headers: { range: "bytes=2-5" } }));
  expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 2-5/*", "2345"]);
  const rest = edge.handle(new Request("http://edge/a", { headers: { range: "bytes=8-" } }));
  end();
  expect(await (await rest).text()).toBe("89");
});

test("an object over the bound is passed on whole and in part, and not stored", async () => {
  const body = "x".repeat(5000);
  const seen: (string | null)[] = [];
  await using edge = createEdge({
    cache: { maxObjectBytes: 1000 },
    upstreams: [
      (request) => {
        const range = request.headers.get("range");
        seen.push(range);
        const headers = { "cache-control": "max-age=60" };
        if (range === null) return bytesResponse(Buffer.from(body), { headers });
        return bytesResponse(Buffer.from("part"), {
          status: 206,
          headers: { ...headers, "content-range": "bytes 0-3/5000" },
        });
      },
    ],
  });
  const whole = await edge.handle(new Request("http://edge/a"));
  expect(whole.headers.get("cache-status")).toBe("ami-edge; fwd=uri-miss; detail=too-large");
  expect(await whole.text()).toBe(body);
  const part = await edge.handle(new Request("http://edge/a", { headers: { range: "bytes=0-3" } }));
  expect([part.status, await part.text()]).toEqual([206, "part"]);
  expect(seen).toEqual([null, "bytes=0-3"]);
  expect(edge.stats).toMatchObject({ entries: 0, bytes: 0 });
});

test("the cache never holds more than its bytes", async () => {
  const handler: FetchHandler = () =>
    bytesResponse(Buffer.alloc(10_000), { headers: { "cache-control": "max-age=60" } });
  await using edge = createEdge({ upstreams: [handler], cache: { maxBytes: 100_000 } });
  for (let name = 0; name < 50; name += 1) {
    expect((await (await edge.handle(new Request(`http://edge/${name}`))).bytes()).byteLength).toBe(10_000);
    expect(edge.stats.bytes).toBeLessThanOrEqual(100_000);
  }
  expect(edge.stats.entries).toBeGreaterThan(5);
});

test("methods that change something are passed on, and what was stored is forgotten", async () => {
  const { state, ask } = cached({ "cache-control": "max-age=60" });
  await ask("/a");
  const put = await ask("/a", { method: "PUT", body: "new" });
  expect(put.headers.get("cache-status")).toBe("ami-edge; fwd=method");
  await ask("/a");
  expect(state.asked).toBe(3);
});

test("hop-by-hop fields, and those this edge answers, do not reach the upstream; hop-by-hop ones do not reach the client", async () => {
  const [seen, see] = gate<Record<string, string | string[] | undefined>>();
  const origin = await upstream((request, response) => {
    see(request.headers);
    response.writeHead(200, { connection: "x-hop", "x-hop": "1", "keep-alive": "timeout=9", "x-end": "1" });
    response.end("body");
  });
  const { port } = await serveEdge({ upstreams: [origin] });
  const client = await connectRaw(port);
  client.write(
    "GET /a HTTP/1.1\r\nHost: edge\r\nConnection: close, x-mine\r\nX-Mine: 1\r\nTE: trailers\r\nX-Forwarded-For: 6.6.6.6\r\n" +
      "Range: bytes=0-1\r\nIf-None-Match: *\r\nX-End: 1\r\nVia: 1.1 first\r\n\r\n",
  );
  const answer = (await client.closed()).toLowerCase();
  const headers = await seen;
  expect(headers["x-end"]).toBe("1");
  expect(headers.via).toBe("1.1 first, 1.1 ami-edge");
  for (const name of ["x-mine", "te", "x-forwarded-for", "if-none-match"]) expect(headers[name]).toBeUndefined();
  expect(answer).toContain("x-end: 1");
  expect(answer).not.toContain("x-hop");
  expect(answer).not.toContain("timeout=9");
});

test("an edge that is its own upstream says so instead of asking itself for ever", async () => {
  const handlers: FetchHandler[] = [];
  await using edge = createEdge({ upstreams: [(request) => handlers[0]!(request)], name: "loop" });
  handlers.push(edge.handle);
  const response = await edge.handle(new Request("http://edge/a"));
  expect(response.status).toBe(508);
  expect(await response.json()).toMatchObject({ error: { code: "LOOP_DETECTED" } });
});

test("an edge behind an edge: both say what they did", async () => {
  const { edge, ask } = cached({ "cache-control": "max-age=60" });
  await using outer = createEdge({ upstreams: [edge.handle], name: "outer" });
  await ask("/a");
  const response = await outer.handle(new Request("http://edge/a"));
  expect(response.headers.get("cache-status")).toBe("ami-edge; hit; ttl=60, outer; fwd=uri-miss; stored; ttl=60");
  expect(response.headers.get("via")).toBe("1.1 outer");
});

test.each(["/a%2f..%2fb", "/%252e%252e/", "/a//b", "/a%00"])(
  "%s is a 400 with a code, and asks no upstream",
  async (path) => {
    const { state, ask } = cached({ "cache-control": "max-age=60" });
    const response = await ask(path);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "INVALID_PATH" } });
    expect(state.asked).toBe(0);
  },
);

test("closing ends what is arriving", async () => {
  const origin = await upstream((_request, response) => response.write("begin"));
  const edge = createEdge({ upstreams: [origin] });
  const response = await edge.handle(new Request("http://edge/a"));
  const broken = expect(response.text()).rejects.toThrow();
  await edge.close();
  await broken;
  expect(edge.stats.fills).toBe(0);
});

test.each([
  [{ upstreams: [] }],
  [{ upstreams: ["ftp://origin"] }],
  [{ upstreams: ["origin"] }],
  [{ upstreams: ["http://origin"], cache: { maxBytes: 0 } }],
  [{ upstreams: ["http://origin"], name: "no token" }],
])("options that make no sense are refused: %j", (options) => {
  expect(() => createEdge(options)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});
