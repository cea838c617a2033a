/** Live media through the edge: playlists kept for half a part, and parts fetched before anybody asks. */

import { expect, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import { gate } from "./edge.test-setup.ts";
import { createEdge } from "./edge.ts";
import type { LiveOptions } from "./options.ts";

const playlist = `#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-PART-INF:PART-TARGET=1
#EXT-X-MEDIA-SEQUENCE:7
#EXT-X-PART:DURATION=1,URI="7.0.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="7.1.m4s"
`;

function live(options: LiveOptions | false, fields: Record<string, string>) {
  const state = { now: 0, asked: [] as string[] };
  const [asked, ask] = gate();
  const [made, make] = gate();
  const edge = createEdge({
    clock: () => state.now,
    live: options,
    upstreams: [
      async ({ url }) => {
        const { pathname } = new URL(url);
        state.asked.push(pathname);
        if (pathname.endsWith(".m3u8")) {
          const headers = { "content-type": "application/vnd.apple.mpegurl", ...fields };
          return bytesResponse(Buffer.from(playlist), { headers });
        }
        if (pathname !== "/live/7.1.m4s") return new Response("not yet", { status: 404 });
        ask();
        await made;
        return bytesResponse(Buffer.from("part"), { headers: { "cache-control": "max-age=60" } });
      },
    ],
  });
  const get = async (path: string): Promise<string> => (await edge.handle(new Request(`http://edge${path}`))).text();
  return { edge, state, get, asked, make };
}

test.each([
  ["a longer lifetime", { "cache-control": "max-age=60" }, 2],
  ["no lifetime", {}, 2],
  ["no-cache for players alone", { "cache-control": "no-cache", "cdn-cache-control": "max-age=1" }, 2],
  ["no-cache", { "cache-control": "no-cache" }, 4],
])("a live playlist with %s is kept for half a part where it may be", async (_, fields, requests) => {
  const { edge, state, get } = live({}, fields as Record<string, string>);
  await using _edge = edge;
  for (const now of [0, 400, 600, 1000]) {
    state.now = now;
    expect(await get("/live/index.m3u8")).toBe(playlist);
  }
  expect(state.asked).toHaveLength(requests);
});

test("players are told no-cache by a playlist that an edge keeps", async () => {
  const { edge } = live({}, { "cache-control": "no-cache", "cdn-cache-control": "max-age=1" });
  await using _edge = edge;
  const answers = [1, 2].map(async () => await edge.handle(new Request("http://edge/live/index.m3u8")));
  const [, second] = await Promise.all(answers);
  expect(second!.headers.get("cache-control")).toBe("no-cache");
});

test("without live rules its fields alone count", async () => {
  const { edge, state, get } = live(false, { "cache-control": "max-age=60" });
  await using _edge = edge;
  await get("/live/index.m3u8");
  state.now = 59_000;
  await get("/live/index.m3u8");
  expect(state.asked).toHaveLength(1);
});

test("without live rules what comes next is fetched ahead all the same", async () => {
  const { edge, state, get, asked, make } = live({ rules: false, prefetch: true }, { "cache-control": "max-age=60" });
  await using _edge = edge;
  await get("/live/index.m3u8");
  await asked;
  make();
  expect(await get("/live/7.1.m4s")).toBe("part");
  state.now = 59_000;
  await get("/live/index.m3u8");
  expect(state.asked).toEqual(["/live/index.m3u8", "/live/7.1.m4s"]);
});

test.each([{ rules: false }, false] as const)(
  "CMCD is read whatever else is done for live media (%j)",
  async (live) => {
    const taken: string[] = [];
    const cmcd = {
      take({ target }: { readonly target: string }) {
        taken.push(target);
        return undefined;
      },
    };
    await using edge = createEdge({ upstreams: [() => new Response()], live, cmcd });
    await edge.handle(new Request("http://edge/a?CMCD=sid%3D%22s%22"));
    expect(taken).toEqual(["/a?CMCD=sid%3D%22s%22"]);
  },
);

test("a hinted part is asked for once, before the first viewer asks, and goes to all of them when it is made", async () => {
  const { edge, state, get, asked, make } = live({ prefetch: true }, { "cache-control": "max-age=60" });
  await using _edge = edge;
  await get("/live/index.m3u8");
  await asked;
  const viewers = Array.from({ length: 20 }, () => get("/live/7.1.m4s"));
  make();
  expect(new Set(await Promise.all(viewers))).toEqual(new Set(["part"]));
  expect(await get("/live/7.1.m4s")).toBe("part");
  expect(state.asked.filter((path) => path === "/live/7.1.m4s")).toHaveLength(1);
});

test("nothing is fetched ahead unless asked for", async () => {
  const { edge, state, get } = live({}, {});
  await using _edge = edge;
  await get("/live/index.m3u8");
  expect(state.asked).toEqual(["/live/index.m3u8"]);
});
