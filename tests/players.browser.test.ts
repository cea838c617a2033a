/** Players that we did not write, in a real Chromium, through an edge. */

import { type BrowserSession, launchChromium, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Deployment, deploy } from "./lib/deployment.ts";
import { createBlankSite, type ForeignPlayer, type Viewing, view } from "./lib/foreign-player.ts";
import { follow, multivariant, sessionsOf } from "./lib/playlist.ts";
import { ffmpeg, testPicture } from "./lib/publisher.ts";

const combinations: readonly (readonly [ForeignPlayer, string])[] = [
  ["hls.js", "index.m3u8"],
  ["dash.js", "index.mpd"],
  ["shaka-player", "index.m3u8"],
  ["shaka-player", "index.mpd"],
];

/** Four pictures that are decoded and painted without a GPU: larger ones take from the players the time that this is about. */
const size = "320x180";

/** Milliseconds of the issue: a publisher's return, and a player that goes on by itself. */
const returnTime = 10_000;

describe.skipIf(peer("chromium") === null || peer("ffmpeg") === null)("in Chromium through an edge", () => {
  let deployment: Deployment;
  let session: BrowserSession;
  let site: Awaited<ReturnType<typeof createBlankSite>>;
  beforeAll(async () => {
    site = await createBlankSite();
    deployment = await deploy();
    session = await launchChromium();
  });
  afterAll(async () => {
    await session?.[Symbol.asyncDispose]();
    await deployment?.[Symbol.asyncDispose]();
    await site?.[Symbol.asyncDispose]();
  });

  /** Players at once on the same stream. */
  async function viewAll(stream: string): Promise<readonly Viewing[]> {
    const url = deployment.edge(`/live/${stream}/index.m3u8`);
    const { playlist } = await multivariant(url, AbortSignal.timeout(30_000));
    // shaka-player looks for captions in the segment two before the last, and fails on a playlist that has no such.
    for await (const media of follow(new URL(playlist.variants[0]!.uri, url).href, AbortSignal.timeout(30_000))) {
      if (media.playlist.segments.length >= 4) break;
    }
    const viewings = await Promise.all(
      combinations.map(([player, manifest]) =>
        view(session, site.url, player, deployment.edge(`/live/${stream}/${manifest}`)),
      ),
    );
    await Promise.all(viewings.map((viewing) => viewing.playing));
    return viewings;
  }

  const outcome = (played: PromiseSettledResult<void>) =>
    played.status === "fulfilled" ? "played" : String(played.reason.message);

  const named = <T>(values: readonly T[]) =>
    Object.fromEntries(combinations.map(([player, manifest], index) => [`${player} ${manifest}`, values[index]!]));

  test("hls.js, dash.js and shaka-player play two minutes without a stall", async () => {
    await using _publisher = ffmpeg(
      testPicture({ size, rate: "25", gop: 50, bitrate: 400 }),
      deployment.rtmp("steady"),
    );
    const viewings = await viewAll("steady");
    // Four players that start at once on a small machine take each other's time.
    await Promise.all(viewings.map((viewing) => viewing.played(5, 30_000)));
    const before = await Promise.all(viewings.map((viewing) => viewing.observe()));
    await Promise.all(viewings.map((viewing) => viewing.played(120, 150_000)));
    const after = await Promise.all(viewings.map((viewing) => viewing.observe()));
    expect(
      named(
        after.map(({ stalls, errors, width }, index) => ({
          stalls: stalls.slice(before[index]!.stalls.length),
          errors,
          width,
        })),
      ),
    ).toEqual(named(combinations.map(() => ({ stalls: [], errors: [], width: 320 }))));
    for (const { audioBytes, frames } of after) {
      expect(audioBytes).toBeGreaterThan(0);
      expect(frames).toBeGreaterThan(120 * 20);
    }
    await Promise.all(viewings.map((viewing) => viewing.page.context().close()));
  }, 240_000);

  test("hls.js, dash.js and shaka-player go on by themselves when the publisher is cut off and comes back", async () => {
    const first = ffmpeg(testPicture({ size, gop: 25, bitrate: 400 }), deployment.rtmp("cut"));
    const viewings = await viewAll("cut");
    await Promise.all(viewings.map((viewing) => viewing.played(3, 20_000)));
    first.kill();
    await first.ended;
    await Promise.all(viewings.map((viewing) => viewing.dry(20_000)));
    await using _second = ffmpeg(testPicture({ size, gop: 25, bitrate: 400 }), deployment.rtmp("cut"));
    await sessionsOf(deployment.edge("/live/cut/index.m3u8"), 2, AbortSignal.timeout(30_000));
    const went = await Promise.allSettled(viewings.map((viewing) => viewing.played(1, returnTime)));
    expect(named(went.map(outcome))).toEqual(named(combinations.map(() => "played")));
    // And not only for what was buffered.
    const goesOn = await Promise.allSettled(viewings.map((viewing) => viewing.played(5, 20_000)));
    expect(named(goesOn.map(outcome))).toEqual(named(combinations.map(() => "played")));
    const after = await Promise.all(viewings.map((viewing) => viewing.observe()));
    expect(named(after.map(({ errors }) => errors))).toEqual(named(combinations.map(() => [])));
    await Promise.all(viewings.map((viewing) => viewing.page.context().close()));
    expect(session.errors).toEqual([]);
  });
});
