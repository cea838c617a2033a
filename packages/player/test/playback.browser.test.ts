/** Plays live streams in a real Chromium, through the embed file. */

import { peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { LiveStream, startEdge } from "./live-server.ts";
import { noteEvents, seenEvents, statsOf, waitForProgress, waitForState } from "./player-page.ts";

describe.skipIf(peer("chromium") === null)("<ami-player> in Chromium", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });

  test("plays low-latency HLS near the live edge and rises from the lowest level", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await waitForState(page, "playing");
    await page.waitForFunction(() => document.querySelector("ami-player")!.stats!.height === 360);
    await waitForProgress(page, 3);
    const stats = await statsOf(page);
    expect(stats.engine).toBe("hls");
    expect(stats.source).toBe(edge.hls);
    expect(stats.targetLatency).toBeCloseTo(0.56, 1);
    expect(stats.latency).toBeLessThan(3);
    expect(stats.wallClockLatency).toBeGreaterThan(0);
    expect(stats.bufferAhead).toBeLessThan(4);
    expect(stats.bitrate).toBe(400_000);
    expect(stats.startupTime).toBeGreaterThan(0);
    expect(stats.totalFrames).toBeGreaterThan(50);
    expect(Object.keys(stats.bytes)).toEqual([edge.url]);
    expect(stats.bytes[edge.url]).toBeGreaterThan(10_000);
    expect(edge.requests.some((path) => path.includes("_HLS_part"))).toBe(true);
  });

  test("plays low-latency DASH at the latency that its service description asks for, and rises too", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.dash}"></ami-player>`);
    await page.waitForFunction(() => document.querySelector("ami-player")!.stats!.height === 360);
    await waitForProgress(page, 2);
    const stats = await statsOf(page);
    expect(stats.engine).toBe("dash");
    expect(stats.targetLatency).toBe(1);
    expect(stats.latency).toBeLessThan(3);
    expect(stats.wallClockLatency).toBeGreaterThan(0);
    expect(Object.keys(stats.bytes)).toEqual([edge.url]);
    const levels = await page.evaluate(() => document.querySelector("ami-player")!.levels.map(({ height }) => height));
    expect(levels).toEqual([180, 360]);
  });

  test("plays a file natively, to its end", async () => {
    const page = await harness.open(`<ami-player autoplay muted></ami-player>`);
    await harness.serve("clip.mp4", "video-180p.mp4");
    await page.evaluate(() => {
      document.querySelector("ami-player")!.src = "/clip.mp4";
    });
    await waitForState(page, "ended");
    const stats = await statsOf(page);
    expect(stats.engine).toBe("native");
    expect(stats.latency).toBeNull();
    expect(await page.evaluate(() => document.querySelector("ami-player")!.live)).toBe(false);
  });

  test("plays live HLS natively where the page wants that, and knows it for live", async ({ skip }) => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open("<ami-player autoplay muted></ami-player>");
    const able = await page.evaluate(() =>
      document.createElement("video").canPlayType("application/vnd.apple.mpegurl"),
    );
    if (able === "") skip("this Chromium does not play HLS by itself");
    await page.evaluate(
      (src) => Object.assign(document.querySelector("ami-player")!, { engine: "native", src }),
      edge.hls,
    );
    await waitForProgress(page, 2);
    const { engine, bytes } = await statsOf(page);
    expect({ engine, bytes }).toEqual({ engine: "native", bytes: {} });
    expect(await page.evaluate(() => document.querySelector("ami-player")!.live)).toBe(true);
  });

  test("an engine that the page names is used whatever the extension", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted engine="hls" src="${edge.hls}?as=.mpd"></ami-player>`);
    await waitForProgress(page);
    expect((await statsOf(page)).engine).toBe("hls");
  });

  test("takes its sources from <source> children too, by their type", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(
      `<ami-player autoplay muted><source src="${edge.hls}#" type="application/vnd.apple.mpegurl"></ami-player>`,
    );
    await waitForProgress(page);
    expect(await page.evaluate(() => document.querySelector("ami-player")!.sources)).toEqual([`${edge.hls}#`]);
  });

  test("two players on one page do not disturb each other", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using one = await startEdge(stream);
    await using two = await startEdge(stream);
    const page = await harness.open(
      `<ami-player autoplay muted src="${one.hls}"></ami-player><ami-player autoplay muted src="${two.dash}"></ami-player>`,
    );
    await page.waitForFunction(() =>
      [...document.querySelectorAll("ami-player")].every((player) => (player.stats?.totalFrames ?? 0) > 60),
    );
    const bytes = await page.evaluate(() =>
      [...document.querySelectorAll("ami-player")].map((player) => Object.keys(player.stats!.bytes)),
    );
    expect(bytes).toEqual([[one.url], [two.url]]);
  });

  test("seeks back and returns to the live edge", async () => {
    const stream = new LiveStream();
    stream.publish(12);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await waitForProgress(page);
    await page.evaluate(() => {
      document.querySelector("ami-player")!.currentTime -= 6;
    });
    await page.waitForFunction(() => document.querySelector("ami-player")!.stats!.latency! > 5);
    await waitForProgress(page, 1);
    expect((await statsOf(page)).playbackRate).toBe(1);
    await page.evaluate(() => document.querySelector("ami-player")!.seekToLive());
    await page.waitForFunction(() => document.querySelector("ami-player")!.stats!.latency! < 2);
    await waitForProgress(page);
  });

  test("without autoplay the first frame is shown and nothing moves until play()", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player muted src="${edge.hls}"></ami-player>`);
    await waitForState(page, "paused");
    expect((await statsOf(page)).startupTime).toBeGreaterThan(0);
    await page.evaluate(() => document.querySelector("ami-player")!.play());
    await waitForProgress(page);
    await page.evaluate(() => document.querySelector("ami-player")!.pause());
    await waitForState(page, "paused");
  });

  test("a source that is no URL is an error at once", async () => {
    const page = await harness.open(`<ami-player></ami-player>`);
    await noteEvents(page);
    await page.evaluate(() => {
      document.querySelector("ami-player")!.src = "ftp://example.com/a.m3u8";
    });
    await waitForState(page, "error");
    expect(await seenEvents(page)).toContainEqual({ type: "ami-error", code: "SOURCE_INVALID", fatal: true });
  });

  test("an element that is removed leaves nothing behind, and plays again when it is put back", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player controls autoplay muted src="${edge.hls}"></ami-player>`);
    await page.evaluate(() => {
      const { setInterval, clearInterval } = window;
      const running = new Set<number>();
      Object.assign(window, {
        running,
        setInterval: (...parameters: Parameters<typeof setInterval>) => {
          const id = setInterval(...parameters);
          running.add(Number(id));
          return id;
        },
        clearInterval: (id: number) => {
          running.delete(id);
          clearInterval(id);
        },
      });
      const player = document.querySelector("ami-player")!;
      player.remove();
      document.querySelector("main")!.append(player);
    });
    await waitForProgress(page);
    const left = await page.evaluate(() => {
      const player = document.querySelector("ami-player")!;
      player.remove();
      const { video } = player;
      return {
        src: video.getAttribute("src"),
        stats: player.stats,
        state: player.state,
        controls: player.shadowRoot!.querySelectorAll("media-play-button").length,
        intervals: "running" in window && window.running instanceof Set ? window.running.size : -1,
      };
    });
    expect(left).toEqual({ src: null, stats: null, state: "idle", controls: 0, intervals: 0 });
    const before = edge.requests.length;
    const newest = stream.sessions[0]!;
    await stream.until(Math.floor(stream.partsOf(newest) / 5) + 2, 0);
    expect(edge.requests.length).toBe(before);
    expect(harness.errors).toEqual([]);
  });
});
