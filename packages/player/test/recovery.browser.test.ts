/** Everything that goes wrong with a live stream, and a player that copes. */

import { peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { LiveStream, startEdge } from "./live-server.ts";
import { noteEvents, seenEvents, statsOf, waitForProgress, waitForState } from "./player-page.ts";

/** Recovery takes a few rounds of the engines' own attempts. */
const WAIT = { timeout: 45_000 };

describe.skipIf(peer("chromium") === null)("<ami-player> when things go wrong", () => {
  let harness: Harness;
  beforeAll(async () => {
    harness = await startHarness();
  });
  afterAll(async () => {
    await harness[Symbol.asyncDispose]();
  });

  for (const protocol of ["hls", "dash"] as const) {
    test(`moves to the other edge when its own dies, and back by choice (${protocol})`, async () => {
      const stream = new LiveStream();
      stream.publish(8);
      await using one = await startEdge(stream);
      await using two = await startEdge(stream);
      const page = await harness.open(
        `<ami-player autoplay muted src="${one[protocol]} ${two[protocol]}"></ami-player>`,
      );
      await noteEvents(page);
      await waitForProgress(page);
      await one.close();
      await page.waitForFunction(() => document.querySelector("ami-player")!.sourceIndex === 1);
      await waitForProgress(page, 2);
      const events = await seenEvents(page);
      expect(events).toContainEqual({ type: "ami-error", code: "NETWORK", fatal: false });
      expect(events).toContainEqual({ type: "ami-source-change", source: two[protocol] });
      expect(events).toContainEqual({ type: "ami-recovered", code: "NETWORK" });
      const stats = await statsOf(page);
      expect(stats.bytes[one.url]).toBeGreaterThan(0);
      expect(stats.bytes[two.url]).toBeGreaterThan(0);
      await one.reopen();
      await page.evaluate(() => {
        document.querySelector("ami-player")!.sourceIndex = 0;
      });
      await waitForProgress(page, 1);
      expect((await statsOf(page)).source).toBe(one[protocol]);
    });

    test(`a viewer who looks back does so on the other edge too (${protocol})`, async () => {
      const stream = new LiveStream({ window: 40 });
      stream.publish(32);
      await using one = await startEdge(stream);
      await using two = await startEdge(stream);
      const page = await harness.open(
        `<ami-player autoplay muted src="${one[protocol]} ${two[protocol]}"></ami-player>`,
      );
      await waitForProgress(page);
      await page.evaluate(() => {
        document.querySelector("ami-player")!.currentTime -= 10;
      });
      await waitForProgress(page, 3);
      const before = await statsOf(page);
      expect(before.latency).toBeGreaterThan(8);
      await one.close();
      await page.waitForFunction(() => document.querySelector("ami-player")!.sourceIndex === 1);
      await waitForProgress(page, 2);
      const after = await statsOf(page);
      expect(after.latency).toBeGreaterThan(8);
      expect(after.latency).toBeLessThan(before.latency! + 10);
    });

    test(`waits for a stream that is not there yet, and starts by itself (${protocol})`, async () => {
      const stream = new LiveStream();
      await using edge = await startEdge(stream);
      const page = await harness.open(`<ami-player autoplay muted src="${edge[protocol]}"></ami-player>`);
      await waitForState(page, "waiting");
      expect(await page.evaluate(() => document.querySelector("ami-player")!.error?.code)).toBe("STREAM_OFFLINE");
      stream.publish(3);
      await waitForProgress(page);
    });

    test(`survives a publisher that leaves and comes back (${protocol})`, async () => {
      const stream = new LiveStream();
      stream.publish(8);
      await using edge = await startEdge(stream);
      const page = await harness.open(`<ami-player autoplay muted src="${edge[protocol]}"></ami-player>`);
      await waitForProgress(page, 2);
      stream.unpublish();
      await waitForState(page, "waiting");
      stream.publish(1);
      await waitForState(page, "playing");
      await waitForProgress(page, 3);
      expect((await statsOf(page)).latency).toBeLessThan(4);
    });
  }

  test("a publisher that is back at once costs no reload", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await waitForProgress(page, 2);
    stream.unpublish();
    stream.publish(1);
    await waitForProgress(page, 4);
    expect(edge.requests.filter((path) => path === "/live/index.m3u8")).toHaveLength(1);
    expect(edge.requests.some((path) => path.includes("init-1"))).toBe(true);
  });

  test("a stream that ended is waited for, and plays when it is on air again", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await waitForProgress(page);
    stream.end();
    await waitForState(page, "waiting");
    stream.publish(2);
    await waitForProgress(page);
  });

  test("what is on demand goes on where it was when its server is back", async () => {
    const stream = new LiveStream({ window: 60 });
    stream.publish(40);
    stream.end();
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await waitForProgress(page);
    await page.evaluate(() => {
      document.querySelector("ami-player")!.currentTime = 10;
    });
    await waitForProgress(page);
    await edge.close();
    await page.evaluate(() => document.querySelector("ami-player")!.reload());
    await waitForState(page, "waiting");
    await edge.reopen();
    await waitForState(page, "playing");
    expect(await page.evaluate(() => document.querySelector("ami-player")!.currentTime)).toBeGreaterThan(10);
  });

  test("content steering moves a viewer from edge to edge, and from one that dies, without a new source", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using steered = await startEdge(stream);
    await using one = await startEdge(stream);
    await using two = await startEdge(stream);
    const steering = { edges: { one, two }, priority: ["one", "two"] };
    steered.steering = steering;
    const page = await harness.open(`<ami-player autoplay muted src="${steered.hls}"></ami-player>`);
    await noteEvents(page);
    await waitForProgress(page);
    expect(Object.keys((await statsOf(page)).bytes)).toEqual([one.url]);
    steering.priority = ["two", "one"];
    await page.waitForFunction(
      (origin) => (document.querySelector("ami-player")!.stats!.bytes[origin] ?? 0) > 0,
      two.url,
    );
    await waitForProgress(page, 2);
    const before = (await statsOf(page)).bytes[one.url]!;
    await two.close();
    await page.waitForFunction(
      ({ origin, before }) => document.querySelector("ami-player")!.stats!.bytes[origin]! > before,
      { origin: one.url, before },
    );
    await waitForProgress(page, 2);
    expect((await seenEvents(page)).filter(({ type }) => type === "ami-source-change")).toEqual([]);
    expect((await statsOf(page)).source).toBe(steered.hls);
  });

  test("an origin that starts again from nothing is followed", async () => {
    const stream = new LiveStream();
    stream.publish(20);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await waitForProgress(page);
    stream.sessions.length = 0;
    stream.publish(2);
    await page.waitForFunction(() => document.querySelector("ami-player")!.state !== "playing");
    await waitForProgress(page, 2);
  });

  test("an edge that answers with errors is left, one that says nothing too", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using broken = await startEdge(stream);
    await using silent = await startEdge(stream);
    await using good = await startEdge(stream);
    broken.behaviour = "broken";
    silent.behaviour = "silent";
    const page = await harness.open(
      `<ami-player autoplay muted src="${broken.hls} ${silent.hls} ${good.hls}"></ami-player>`,
    );
    await waitForProgress(page, 1, 60_000);
    expect((await statsOf(page)).source).toBe(good.hls);
  });

  for (const behaviour of ["garbage", "undecodable"] as const) {
    for (const protocol of ["hls", "dash"] as const) {
      test(`${behaviour} media is survived (${protocol})`, async () => {
        const stream = new LiveStream();
        stream.publish(8);
        await using edge = await startEdge(stream);
        const page = await harness.open(`<ami-player autoplay muted src="${edge[protocol]}"></ami-player>`);
        await noteEvents(page);
        await waitForProgress(page);
        edge.behaviour = behaviour;
        await page.waitForFunction(() => window.seen.some(({ type }) => type === "ami-error"), undefined, WAIT);
        edge.behaviour = "ok";
        await page.waitForFunction(() => window.seen.some(({ type }) => type === "ami-recovered"), undefined, WAIT);
        await waitForProgress(page, 2);
      });
    }
  }

  test("a video that was emptied from under the player is filled again", async () => {
    const stream = new LiveStream();
    stream.publish(8);
    await using edge = await startEdge(stream);
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await waitForProgress(page);
    await page.evaluate(() => {
      const { video } = document.querySelector("ami-player")!;
      video.removeAttribute("src");
      video.load();
    });
    await page.waitForFunction(() => document.querySelector("ami-player")!.state !== "playing");
    await waitForProgress(page, 1);
  });
});
