/** Guards in front of an edge, behind a real server: as players meet them. */

import { expect, onTestFinished, test } from "vitest";
import { createEdge } from "../edge/edge.ts";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { createOrigin } from "../origin/origin.ts";
import { dial } from "../server/http1.test-setup.ts";
import { createServer } from "../server/server.ts";
import { createMemoryStore } from "../store/memory-store.ts";
import { createConnectionGate } from "./connection-gate.ts";
import { allowCredentials } from "./credentials.ts";
import { SECRET } from "./guard.test-setup.ts";
import { type Guard, withGuards } from "./guard.ts";
import { signUrl } from "./token/sign-url.ts";
import { signedUrls } from "./token/signed-urls.ts";

const MASTER = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nvideo/index.m3u8\n";
const MEDIA = '#EXTM3U\n#EXT-X-MAP:URI="init.mp4"\n#EXTINF:2,\n7.m4s\n#EXTINF:2,\n../video/8.m4s\n';

/** An edge in front of an origin with a recording, and what the origin was asked. */
async function serve(...guards: Guard[]) {
  const vod = createMemoryStore();
  const put = (key: string, text: string) => vod.put(key, Buffer.from(text));
  await put("film/master.m3u8", MASTER);
  await put("film/video/index.m3u8", MEDIA);
  for (const name of ["init.mp4", "7.m4s", "8.m4s"]) await put(`film/video/${name}`, name);
  const origin = createOrigin({ vod });
  const asked: string[] = [];
  const upstream: FetchHandler = (request, connection) => {
    asked.push(
      `${request.method} ${request.url.replace(/^https?:\/\/[^/]+/, "")} ${request.headers.get("cookie") ?? ""}`,
    );
    return origin(request, connection);
  };
  const edge = createEdge({ upstreams: [upstream] });
  const server = await createServer({ handler: withGuards(edge.handle, ...guards), port: 0, host: "127.0.0.1" });
  onTestFinished(async () => {
    await server.close();
    await edge.close();
  });
  return { server, edge, asked, url: server.url };
}

const sign = (url: string, subject: string, place: "path" | "query" = "path") =>
  signUrl(url, { key: SECRET, keyId: "k", expires: Date.now() / 1000 + 60, prefix: "/vod/film/", subject, place });

/** Plays as a player does: follows every link, resolved against where the playlist was. */
async function play(url: string, init: () => RequestInit = () => ({})): Promise<string[]> {
  const response = await fetch(url, init());
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status} ${text}`);
  if (!response.headers.get("content-type")?.includes("mpegurl")) return [text];
  const links = [...text.matchAll(/^(?:#.*URI="([^"]+)".*|([^#\s].*))$/gm)].map((match) => match[1] ?? match[2]!);
  const played: string[] = [];
  for (const link of links) played.push(...(await play(new URL(link, response.url).href, init)));
  return played;
}

test("one token in the path carries a player from the master playlist to every segment, and all viewers share one cached object", async () => {
  const { url, asked, edge } = await serve(signedUrls({ keys: { k: SECRET } }));
  for (const viewer of ["ann", "ben"]) {
    expect(await play(sign(`${url}/vod/film/master.m3u8`, viewer))).toEqual(["init.mp4", "7.m4s", "8.m4s"]);
  }
  expect(asked).toHaveLength(5);
  expect(asked.every((line) => !line.includes("~"))).toBe(true);
  expect(edge.stats.hits).toBe(5);
  await expect(play(`${url}/vod/film/master.m3u8`)).rejects.toThrow(/403 .*TOKEN_MISSING/);
});

test("with playlists rewritten, one in the query does", async () => {
  const { url, asked } = await serve(signedUrls({ keys: { k: SECRET }, rewritePlaylists: true }));
  for (const viewer of ["ann", "ben"]) {
    expect(await play(sign(`${url}/vod/film/master.m3u8`, viewer, "query"))).toEqual(["init.mp4", "7.m4s", "8.m4s"]);
  }
  expect(asked).toHaveLength(5);
});

test("with a cookie, the first answer does, across sites as well, and the cache never sees it", async () => {
  const site = "https://tv.example";
  const { url, asked } = await serve(
    allowCredentials({ origins: [site] }),
    signedUrls({ keys: { k: SECRET }, setCookie: true }),
  );
  let cookie = "";
  for (const viewer of ["ann", "ben"]) {
    const first = await fetch(sign(`${url}/vod/film/master.m3u8`, viewer, "query"), { headers: { origin: site } });
    expect(first.headers.get("cache-control")).toBe("private, no-store");
    expect(first.headers.get("access-control-allow-origin")).toBe(site);
    expect(first.headers.get("access-control-allow-credentials")).toBe("true");
    cookie = first.headers.get("set-cookie")!.split(";")[0]!;
    const played = await play(`${url}/vod/film/master.m3u8`, () => ({ headers: { cookie, origin: site } }));
    expect(played).toEqual(["init.mp4", "7.m4s", "8.m4s"]);
  }
  expect(asked).toHaveLength(5);
  expect(asked.every((line) => line.endsWith(" "))).toBe(true);
  const refused = await fetch(`${url}/vod/film/master.m3u8`, { headers: { origin: site } });
  expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([403, site]);
  const elsewhere = await fetch(`${url}/vod/film/master.m3u8`, {
    headers: { cookie, origin: "https://thief.example" },
  });
  expect(elsewhere.headers.get("access-control-allow-credentials")).toBeNull();
  const preflight = await fetch(`${url}/vod/film/master.m3u8`, {
    method: "OPTIONS",
    headers: { origin: site, "access-control-request-method": "GET", "access-control-request-headers": "range" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-headers")).toBe("range");
});

test("ranges and conditions work behind a token", async () => {
  const { url } = await serve(signedUrls({ keys: { k: SECRET } }));
  const segment = sign(`${url}/vod/film/video/7.m4s`, "ann");
  const part = await fetch(segment, { headers: { range: "bytes=0-0" } });
  expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([206, "7", "bytes 0-0/5"]);
  const etag = part.headers.get("etag")!;
  expect((await fetch(segment, { headers: { "if-none-match": etag } })).status).toBe(304);
});

test("refusals keep the connection, and come one after the other on the fast path", async () => {
  const { server } = await serve(signedUrls({ keys: { k: SECRET } }));
  const client = await dial(server);
  client.write("GET /vod/film/x HTTP/1.1\r\nHost: a\r\n\r\n".repeat(3));
  const text = await client.until(/(?:TOKEN_MISSING[\s\S]*){3}$/);
  expect(text.match(/HTTP\/1\.1 403 Forbidden\r\n/g)).toHaveLength(3);
  expect(text.match(/^date: /gm)).toHaveLength(3);
  expect(text).not.toMatch(/^connection: close/m);
  client.write("GET /vod/film/x HTTP/1.1\r\nHost: a\r\nRange: bytes=0-\r\n\r\n");
  await client.until(/(?:TOKEN_MISSING[\s\S]*){4}$/);
});

test("a guard refuses a POST whose body it never reads", async () => {
  const { url } = await serve(signedUrls({ keys: { k: SECRET } }));
  for (let turn = 0; turn < 3; turn += 1) {
    const response = await fetch(sign(`${url}/vod/film/x`, "ann"), { method: "POST", body: "x".repeat(100_000) });
    expect(response.status).toBe(405);
    expect(await response.json()).toMatchObject({ error: { code: "METHOD_NOT_ALLOWED" } });
  }
});

test("a plain handler behind a guard is served the same way", async () => {
  const plain: FetchHandler = () => bytesResponse(Buffer.from("plain"));
  const guarded = signedUrls({ keys: { k: SECRET } })(plain);
  const server = await createServer({ handler: guarded, port: 0, host: "127.0.0.1" });
  onTestFinished(() => server.close());
  expect(await (await fetch(sign(`${server.url}/vod/film/x`, "ann"))).text()).toBe("plain");
  expect((await fetch(`${server.url}/vod/film/x`)).status).toBe(403);
});

test("an address that has its connections open gets no other one until one of them ends", async () => {
  const gate = createConnectionGate({ perAddress: 2 });
  const plain: FetchHandler = () => bytesResponse(Buffer.from("plain"));
  const server = await createServer({ handler: plain, port: 0, host: "127.0.0.1", gate });
  onTestFinished(() => server.close());
  const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const first = await dial(server);
  const second = await dial(server);
  for (const client of [first, second]) {
    client.write(request);
    await client.until(/plain$/);
  }
  expect(await (await dial(server)).closed()).toBe("");
  first.socket.destroy();
  await expect.poll(() => server.connections).toBe(1);
  const third = await dial(server);
  third.write(request);
  expect(await third.until(/plain$/)).toContain("200");
});

test("what is no origin is refused as an option", () => {
  for (const origin of ["*", "https://tv.example/", "tv.example", "https://*.tv.example/x"]) {
    expect(() => allowCredentials({ origins: [origin] }), origin).toThrow(/no origin/);
  }
});
