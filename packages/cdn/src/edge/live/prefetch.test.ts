/** What an edge fetches before it is asked. */

import { expect, test } from "vitest";
import { createCacheKeys } from "../cache-key/cache-key.ts";
import { scanHls } from "./hls-scan.ts";
import { createPrefetcher, type Prefetch, type PrefetcherOptions } from "./prefetch.ts";

const folder = "/live/demo/720p";
const playlist = `${folder}/index.m3u8?_HLS_msn=7&_HLS_part=1`;

/** A prefetcher whose fetches end when the test says so. */
function prefetching(options: Partial<PrefetcherOptions> = {}) {
  const keys = createCacheKeys({ ignoreParams: ["token"] });
  const state = { now: 0 };
  const asked: Prefetch[] = [];
  const ends: ((bytes: number) => void)[] = [];
  const prefetcher = createPrefetcher({
    keyOf: (target) => keys.of(target),
    request: (prefetch) => {
      asked.push(prefetch);
      return new Promise((resolve) => ends.push(resolve));
    },
    clock: () => state.now,
    ...options,
  });
  const targets = (): string[] => asked.map(({ target }) => target.replace(`${folder}/`, ""));
  const play = (key: string, text: string, byClient = true): void =>
    prefetcher.answered({ key, headers: [], hls: scanHls(Buffer.from(`#EXTM3U\n${text}`)), byClient });
  const end = async (index: number, bytes = 0): Promise<void> => {
    ends[index]!(bytes);
    await Promise.resolve();
  };
  return { prefetcher, state, asked, targets, play, end };
}

const hint = (uri: string): string => `#EXTINF:2,\n6.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="${uri}"\n`;

test("a hinted part is asked for when the playlist comes, and the upstream may hold it", () => {
  const { play, asked } = prefetching();
  play(playlist, hint("p8.m4s"));
  expect(asked).toEqual([{ target: `${folder}/p8.m4s`, held: true }]);
});

test("once, however many renditions, clients and playlists hint at it", () => {
  const { play, prefetcher, targets } = prefetching();
  play(playlist, hint("p8.m4s"));
  play(`${playlist}&_HLS_skip=YES`, hint("p8.m4s?token=a"));
  for (let client = 0; client < 100; client += 1) prefetcher.asked(playlist);
  expect(targets()).toEqual(["p8.m4s"]);
});

test("of a playlist without parts, its newest segment", () => {
  const { play, targets } = prefetching();
  play(`${folder}/hls.m3u8`, "#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n6.ts\n#EXTINF:6,\n7.ts\n");
  expect(targets()).toEqual(["7.ts"]);
});

test("the segment after the one that a client asks for, and no further until it asks for that", () => {
  const { play, prefetcher, targets } = prefetching();
  play(`${folder}/vod.m3u8`, "#EXTINF:6,\n1.ts\n#EXTINF:6,\n2.ts\n#EXTINF:6,\n3.ts\n#EXT-X-ENDLIST\n");
  expect(targets()).toEqual([]);
  prefetcher.asked(`${folder}/1.ts`);
  prefetcher.asked(`${folder}/1.ts`);
  expect(targets()).toEqual(["2.ts"]);
  prefetcher.asked(`${folder}/2.ts`);
  expect(targets()).toEqual(["2.ts", "3.ts"]);
});

test("nothing while nobody watches: what was fetched ahead leads on only when a client asks for it", () => {
  const { prefetcher, targets } = prefetching();
  const next = (n: number) => ["link", `<${n + 1}.m4s>; rel=next`];
  prefetcher.answered({ key: `${folder}/1.m4s`, headers: next(1), byClient: true });
  prefetcher.answered({ key: `${folder}/2.m4s`, headers: next(2), byClient: false });
  expect(targets()).toEqual(["2.m4s"]);
  prefetcher.asked(`${folder}/2.m4s`);
  expect(targets()).toEqual(["2.m4s", "3.m4s"]);
});

test("what a player announces in CMCD, with its ranges", () => {
  const { prefetcher, asked } = prefetching();
  prefetcher.asked(`${folder}/1.m4s`, [{ reference: "../480p/2.m4s", range: "0-99" }, { range: "100-199" }]);
  expect(asked).toEqual([
    { target: "/live/demo/480p/2.m4s", range: "bytes=0-99", held: false },
    { target: `${folder}/1.m4s`, range: "bytes=100-199", held: false },
  ]);
});

test("no player leads out of its stream", () => {
  const { prefetcher, asked } = prefetching();
  for (const reference of ["/vod/film.mp4", "../../other/1.m4s", "../../../vod/film.mp4"]) {
    prefetcher.asked(`${folder}/1.m4s`, [{ reference }]);
    prefetcher.asked("/a/1.m4s", [{ reference: `../${reference}` }]);
  }
  expect(asked).toEqual([]);
});

test("what the origin announces in CMSD", () => {
  const { prefetcher, targets } = prefetching();
  const headers = ["cmsd-static", 'ot=v,nor="..%2F480p%2F2.m4s",st=l'];
  prefetcher.answered({ key: `${folder}/1.m4s`, headers, byClient: true });
  expect(targets()).toEqual(["/live/demo/480p/2.m4s"]);
});

test("playlists of other renditions only where that is wanted", () => {
  const report = '#EXT-X-RENDITION-REPORT:URI="../480p/index.m3u8",LAST-MSN=8,LAST-PART=1\n';
  const without = prefetching();
  without.play(playlist, report);
  expect(without.targets()).toEqual([]);
  const { play, targets } = prefetching({ renditions: true });
  play(playlist, report);
  expect(targets()).toEqual(["/live/demo/480p/index.m3u8?_HLS_msn=8&_HLS_part=1"]);
});

test.each(["https://other/a.m4s", "//other/a.m4s", "/a/%2e%2e%2f/b", "data:,a", "%00"])(
  "nothing for %s, which is not here",
  (reference) => {
    const { prefetcher, play, targets } = prefetching();
    prefetcher.asked(playlist, [{ reference }]);
    prefetcher.answered({ key: playlist, headers: ["link", `<${reference}>; rel=next`], byClient: true });
    play(playlist, hint(reference));
    expect(targets()).toEqual([]);
  },
);

test("at most so many at a time, the others in turn while they are of use", async () => {
  const { prefetcher, state, targets, end } = prefetching({ maxInFlight: 2 });
  prefetcher.asked(
    "/a",
    [1, 2, 3, 4].map((n) => ({ reference: `${n}` })),
  );
  expect(targets()).toEqual(["/1", "/2"]);
  await end(0);
  expect(targets()).toEqual(["/1", "/2", "/3"]);
  state.now = 2_500;
  await end(1);
  expect(targets()).toEqual(["/1", "/2", "/3"]);
  expect(prefetcher.stats).toMatchObject({ requests: 3, dropped: 1, inFlight: 1 });
});

test("those that the origin holds are counted apart, and do not keep the others waiting", () => {
  const { play, prefetcher, targets } = prefetching({ maxInFlight: 1, maxHeld: 1 });
  play(playlist, hint("p8.m4s"));
  play("/live/demo/480p/index.m3u8", hint("p8.m4s"));
  prefetcher.asked("/a", [{ reference: "1" }]);
  expect(targets()).toEqual(["p8.m4s", "/1"]);
  expect(prefetcher.stats).toMatchObject({ held: 1, inFlight: 1 });
});

test("nothing while the upstream is busy, and the next time it is not, again", () => {
  let busy = true;
  const { play, prefetcher, targets } = prefetching({ busy: () => busy });
  play(playlist, hint("p8.m4s"));
  expect(targets()).toEqual([]);
  busy = false;
  prefetcher.asked(playlist);
  expect(targets()).toEqual(["p8.m4s"]);
  expect(prefetcher.stats.dropped).toBe(1);
});

test("no more bytes a second than allowed, over all that came", async () => {
  const { prefetcher, state, targets, end } = prefetching({ maxBytesPerSecond: 1000 });
  prefetcher.asked("/a", [{ reference: "1" }]);
  await end(0, 3000);
  state.now = 1_500;
  prefetcher.asked("/a", [{ reference: "2" }]);
  expect(targets()).toEqual(["/1"]);
  state.now = 3_600;
  prefetcher.asked("/a", [{ reference: "3" }]);
  expect(targets()).toEqual(["/1", "/3"]);
});

test("what is stored, or on its way, costs nothing", () => {
  const { play, prefetcher } = prefetching({ request: () => undefined });
  play(playlist, hint("p8.m4s"));
  expect(prefetcher.stats).toMatchObject({ requests: 0, inFlight: 0, held: 0 });
});

test("one that fails makes room like any other", async () => {
  let fail = (_error: Error): void => {};
  const { prefetcher } = prefetching({
    request: () =>
      new Promise((_resolve, reject) => {
        fail = reject;
      }),
  });
  prefetcher.asked("/a", [{ reference: "1" }]);
  fail(new Error("gone"));
  await expect.poll(() => prefetcher.stats.inFlight).toBe(0);
});

test("nothing after it is closed", () => {
  const { play, prefetcher, targets } = prefetching();
  prefetcher.close();
  play(playlist, hint("p8.m4s"));
  expect(targets()).toEqual([]);
});
