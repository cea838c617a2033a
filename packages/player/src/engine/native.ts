/** Files, and HLS where the browser plays it by itself and Media Source Extensions are missing. */

import type { Engine, EngineOptions, EngineStats, Level, StartPosition } from "./engine.ts";

export function createNativeEngine(options: EngineOptions): Engine {
  return new NativeEngine(options);
}

/** Seconds behind the end of the seekable range that the platform's own player aims for. */
const NATIVE_LIVE_OFFSET = 2;

class NativeEngine implements Engine {
  readonly name = "native";
  readonly steersRate = true;
  readonly levels: readonly Level[] = [];
  readonly currentLevel = -1;
  readonly #options: EngineOptions;
  readonly #listening = new AbortController();
  #video: HTMLVideoElement | null = null;

  constructor(options: EngineOptions) {
    this.#options = options;
  }

  attach(video: HTMLVideoElement): void {
    this.#video = video;
    const { signal } = this.#listening;
    video.addEventListener("error", () => this.#onError(video.error), { signal });
  }

  load(url: string, start: StartPosition): void {
    const video = this.#video;
    if (video === null) throw new TypeError("attach a video first");
    const { signal } = this.#listening;
    video.addEventListener(
      "loadedmetadata",
      () => {
        if (start.at === "time") video.currentTime = start.time;
        const live = this.livePosition;
        if (start.at === "behind-live" && live !== null) video.currentTime = Math.max(0, live - start.distance);
      },
      { once: true, signal },
    );
    video.src = url;
    video.load();
  }

  /** The platform chooses; there is nothing to pin. */
  get level(): number {
    return -1;
  }

  set level(_index: number) {}

  get live(): boolean {
    return this.#video?.duration === Number.POSITIVE_INFINITY;
  }

  get livePosition(): number | null {
    const end = this.#seekableEnd();
    return end === null ? null : Math.max(0, end - NATIVE_LIVE_OFFSET);
  }

  /** The platform's own player leaves a viewer who looks back alone. */
  setFollowing(_following: boolean): void {}

  recoverMediaError(): void {
    const video = this.#video;
    if (video === null) return;
    const { currentTime } = video;
    const resume = this.live ? null : currentTime;
    video.load();
    if (resume !== null) video.currentTime = resume;
  }

  get stats(): EngineStats {
    const end = this.#seekableEnd();
    const video = this.#video;
    return {
      latency: end === null || video === null ? null : Math.max(0, end - video.currentTime),
      targetLatency: end === null ? null : NATIVE_LIVE_OFFSET,
      playingDate: playingDate(video),
      bitrate: null,
      bandwidth: null,
    };
  }

  destroy(): void {
    this.#listening.abort();
    const video = this.#video;
    this.#video = null;
    if (video === null) return;
    video.removeAttribute("src");
    video.load();
  }

  #seekableEnd(): number | null {
    const video = this.#video;
    if (video === null || !this.live || video.seekable.length === 0) return null;
    return video.seekable.end(video.seekable.length - 1);
  }

  #onError(error: MediaError | null): void {
    const { host } = this.#options;
    const message = error?.message || "the browser could not play this source";
    const cause = error ?? undefined;
    if (error?.code === MediaError.MEDIA_ERR_DECODE) host.onFailure({ kind: "media", message, cause });
    // A missing or unreachable file is reported as "source not supported": the network is the likelier reason.
    else host.onFailure({ kind: "network", message, cause });
  }
}

/** `getStartDate` is WebKit's only (HTML Standard §4.8.11.6). */
function playingDate(video: HTMLVideoElement | null): number | null {
  if (video === null || !("getStartDate" in video) || typeof video.getStartDate !== "function") return null;
  const start: unknown = video.getStartDate();
  if (!(start instanceof Date) || Number.isNaN(start.getTime())) return null;
  return start.getTime() + video.currentTime * 1000;
}
