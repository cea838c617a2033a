/** The demo's page and its <ami-player>, in a real Chromium, through edges that can die. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { createClient } from "@ami-streams/example-client";
import { createTestCard } from "@ami-streams/example-demo/test-card";
import { createRtmpClient } from "@ami-streams/ingest";
import { type BrowserSession, launchChromium, peer } from "@ami-streams/testing";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { build } from "./lib/built.ts";
import { type Deployment, deploy } from "./lib/deployment.ts";
import { startEdgeProcess } from "./lib/edge-process.ts";
import { multivariant, sessionsOf } from "./lib/playlist.ts";
import { ffmpeg, testPicture } from "./lib/publisher.ts";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

const protocols = ["hls", "dash"] as const;
const phone = { width: 390, height: 844 };
const desktop = { width: 1280, height: 800 };
/** Milliseconds of the issue: a publisher's return, and a player that goes on by itself. */
const returnTime = 10_000;

describe.skipIf(peer("chromium") === null || peer("ffmpeg") === null)("the demo's page", () => {
  const resources = new AsyncDisposableStack();
  let deployment: Deployment;
  let session: BrowserSession;
  let site: string;
  beforeAll(async () => {
    await build();
    deployment = resources.use(await deploy({ edges: 2 }));
    session = resources.use(await launchChromium());
    site = await serve(deployment.edges.map(({ url }) => url));
    const card = resources.use(await createTestCard({ width: 640, height: 360, videoBitrate: 600_000 }));
    const client = resources.use(createRtmpClient({ url: deployment.rtmp("demo") }));
    const published = client.publish(card);
    resources.defer(async () => {
      await card.close();
      await published;
    });
    await multivariant(deployment.edge("/live/demo/index.m3u8"), AbortSignal.timeout(30_000));
  }, 240_000);
  afterAll(() => resources.disposeAsync());

  /** Serves the page for these edges, on a site of its own. */
  async function serve(edges: readonly string[], stream = "demo"): Promise<string> {
    const config = {
      rtmp: deployment.origin.rtmp,
      edges: edges.map((url, index) => ({ name: `Edge ${"AB"[index]}`, url })),
      stream,
    };
    return resources.use(await createClient({ port: 0, config })).url;
  }

  async function open(query = "", size = desktop, url = site): Promise<Page> {
    const page = await session.page(size);
    await page.goto(`${url}/${query}`);
    return page;
  }

  test.each(protocols)("plays %s through an edge alone, and reads the delay from the picture", async (protocol) => {
    const page = await open(`?protocol=${protocol}`);
    await playing(page);
    await page.getByText("Glass to glass, read from the picture").waitFor();
    expect(Number(await page.textContent("#delay"))).toBeGreaterThan(0);
    const { bytes, engine } = await stats(page);
    expect(engine).toBe(protocol);
    expect(Object.keys(bytes)).toEqual([deployment.edges[0]!.url]);
    await page.context().close();
  });

  test("changes the protocol and the edge as chosen, and shows which edge it watches", async () => {
    const page = await open();
    await playing(page);
    await page.getByRole("radio", { name: "DASH" }).check({ force: true });
    await page.waitForFunction(() => document.querySelector("ami-player")?.stats?.engine === "dash");
    await playing(page);
    await page.getByRole("radio", { name: "Edge B" }).check({ force: true });
    await page.waitForFunction(
      (edge) => document.querySelector("ami-player")?.stats?.source?.startsWith(edge),
      deployment.edges[1]!.url,
    );
    await playing(page);
    expect(Object.keys((await stats(page)).bytes)).toEqual([deployment.edges[1]!.url]);
    await page.locator(".edge.watching h3").getByText("Edge B").waitFor();
    await page.context().close();
  });

  test("lists what is live, and plays what is picked", async () => {
    const page = await open();
    await using _publisher = ffmpeg(testPicture({ only: "video", bitrate: 300 }), deployment.rtmp("mine"));
    await page.getByRole("button", { name: /^mine/ }).click();
    await page.waitForFunction(() => document.querySelector("ami-player")?.stats?.source?.includes("/live/mine/"));
    await playing(page);
    await page.getByRole("heading", { name: "mine", level: 1 }).waitFor();
    // It has no time code, so the player's own figure is shown, and named as such.
    await page.getByText("Behind the live edge, says the player").waitFor();
    await page.context().close();
  });

  test.each(protocols)("moves to the other edge when the one it plays from is killed (%s)", async (protocol) => {
    await using one = await startEdgeProcess(deployment.origin.url, "edge-a");
    await using two = await startEdgeProcess(deployment.origin.url, "edge-b");
    const page = await open(`?protocol=${protocol}`, desktop, await serve([one.url, two.url]));
    await playing(page);
    await one.kill();
    await page.waitForFunction(() => document.querySelector("ami-player")?.sourceIndex === 1);
    await playing(page, 3);
    await page.locator(".edge.down h3").getByText("Edge A").waitFor();
    await page.locator(".edge.watching h3").getByText("Edge B").waitFor();
    await page.context().close();
  });

  test("goes on without a reload when the publisher is cut off and comes back", async () => {
    const url = deployment.edge("/live/cut/index.m3u8");
    const first = ffmpeg(testPicture({ bitrate: 300 }), deployment.rtmp("cut"));
    await multivariant(url, AbortSignal.timeout(30_000));
    const pages = await Promise.all(protocols.map((protocol) => open(`?stream=cut&protocol=${protocol}`)));
    await Promise.all(pages.map((page) => playing(page, 2)));
    first.kill();
    await first.ended;
    await Promise.all(
      pages.map((page) => page.waitForFunction(() => document.querySelector("ami-player")?.state !== "playing")),
    );
    await using _second = ffmpeg(testPicture({ bitrate: 300 }), deployment.rtmp("cut"));
    await sessionsOf(url, 2, AbortSignal.timeout(30_000));
    await Promise.all(pages.map((page) => playing(page, 1, returnTime)));
    await Promise.all(pages.map((page) => playing(page, 4)));
    await Promise.all(pages.map((page) => page.context().close()));
  });

  test.each([
    ["a phone", phone],
    ["a desktop", desktop],
  ])("is accessible and fits %s, playing and with nothing to play", async (_, size) => {
    for (const stream of ["demo", "nobody"]) {
      const page = await open(`?stream=${stream}`, size);
      if (stream === "demo") await playing(page);
      else await page.waitForFunction(() => document.querySelector("ami-player")?.state === "waiting");
      await page
        .getByText("just started")
        .or(page.getByText(/\d min/))
        .first()
        .waitFor();
      expect(await violations(page)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(size.width);
      await page.context().close();
    }
  });

  test("throws no error that nobody catches", () => {
    expect(session.errors).toEqual([]);
  });
});

/** Waits until the player plays and has shown so many more seconds. */
async function playing(page: Page, seconds = 1, timeout = 30_000): Promise<void> {
  const began = await page.evaluate(() => document.querySelector("ami-player")?.stats?.totalFrames ?? 0);
  // Time may start anew with another source: frames only ever begin again from zero, with a change of it.
  await page.waitForFunction(
    ({ began, frames }) => {
      const player = document.querySelector("ami-player");
      const total = player?.stats?.totalFrames ?? 0;
      return player?.state === "playing" && total >= (total < began ? 0 : began) + frames;
    },
    { began, frames: seconds * 25 },
    { timeout },
  );
}

async function stats(page: Page) {
  const found = await page.evaluate(() => document.querySelector("ami-player")?.stats);
  if (found === undefined || found === null) throw new Error("the player has nothing loaded");
  return found;
}

/** Rules of axe that the page breaks, with what breaks them. */
async function violations(page: Page): Promise<readonly string[]> {
  await page.evaluate(axe);
  const results = await page.evaluate(() => {
    const { axe } = globalThis as typeof globalThis & { axe: { run(): Promise<AxeResults> } };
    return axe.run();
  });
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 100)).join(" ")}`);
}
