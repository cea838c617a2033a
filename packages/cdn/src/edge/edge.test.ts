/** HTTP caching by the edge, as clients see it. */

import { expect, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { connectRaw } from "../server/raw-client.test-peer.ts";
import { cached, gate, serveEdge, upstream } from "./edge.test-setup.ts";
import { createEdge } from "./edge.ts";

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

test("a miss and the hit after it say the same ttl, which with Age makes the lifetime; what is stale is below zero", async () => {
  const { state, ask } = cached({ "cache-control": "max-age=10, stale-while-revalidate=10", age: "3" });
  const said = async (): Promise<unknown[]> => {
    const { headers } = await ask("/a");
    return [headers.get("cache-status"), headers.get("age")];
  };
  state.now += 400;
  expect(await said()).toEqual(["ami-edge; fwd=uri-miss; stored; ttl=7", "3"]);
  state.now += 400;
  expect(await said()).toEqual(["ami-edge; hit; ttl=7", "3"]);
  state.now += 6_700;
  expect(await said()).toEqual(["ami-edge; hit; ttl=-1; detail=stale-while-revalidate", "10"]);
});

test("an answer is as old as the caches before this one say", async () => {
  const { state, ask } = cached({ "cache-control": "max-age=60", age: "50, 7" });
  expect((await ask("/a")).headers.get("age")).toBe("50");
  state.now += 9_000;
  expect(await (await ask("/a")).text()).toBe("1");
  state.now += 2_000;
  expect(await (await ask("/a")).text()).toBe("2");
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
  expect(stale.headers.get("cache-status")).toBe("ami-edge; hit; ttl=-2; detail=stale-while-revalidate");
  expect(await stale.text()).toBe("1");
  await expect.poll(() => state.asked).toBe(2);
  await expect.poll(async () => (await ask("/a")).text()).toBe("2");
  expect(state.asked).toBe(2);
});

test("a background refresh that turns out too large for the cache ends, with nobody reading it", async () => {
  const state = { now: 0, asked: 0 };
  let cancelled = 0;
  await using edge = createEdge({
    clock: () => state.now,
    cache: { maxObjectBytes: 2_000_000 },
    upstreams: [
      () => {
        state.asked += 1;
        const headers = { "cache-control": "max-age=10, stale-while-revalidate=30" };
        if (state.asked === 1) return new Response("small", { headers });
        const endless = new ReadableStream<Uint8Array>({
          pull: (controller) => controller.enqueue(new Uint8Array(100_000)),
          cancel: () => {
            cancelled += 1;
          },
        });
        return new Response(endless, { headers });
      },
    ],
  });
  const ask = async () => await (await edge.handle(new Request("http://edge/a"))).text();
  await ask();
  state.now = 12_000;
  expect(await ask()).toBe("small");
  await expect.poll(() => cancelled).toBe(1);
  expect(edge.stats.fills).toBe(0);
  expect(edge.stats.bytes).toBeLessThan(10_000);
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
  [{ "cache-control": "no-cache" }, "no-cache"],
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

test("a cache that is made smaller gives up at once what no longer fits; made larger, it stores what it could not", async () => {
  const handler: FetchHandler = ({ url }) =>
    bytesResponse(Buffer.alloc(Number(new URL(url).pathname.slice(1))), { headers: { "cache-control": "max-age=60" } });
  await using edge = createEdge({ upstreams: [handler], cache: { maxBytes: 100_000 } });
  const ask = async (bytes: number) => {
    const response = await edge.handle(new Request(`http://edge/${bytes}`));
    await response.bytes();
    return response.headers.get("cache-status");
  };
  for (let bytes = 10_000; bytes < 15_000; bytes += 1000) await ask(bytes);
  expect(edge.stats.entries).toBe(5);
  edge.resize(30_000);
  expect(edge.stats.bytes).toBeLessThanOrEqual(30_000);
  expect(edge.stats.entries).toBeGreaterThan(0);
  await ask(150_000);
  expect(await ask(150_000)).toMatch(/fwd=uri-miss/);
  edge.resize(200_000);
  await ask(150_001);
  expect(await ask(150_001)).toMatch(/; hit/);
  expect(() => edge.resize(0)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
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
  const { edge, ask, state } = cached({ "cache-control": "max-age=60" });
  await using outer = createEdge({ upstreams: [edge.handle], name: "outer", clock: () => state.now });
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

test("a body is passed on as it comes, with its length or in chunks", async () => {
  const origin = await upstream(async (request, response) => {
    let size = 0;
    for await (const chunk of request) size += chunk.length;
    const { "content-length": length, "transfer-encoding": coding } = request.headers;
    response.end(`${request.method} ${size} ${length ?? coding} ${request.headers["x-forwarded-for"]}`);
  });
  const { url } = await serveEdge({ upstreams: [origin] });
  const known = await fetch(`${url}/a`, { method: "POST", body: "hello" });
  expect(await known.text()).toBe("POST 5 5 127.0.0.1");
  const chunks = ReadableStream.from([Buffer.from("hello "), Buffer.from("world")]);
  const streamed = await fetch(`${url}/a`, { method: "PUT", body: chunks, duplex: "half" });
  expect(await streamed.text()).toBe("PUT 11 chunked 127.0.0.1");
});

test("edges in a row relay a growing object chunk by chunk", async () => {
  const [asked, ask] = gate<ReadableStreamDefaultController<Uint8Array>>();
  const shield = await serveEdge({
    name: "shield",
    upstreams: [
      () =>
        new Response(new ReadableStream<Uint8Array>({ start: (controller) => ask(controller) }), {
          headers: { "cache-control": "public, max-age=31536000, immutable" },
        }),
    ],
  });
  const outer = await serveEdge({ name: "outer", upstreams: [shield.url] });
  const [first, second] = await Promise.all([fetch(`${outer.url}/part`), fetch(`${outer.url}/part`)]);
  const source = await asked;
  const readers = [first.body!.getReader(), second.body!.getReader()];
  for (const text of ["one", "two", "three"]) {
    source.enqueue(Buffer.from(text));
    for (const reader of readers) expect(Buffer.from((await reader.read()).value!).toString()).toBe(text);
  }
  source.close();
  for (const reader of readers) expect((await reader.read()).done).toBe(true);
  expect(first.headers.get("cache-status")).toMatch(/^shield; fwd=uri-miss; stored; ttl=\d+, outer; fwd=uri-miss; /);
  const hit = await fetch(`${outer.url}/part`);
  expect(hit.headers.get("cache-status")).toMatch(/, outer; hit; ttl=\d+$/);
  expect(await hit.text()).toBe("onetwothree");
});
