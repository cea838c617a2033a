/** Which engine plays a source in this browser. */

import { PlayerError } from "../error.ts";
import type { Source } from "../source/source.ts";
import type { EngineName } from "./engine.ts";

/** What the browser can do. */
export interface BrowserSupport {
  /** Media Source Extensions, managed or not. */
  readonly mediaSource: boolean;
  /** `<video>` plays HLS by itself. */
  readonly nativeHls: boolean;
}

/**
 * hls.js wherever it can run, since it has low latency, levels and statistics; native HLS where it cannot (iPhone before iOS 17.1).
 *
 * @param wish - the `engine` attribute; anything but `auto` is taken at its word.
 * @throws {PlayerError} `ENGINE_UNSUPPORTED`.
 */
export function chooseEngine(source: Source, wish: EngineName | "auto", support: BrowserSupport): EngineName {
  const engine = wish === "auto" ? byFormat(source, support) : wish;
  if (engine === "native" || support.mediaSource) return engine;
  throw new PlayerError(
    "ENGINE_UNSUPPORTED",
    `${source.format === "dash" ? "DASH" : "HLS"} needs Media Source Extensions, which this browser does not have`,
  );
}

function byFormat(source: Source, support: BrowserSupport): EngineName {
  if (source.format === "file") return "native";
  if (source.format === "dash") return "dash";
  return !support.mediaSource && support.nativeHls ? "native" : "hls";
}

/** Looks at the browser the code runs in. */
export function detectSupport(video: HTMLVideoElement): BrowserSupport {
  return {
    mediaSource: "MediaSource" in globalThis || "ManagedMediaSource" in globalThis,
    nativeHls: video.canPlayType("application/vnd.apple.mpegurl") !== "",
  };
}
