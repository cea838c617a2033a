/** The origin, as the edge and the browser see it. */

import { expect, test } from "vitest";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { connectRaw } from "../server/raw-client.test-peer.ts";
import { createServer } from "../server/server.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { createOrigin, type OriginOptions } from "./origin.ts";

const demo: FetchHandler = (request) =>
  new Response(`${request.method} ${new URL(request.url).pathname}${new URL(request.url).search}`, {
    headers: { "cache-control": "max-age=1", "content-type": "text/plain" },
  });

async function origin(options: OriginOptions = {}): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const vod = createMemoryStore({ clock: () => Date.UTC(2026, 0, 2, 3, 4, 5) });
  await vod.put("clip/a.m4s", Buffer.from("0123456789"));
  await vod.put("clip/index.m3u8", Buffer.from("#EXTM3U"));
  const live = {
    get: (name: string) => (name === "demo" || name === "café" ? demo : undefined),
    list: () => [{ name: "demo", startedAt: "2026-01-01T00:00:00Z" }],
  };
  const handler = createOrigin({ live, vod, ...options });
  return async (path, init) => await handler(new Request(`http://origin${path}`, init));
}

test("a live stream's handler gets the path relative to the stream, and its answer passes as it is", async () => {
  const ask = await origin();
  const response = await ask("/live/demo/720p/index.m3u8?_HLS_msn=3");
  expect(await response.text()).toBe("GET /720p/index.m3u8?_HLS_msn=3");
  expect(response.headers.get("cache-control")).toBe("max-age=1");
  expect(await (await ask("/live/caf%C3%A9/x")).text()).toBe("GET /x");
});

test("what is live is listed, and the list is kept by edges alone, for a second", async () => {
  const ask = await origin();
  const response = await ask("/live.json");
  expect(await response.json()).toEqual({ streams: [{ name: "demo", startedAt: "2026-01-01T00:00:00Z" }] });
  expect(response.headers.get("cache-control")).toBe("no-cache");
  expect(response.headers.get("cdn-cache-control")).toBe("max-age=1");
});

test("an object comes with what caches and browsers need to know", async () => {
  const ask = await origin();
  const response = await ask("/vod/clip/a.m4s");
  expect(await response.text()).toBe("0123456789");
  expect(Object.fromEntries(response.headers)).toEqual({
    "accept-ranges": "bytes",
    "access-control-allow-origin": "*",
    "access-control-expose-headers":
      "Age, Cache-Status, Content-Length, Content-Range, Date, ETag, Server-Timing, CMSD-Static, CMSD-Dynamic",
    "cache-control": "public, max-age=86400",
    "content-length": "10",
    "content-type": "video/iso.segment",
    etag: expect.stringMatching(/^".{27}"$/),
    "last-modified": "Fri, 02 Jan 2026 03:04:05 GMT",
    "timing-allow-origin": "*",
    "x-content-type-options": "nosniff",
  });
  expect((await ask("/vod/clip/index.m3u8")).headers.get("cache-control")).toBe("public, max-age=10");
});

test.each([
  ["bytes=0-3", 206, "0123", "bytes 0-3/10"],
  ["bytes=-2", 206, "89", "bytes 8-9/10"],
  ["bytes=4-", 206, "456789", "bytes 4-9/10"],
  ["bytes=0-1,2-3", 206, "0123", "bytes 0-3/10"],
  ["bytes=0-1,8-9", 200, "0123456789", null],
  ["lines=1-2", 200, "0123456789", null],
  ["bytes=10-", 416, null, "bytes */10"],
  ["bytes=3-1", 416, null, "bytes */10"],
  ["bytes=99999999999999999999-", 416, null, "bytes */10"],
  ["bytes=x", 416, null, "bytes */10"],
])("Range %s is %i", async (range, status, body, contentRange) => {
  const ask = await origin();
  const response = await ask("/vod/clip/a.m4s", { headers: { range } });
  expect([response.status, response.headers.get("content-range")]).toEqual([status, contentRange]);
  if (body === null) expect(await response.json()).toMatchObject({ error: { code: "RANGE_NOT_SATISFIABLE" } });
  else expect(await response.text()).toBe(body);
});

test("conditions are answered: 304, 412, and If-Range", async () => {
  const ask = await origin();
  const etag = (await ask("/vod/clip/a.m4s")).headers.get("etag")!;
  const status = async (headers: Record<string, string>) => (await ask("/vod/clip/a.m4s", { headers })).status;
  expect(await status({ "if-none-match": etag })).toBe(304);
  expect(await status({ "if-modified-since": "Fri, 02 Jan 2026 03:04:05 GMT" })).toBe(304);
  expect(await status({ "if-match": '"other"' })).toBe(412);
  expect(await status({ range: "bytes=0-1", "if-range": etag })).toBe(206);
  expect(await status({ range: "bytes=0-1", "if-range": '"other"' })).toBe(200);
});

test("HEAD is GET without its body", async () => {
  const ask = await origin();
  const response = await ask("/vod/clip/a.m4s", { method: "HEAD" });
  expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([200, "10", ""]);
});

test.each(["/", "/nothing", "/live", "/live/demo", "/live/other/index.m3u8", "/vod/none.mp4", "/live.json/x"])(
  "%s is a 404 that caches keep for a second",
  async (path) => {
    const ask = await origin();
    const response = await ask(path);
    expect([response.status, response.headers.get("cache-control")]).toEqual([404, "public, max-age=1"]);
    expect(await response.json()).toMatchObject({ error: { code: "NOT_FOUND" } });
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
  },
);

test.each([
  "/vod/clip%2fa.m4s",
  "/vod/clip%5Ca.m4s",
  "/vod/%00",
  "/vod/%252e%252e/etc/passwd",
  "/vod//a",
  "/live//x",
  "/vod/%C3",
  "/vod/.hidden",
  "/vod/",
])("%s is a 400 with a code", async (path) => {
  const ask = await origin();
  const response = await ask(path);
  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ error: { code: expect.stringMatching(/^INVALID_(?:PATH|KEY)$/) } });
});

test("dot segments are refused by the server, before a URL would resolve them", async () => {
  const vod = createMemoryStore();
  await using server = await createServer({ handler: createOrigin({ vod }), port: 0, host: "127.0.0.1" });
  for (const path of ["/vod/../live.json", "/vod/%2e%2e/live.json", "/vod/..\\x"]) {
    using client = await connectRaw(server.port);
    client.write(`GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
    const answer = await client.closed();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"INVALID_PATH"');
  }
});

test.each(["POST", "PUT", "DELETE", "PATCH"])("%s is not allowed, and told what is", async (method) => {
  const ask = await origin();
  const response = await ask("/vod/clip/a.m4s", { method });
  expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD, OPTIONS"]);
  expect(await response.json()).toMatchObject({ error: { code: "METHOD_NOT_ALLOWED" } });
});

test("a preflight is answered once a day", async () => {
  const ask = await origin();
  const headers = { origin: "https://tv.example", "access-control-request-headers": "range, x-session" };
  const response = await ask("/live/demo/index.m3u8", { method: "OPTIONS", headers });
  expect(response.status).toBe(204);
  expect(response.headers.get("access-control-allow-methods")).toBe("GET, HEAD, OPTIONS");
  expect(response.headers.get("access-control-allow-headers")).toBe("range, x-session");
  expect(response.headers.get("access-control-max-age")).toBe("86400");
});

test("where only some sites may read, answers say which and vary by it", async () => {
  const ask = await origin({ cors: { origins: ["https://tv.example"] } });
  const from = async (site: string) => (await ask("/live.json", { headers: { origin: site } })).headers;
  const allowed = await from("https://tv.example");
  expect([allowed.get("access-control-allow-origin"), allowed.get("vary")]).toEqual(["https://tv.example", "Origin"]);
  const refused = await from("https://other.example");
  expect([refused.get("access-control-allow-origin"), refused.get("vary")]).toEqual([null, "Origin"]);
});

test("a stream that fails is a 500 that does not say why, and others go on", async () => {
  const live = {
    get: (name: string): FetchHandler => (name === "bad" ? () => Promise.reject(new Error("secret")) : demo),
    list: () => [],
  };
  const ask = await origin({ live });
  const response = await ask("/live/bad/index.m3u8");
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("secret");
  expect((await ask("/live/good/index.m3u8")).status).toBe(200);
});

test("an answer with frozen fields, as fetch gives them, passes all the same", async () => {
  await using server = await createServer({ handler: demo, port: 0, host: "127.0.0.1" });
  const live = {
    get: (): FetchHandler => (request) => fetch(server.url + new URL(request.url).pathname),
    list: () => [],
  };
  const ask = await origin({ live });
  const response = await ask("/live/demo/a");
  expect(await response.text()).toBe("GET /a");
  expect(response.headers.get("access-control-allow-origin")).toBe("*");
});
