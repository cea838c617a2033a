/** hls.js, dash.js and shaka-player set up for low latency as their documentation says, in a real Chromium. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import type { BrowserSession } from "@ami-streams/testing";
import type { Page } from "playwright-core";

export type ForeignPlayer = "hls.js" | "dash.js" | "shaka-player";

const scripts: Record<ForeignPlayer, string> = {
  "hls.js": "hls.js/dist/hls.min.js",
  "dash.js": "dashjs/dist/modern/umd/dash.all.min.js",
  "shaka-player": "shaka-player/dist/shaka-player.compiled.js",
};

/** What a page saw of its video so far. */
interface Observation {
  readonly currentTime: number;
  /** Each time that playback ran dry after it had started: at which media time, with what buffered. */
  readonly stalls: readonly string[];
  readonly errors: readonly string[];
  readonly droppedFrames: number;
  readonly frames: number;
  /** Seconds from loading to the first frame. */
  readonly startup: number | null;
  readonly width: number;
  readonly audioBytes: number;
  /** Where playback stands and what it has, for whoever reads a failure. */
  readonly standing: string;
}

/** A page that plays. */
export interface Viewing {
  readonly page: Page;
  /** Resolves when frames have been shown and time moves. */
  readonly playing: Promise<unknown>;
  observe(): Promise<Observation>;
  /** Resolves when the video has played this many seconds from now on. @throws saying where it stands. */
  played(seconds: number, timeout: number): Promise<void>;
  /** Resolves when the video has run out of media. */
  dry(timeout: number): Promise<void>;
}

/** A site of its own origin, so that CORS is in play. It must be a loopback address: Chromium guards those from public pages. */
export async function createBlankSite(): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer((_, response) => {
    response.setHeader("content-type", "text/html");
    response.end(
      "<!doctype html><link rel=icon href=data:,><video muted autoplay playsinline width=320 height=180></video>",
    );
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/**
 * Opens a page of `site` and plays the manifest with a foreign player.
 *
 * shaka-player is of the maintained 4.16 branch: 5.2.12, the newest, drops parts that begin with no keyframe (shaka-player#10589, mended
 * after it), and loses its place at a discontinuity that follows a pause of some seconds (so does 5.1.12).
 */
export async function view(
  session: BrowserSession,
  site: string,
  player: ForeignPlayer,
  url: string,
): Promise<Viewing> {
  const page = await session.page({ width: 320, height: 200 });
  const started = Date.now();
  await page.goto(site);
  await page.addScriptTag({ path: fileURLToPath(new URL(`../node_modules/${scripts[player]}`, import.meta.url)) });
  await page.evaluate(startPlayer, { player, url });
  const asked: string[] = [];
  page.on("response", (response) => {
    const { pathname, search } = new URL(response.url());
    asked.push(`${((Date.now() - started) / 1000).toFixed(1)} s: ${response.status()} ${pathname}${search}`);
    if (asked.length > 30) asked.shift();
  });
  const observe = () => page.evaluate(() => window.observe());
  return {
    page,
    playing: page.waitForFunction(() => window.observe().startup !== null && window.observe().currentTime > 0, null, {
      timeout: 30_000,
    }),
    observe,
    async played(seconds, timeout) {
      const { currentTime } = await observe();
      try {
        await page.waitForFunction((target) => window.observe().currentTime >= target, currentTime + seconds, {
          timeout,
        });
      } catch (cause) {
        const { standing } = await observe();
        throw new Error(
          `not ${seconds} s on from ${currentTime} after ${timeout} ms: ${standing}; asked last:\n${asked.join("\n")}`,
          { cause },
        );
      }
    },
    async dry(timeout) {
      const hasRunDry = () => {
        const video = document.querySelector("video");
        return video !== null && (video.readyState < video.HAVE_FUTURE_DATA || video.paused);
      };
      await page.waitForFunction(hasRunDry, null, { timeout });
    },
  };
}

declare global {
  interface Window {
    observe(): Observation;
  }
}

// Runs in the page; the libraries are globals there.
async function startPlayer({ player, url }: { player: ForeignPlayer; url: string }): Promise<void> {
  const video = document.querySelector("video");
  if (video === null) throw new Error("no video");
  const began = performance.now();
  const stalls: string[] = [];
  let startup: number | null = null;
  const errors: string[] = [];
  video.requestVideoFrameCallback(() => {
    startup = (performance.now() - began) / 1000;
    // "waiting" also announces a start or a seek: only one that interrupts playback is a stall.
    video.addEventListener("waiting", () => {
      if (!video.seeking) stalls.push(where());
    });
  });
  const where = (): string => {
    const { buffered, currentTime } = video;
    const ranges = Array.from(
      { length: buffered.length },
      (_, index) => `${buffered.start(index)}–${buffered.end(index)}`,
    );
    return `at ${currentTime} of ${ranges.slice(-3).join(", ")}`;
  };
  window.observe = () => {
    const quality = video.getVideoPlaybackQuality();
    const { webkitAudioDecodedByteCount } = video as HTMLVideoElement & { webkitAudioDecodedByteCount?: number };
    return {
      currentTime: video.currentTime,
      stalls,
      errors,
      droppedFrames: quality.droppedVideoFrames,
      frames: quality.totalVideoFrames,
      startup,
      width: video.videoWidth,
      audioBytes: webkitAudioDecodedByteCount ?? 0,
      standing: `${where()}, ready state ${video.readyState}, ${video.paused ? "paused" : "playing"}${video.seeking ? ", seeking" : ""}, rate ${video.playbackRate}`,
    };
  };
  const library = window as unknown as Record<"Hls" | "dashjs" | "shaka", never>;
  if (player === "hls.js") {
    const { Hls } = library as unknown as { Hls: typeof import("hls.js").default };
    const hls = new Hls({ lowLatencyMode: true });
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (data.fatal) errors.push(`${data.type} ${data.details}`);
    });
    hls.loadSource(url);
    hls.attachMedia(video);
  } else if (player === "dash.js") {
    const { dashjs } = library as unknown as { dashjs: typeof import("dashjs") };
    const dash = dashjs.MediaPlayer().create();
    // Its own defaults: the service description of the MPD says what delay to keep.
    dash.on("error", (event: { error?: unknown }) => errors.push(JSON.stringify(event.error)));
    dash.initialize(video, url, true);
  } else {
    const { shaka } = library as unknown as {
      shaka: { Player: new () => ShakaPlayer; polyfill: { installAll(): void } };
    };
    shaka.polyfill.installAll();
    const instance = new shaka.Player();
    await instance.attach(video);
    instance.configure({
      streaming: { lowLatencyMode: true },
      // Part of its preset for low latency, which it only applies after it has taken the end of the segment in the making for now.
      manifest: { dash: { autoCorrectDrift: false } },
    });
    instance.addEventListener("error", ({ detail }) => {
      const { severity, category, code, data } = detail;
      errors.push(`severity ${severity}, category ${category}, code ${code}: ${JSON.stringify(data).slice(0, 300)}`);
    });
    await instance.load(url);
  }

  interface ShakaError {
    readonly severity: number;
    readonly category: number;
    readonly code: number;
    readonly data: readonly unknown[];
  }

  interface ShakaPlayer {
    attach(video: HTMLVideoElement): Promise<void>;
    configure(options: object): void;
    addEventListener(type: "error", listener: (event: { detail: ShakaError }) => void): void;
    load(url: string): Promise<void>;
  }
}
