import { expect, onTestFinished, test } from "vitest";
import { observeCmcd } from "../../cmcd/cmcd-metrics.ts";
import { createCmcdTap } from "../../cmcd/tap.ts";
import { LiveEdge } from "./live-edge.ts";
import { createPrefetcher } from "./prefetch.ts";

const HLS = ["content-type", "application/vnd.apple.mpegurl"];

function live() {
  const state = { now: 0 };
  const clock = () => state.now;
  const ahead: string[] = [];
  const prefetcher = createPrefetcher({
    keyOf: (target) => target,
    request: ({ target }) => {
      ahead.push(target);
      return undefined;
    },
    clock,
  });
  const metrics = observeCmcd("live-edge");
  onTestFinished(() => metrics.close());
  const edge = new LiveEdge({ clock, prefetcher, cmcd: createCmcdTap({ metrics, clock }) });
  return { edge, ahead, state };
}

const playlist =
  '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-PART-INF:PART-TARGET=0.4\n#EXTINF:2,\n7.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="p9.m4s"\n';

test("what one playlist says holds for the next one's head, and for what is missing beside it", () => {
  const { edge, ahead } = live();
  const answer = { key: "/live/720p/index.m3u8", status: 200, headers: HLS, byClient: true };
  expect(edge.atHead(answer)).toEqual({ kind: "unread", maxLifetime: 0.1 });
  expect(edge.atEnd(answer, Buffer.from(playlist))).toEqual({ kind: "live-playlist", maxLifetime: 0.2 });
  expect(ahead).toEqual(["/live/720p/p9.m4s"]);
  expect(edge.atHead(answer)).toEqual({ kind: "unread", maxLifetime: 0.2 });
  const missing = { key: "/live/720p/p9.m4s", status: 404, headers: [], byClient: false };
  expect(edge.atHead(missing)).toEqual({ kind: "ahead", negativeTtl: 0.2 });
  expect(edge.atEnd(missing, Buffer.from("no such file"))).toEqual({ kind: "ahead", negativeTtl: 0.2 });
});

test("a segment's announcements count when its head is here, a playlist's when its body is", () => {
  const { edge, ahead } = live();
  const links = ["link", "<8.m4s>; rel=next"];
  edge.atHead({ key: "/vod/index.m3u8", status: 200, headers: [...HLS, ...links], byClient: true });
  expect(ahead).toEqual([]);
  edge.atHead({ key: "/vod/7.m4s", status: 200, headers: ["content-type", "video/mp4", ...links], byClient: true });
  expect(ahead).toEqual(["/vod/8.m4s"]);
});

test("a player's announcement is followed, and what it says is handed on to the log", () => {
  const { edge, ahead } = live();
  const target = "/vod/7.m4s?CMCD=nor%3D%228.m4s%22%2Csid%3D%22a%22";
  expect(edge.asked({ target, headers: {} }, "/vod/7.m4s")).toMatchObject({ sid: "a" });
  expect(ahead).toEqual(["/vod/8.m4s"]);
  expect(edge.asked({ target: "/vod/7.m4s", headers: {} }, "/vod/7.m4s")).toBeUndefined();
});

test("an error page under a playlist's name teaches nothing", () => {
  const { edge } = live();
  const answer = { key: "/live/index.m3u8", status: 503, headers: HLS, byClient: true };
  expect(edge.atEnd(answer, Buffer.from(playlist))).toEqual({ kind: "other" });
  expect(edge.atHead({ key: "/live/p9.m4s", status: 404, headers: [], byClient: true })).toEqual({ kind: "other" });
});
