/** The surface: controls, keyboard, captions, accessibility, size. */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { peer } from "@ami-streams/testing";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { type Edge, LiveStream, startEdge } from "./live-server.ts";
import { waitForProgress, waitForState } from "./player-page.ts";

const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Rules of axe that the page breaks, with what breaks them. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(axe);
  const results = await page.evaluate(() => {
    const { axe } = globalThis as typeof globalThis & { axe: { run(): Promise<AxeResults> } };
    return axe.run();
  });
  return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 80)).join(" ")}`);
}

async function openControls(harness: Harness, edge: Edge): Promise<Page> {
  const page = await harness.open(`<ami-player controls autoplay muted src="${edge.hls}"></ami-player>`);
  await waitForProgress(page);
  await page.locator("media-play-button.big").waitFor({ state: "attached" });
  return page;
}

describe.skipIf(peer("chromium") === null)("the controls of <ami-player>", () => {
  let harness: Harness;
  let edge: Edge;
  beforeAll(async () => {
    harness = await startHarness();
    // The arrow seeks ten seconds: the window is long enough that this never leaves it, however long a pause took before.
    const stream = new LiveStream({ window: 60 });
    stream.publish(48);
    edge = await startEdge(stream);
    edge.captions = true;
  });
  afterAll(async () => {
    await edge[Symbol.asyncDispose]();
    await harness[Symbol.asyncDispose]();
  });

  test("what loads before the engines fits 30 KB gzipped", async () => {
    const entry = await readFile(join(harness.folder, "ami-player.js"));
    expect(entry.toString()).not.toMatch(/from"\.\/chunk-/);
    expect(gzipSync(entry, { level: 9 }).byteLength).toBeLessThanOrEqual(30 * 1024);
  });

  test("there are play, mute, live, captions, quality, picture-in-picture and fullscreen", async () => {
    const page = await openControls(harness, edge);
    for (const name of [
      "media-control-bar media-play-button",
      "media-mute-button",
      "media-live-button",
      "media-captions-menu-button",
      "media-rendition-menu-button",
      "media-pip-button",
      "media-fullscreen-button",
    ]) {
      await page.locator(name).waitFor({ state: "visible" });
    }
    await page.waitForFunction(() =>
      /^−\d\.\d s$/.test(document.querySelector("ami-player")!.shadowRoot!.querySelector(".latency")!.textContent!),
    );
  });

  test("a quality that is picked in the menu is pinned", async () => {
    const page = await openControls(harness, edge);
    await page.locator("media-rendition-menu-button").click();
    await page.locator("media-rendition-menu").getByText("180p", { exact: true }).click();
    await page.waitForFunction(() => document.querySelector("ami-player")!.level === 0);
    await page.waitForFunction(() => document.querySelector("ami-player")!.stats!.height === 180);
  });

  test("captions of the stream are shown", async () => {
    const page = await openControls(harness, edge);
    await page.locator("media-captions-menu-button").click();
    await page.locator("media-captions-menu").getByText("English").click();
    await page.waitForFunction(() =>
      [...document.querySelector("ami-player")!.video.textTracks].some(
        ({ mode, activeCues }) =>
          mode === "showing" && /^Line \d+$/.test((activeCues?.[0] as VTTCue | undefined)?.text ?? ""),
      ),
    );
  });

  test("space, m, arrows, l and f do what they do in every player", async () => {
    const page = await openControls(harness, edge);
    await page.locator("media-controller").focus();
    await page.keyboard.press("Space");
    await waitForState(page, "paused");
    await page.keyboard.press("Space");
    await waitForState(page, "playing");
    await page.keyboard.press("m");
    await page.waitForFunction(() => !document.querySelector("ami-player")!.muted);
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction(() => document.querySelector("ami-player")!.stats!.latency! > 5);
    await page.keyboard.press("l");
    await page.waitForFunction(() => document.querySelector("ami-player")!.stats!.latency! < 3);
    await page.keyboard.press("f");
    await page.waitForFunction(() => document.fullscreenElement?.localName === "ami-player");
  });

  test("the picture goes into a window of its own, and comes back", async () => {
    const page = await openControls(harness, edge);
    await page.locator("media-pip-button").click();
    await page.waitForFunction(() => document.pictureInPictureElement?.localName === "ami-player");
    await waitForProgress(page);
    await page.locator("media-pip-button").click();
    await page.waitForFunction(() => document.pictureInPictureElement === null);
    await waitForProgress(page);
  });

  test("axe finds nothing to complain about, in any state", async () => {
    const page = await openControls(harness, edge);
    expect(await violations(page)).toEqual([]);
    await page.evaluate(() => document.querySelector("ami-player")!.pause());
    await waitForState(page, "paused");
    expect(await violations(page)).toEqual([]);
    await page.locator("media-rendition-menu-button").click();
    expect(await violations(page)).toEqual([]);
    await page.evaluate(
      (src) => document.querySelector("ami-player")!.setAttribute("src", src),
      `${edge.url}/nothing.m3u8`,
    );
    await waitForState(page, "waiting");
    expect(await violations(page)).toEqual([]);
    await page.evaluate(() => document.querySelector("ami-player")!.setAttribute("src", "ftp://example.com/a.m3u8"));
    await waitForState(page, "error");
    expect(await violations(page)).toEqual([]);
  });
});
