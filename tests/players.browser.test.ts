/** Players that we did not write, in a real Chromium, through an edge. */

import { type BrowserSession, launchChromium, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Deployment, deploy } from "./lib/deployment.ts";
import { createBlankSite, type ForeignPlayer, view } from "./lib/foreign-player.ts";
import { multivariant } from "./lib/playlist.ts";
import { ffmpeg, testPicture } from "./lib/publisher.ts";

const combinations: readonly (readonly [ForeignPlayer, string])[] = [
  ["hls.js", "index.m3u8"],
  ["dash.js", "index.mpd"],
  ["shaka-player", "index.mpd"],
];

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

  const live = async (name: string, signal: AbortSignal) => {
    await multivariant(deployment.edge(`/live/${name}/index.m3u8`), signal);
  };

  test("hls.js, dash.js and shaka-player play two minutes without a stall", async ({ signal }) => {
    await using _publisher = ffmpeg(testPicture({ rate: "25", gop: 50, bitrate: 400 }), deployment.rtmp("steady"));
    await live("steady", signal);
    const viewings = await Promise.all(
      combinations.map(([player, manifest]) =>
        view(session, site.url, player, deployment.edge(`/live/steady/${manifest}`)),
      ),
    );
    await Promise.all(viewings.map((viewing) => viewing.playing));
    const before = await Promise.all(viewings.map((viewing) => viewing.observe()));
    await Promise.all(viewings.map((viewing) => viewing.played(120, 150_000)));
    for (const [index, viewing] of viewings.entries()) {
      const after = await viewing.observe();
      const stalls = after.stalls - (before[index]?.stalls ?? 0);
      expect({ player: combinations[index]?.[0], stalls, errors: after.errors }).toEqual({
        player: combinations[index]?.[0],
        stalls: 0,
        errors: [],
      });
      expect(after.width).toBe(640);
      expect(after.audioBytes).toBeGreaterThan(0);
      await viewing.page.context().close();
    }
  }, 240_000);

  test.each(combinations)(
    "%s goes on by itself when the publisher is cut off and comes back",
    async (player, manifest) => {
      const name = `cut-${player.replace(".", "-")}`;
      const signal = AbortSignal.timeout(100_000);
      const first = ffmpeg(testPicture({ gop: 25, bitrate: 400 }), deployment.rtmp(name));
      await live(name, signal);
      const viewing = await view(session, site.url, player, deployment.edge(`/live/${name}/${manifest}`));
      await viewing.playing;
      await viewing.played(3, 20_000);
      first.kill();
      await first.ended;
      // The video runs dry, as nothing comes any more.
      await viewing.page.waitForFunction(() => {
        const video = document.querySelector("video");
        return video !== null && (video.readyState < 3 || video.paused);
      });
      await using _second = ffmpeg(testPicture({ gop: 25, bitrate: 400 }), deployment.rtmp(name));
      await viewing.played(8, 40_000);
      expect((await viewing.observe()).errors).toEqual([]);
      await viewing.page.context().close();
    },
  );
});
