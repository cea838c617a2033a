/** What pages and frameworks do with an element: set properties early, add children, move it, refuse sound. */

import { peer } from "@ami-streams/testing";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Harness, startHarness } from "./harness.ts";
import { type Edge, LiveStream, startEdge } from "./live-server.ts";
import { noteEvents, seenEvents, waitForProgress, waitForState } from "./player-page.ts";

describe.skipIf(peer("chromium") === null)("<ami-player> on a page", () => {
  let harness: Harness;
  let edge: Edge;
  beforeAll(async () => {
    harness = await startHarness();
    const stream = new LiveStream();
    stream.publish(12);
    edge = await startEdge(stream);
  });
  afterAll(async () => {
    await edge[Symbol.asyncDispose]();
    await harness[Symbol.asyncDispose]();
  });

  test("play() right after src was set plays", async () => {
    const page = await harness.open("<ami-player muted></ami-player>");
    await page.evaluate(async (src) => {
      const player = document.querySelector("ami-player")!;
      player.src = src;
      await player.play();
    }, edge.hls);
    await waitForProgress(page);
  });

  test("properties that were set before the element was defined are taken over", async () => {
    const page = await harness.open("");
    const seen = await page.evaluate((src) => {
      const element = Object.assign(document.createElement("later-player"), { src, autoplay: true, muted: true });
      document.querySelector("main")!.append(element);
      customElements.define("later-player", class extends (customElements.get("ami-player")!) {});
      const { localName } = element;
      const { src: attribute, autoplay } = Object.fromEntries(
        [...element.attributes].map((each) => [each.name, each.value]),
      );
      return { localName, attribute, autoplay, muted: element.muted };
    }, edge.hls);
    expect(seen).toEqual({ localName: "later-player", attribute: edge.hls, autoplay: "", muted: true });
    await page.waitForFunction(
      () =>
        "state" in document.querySelector("later-player")! &&
        Reflect.get(document.querySelector("later-player")!, "state") === "playing",
    );
  });

  test("a text property that a framework takes back removes its attribute", async () => {
    const page = await harness.open('<ami-player poster="data:," src="/none.mp4"></ami-player>');
    const left = await page.evaluate(() => {
      const player = document.querySelector("ami-player")!;
      player.src = undefined;
      player.poster = null;
      return player.getAttributeNames();
    });
    expect(left).toEqual([]);
    await waitForState(page, "idle");
  });

  test("<track> children are the video's captions; adding one later does not load the stream anew", async () => {
    const page = await harness.open(`<ami-player autoplay muted crossorigin src="${edge.hls}"></ami-player>`);
    await waitForProgress(page);
    const manifests = edge.requests.filter((path) => path === "/live/index.m3u8").length;
    await page.evaluate((src) => {
      const player = document.querySelector("ami-player")!;
      const track = Object.assign(document.createElement("track"), {
        src,
        kind: "captions",
        srclang: "en",
        label: "Beside",
      });
      track.default = true;
      player.append(track, document.createElement("p"));
    }, `${edge.url}/captions.vtt`);
    await page.waitForFunction(() =>
      [...document.querySelector("ami-player")!.video.textTracks].some(
        ({ label, activeCues }) =>
          label === "Beside" && (activeCues?.[0] as VTTCue | undefined)?.text === "Beside the stream",
      ),
    );
    await waitForProgress(page);
    expect(edge.requests.filter((path) => path === "/live/index.m3u8")).toHaveLength(manifests);
    await page.evaluate(() => document.querySelector("ami-player > track")!.remove());
    await page.waitForFunction(() => document.querySelector("ami-player")!.video.querySelector("track") === null);
  });

  test("a player without controls ignores clicks and keys, also beside one that has them", async () => {
    const page = await harness.open(
      `<ami-player autoplay muted src="${edge.hls}"></ami-player><ami-player id="other" controls></ami-player>`,
    );
    await page.locator("#other media-play-button.big").waitFor({ state: "attached" });
    await waitForProgress(page);
    await noteEvents(page);
    await page.locator("ami-player").first().click();
    await page.keyboard.press("Space");
    await page.keyboard.press("k");
    await waitForProgress(page);
    expect((await seenEvents(page)).filter(({ state }) => state === "paused")).toEqual([]);
  });

  test("without the script of the controls there are the browser's own", async () => {
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player>`);
    await noteEvents(page);
    await page.route("**/controls-*.js", (route) => route.abort());
    await page.evaluate(() => {
      document.querySelector("ami-player")!.controls = true;
    });
    await page.waitForFunction(() => document.querySelector("ami-player")!.video.controls);
    expect(await seenEvents(page)).toContainEqual({ type: "ami-error", code: "CONTROLS_LOAD_FAILED", fatal: false });
    await waitForProgress(page);
  });

  test("the labels of the page are kept when the controls come, and in a document that is read from right to left", async () => {
    const page = await harness.open(`<div dir="rtl"><ami-player autoplay muted src="${edge.hls}"></ami-player></div>`);
    await page.evaluate(() => {
      const player = document.querySelector("ami-player")!;
      player.labels = { player: "نافذة", behind: "خلف" };
      player.controls = true;
    });
    await page.getByRole("timer", { name: /^خلف: \d+\.\d s$/ }).waitFor();
    await page.getByRole("region", { name: "نافذة" }).waitFor();
    const [play, fullscreen] = await Promise.all(
      ["media-control-bar media-play-button", "media-fullscreen-button"].map((name) =>
        page.locator(name).boundingBox(),
      ),
    );
    expect(play!.x).toBeLessThan(fullscreen!.x);
  });

  test("moveBefore does not interrupt", async () => {
    const page = await harness.open(`<ami-player autoplay muted src="${edge.hls}"></ami-player><section></section>`);
    await waitForProgress(page);
    const before = edge.requests.filter((path) => path === "/live/index.m3u8").length;
    await page.evaluate(() => {
      const section: Element & { moveBefore?(node: Node, child: Node | null): void } =
        document.querySelector("section")!;
      section.moveBefore!(document.querySelector("ami-player")!, null);
    });
    await waitForProgress(page);
    expect(edge.requests.filter((path) => path === "/live/index.m3u8")).toHaveLength(before);
  });

  test("where the browser refuses sound it starts muted and offers it; a tap brings it", async () => {
    await using browser = await chromium.launch({
      executablePath: peer("chromium")!,
      args: ["--no-sandbox", "--disable-gpu", "--mute-audio", "--autoplay-policy=document-user-activation-required"],
    });
    await harness.open(
      `<ami-player autoplay src="${edge.hls}"></ami-player>
<script>document.querySelector("ami-player").addEventListener("ami-autoplay-muted", ({ type }) => console.log(type))</script>`,
    );
    const page = await browser.newPage();
    // Whatever playwright evaluates counts as a gesture of the viewer: until the player has tried, the page is only listened to.
    const muted = page.waitForEvent("console", (message) => message.text() === "ami-autoplay-muted");
    await page.goto(harness.url);
    await muted;
    await waitForProgress(page);
    expect(await page.evaluate(() => document.querySelector("ami-player")!.muted)).toBe(true);
    await page.getByRole("button", { name: "Tap for sound" }).click();
    expect(await page.evaluate(() => document.querySelector("ami-player")!.muted)).toBe(false);
    await page.getByRole("button", { name: "Tap for sound" }).waitFor({ state: "hidden" });
    await waitForProgress(page);
  });

  test("a player that was removed can be collected", async () => {
    const page = await harness.open("");
    for (const src of [edge.hls, edge.dash]) {
      await page.evaluate((src) => {
        const player = document.createElement("ami-player");
        Object.assign(player, { src, autoplay: true, muted: true, controls: true });
        document.querySelector("main")!.append(player);
        Object.assign(window, { removed: new WeakRef(player) });
      }, src);
      await waitForProgress(page);
      await page.locator("media-play-button.big").waitFor({ state: "attached" });
      await page.evaluate(() => document.querySelector("ami-player")!.remove());
      const session = await page.context().newCDPSession(page);
      await expect
        .poll(
          async () => {
            await session.send("HeapProfiler.collectGarbage");
            return page.evaluate(() => {
              const removed: unknown = Reflect.get(window, "removed");
              return removed instanceof WeakRef && removed.deref() === undefined;
            });
          },
          { timeout: 20_000 },
        )
        .toBe(true);
    }
  });

  test("nothing was thrown and left unhandled in all of this", () => {
    expect(harness.errors).toEqual([]);
  });
});
