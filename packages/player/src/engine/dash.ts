/** DASH by dash.js, in its low-latency mode where the manifest allows it. */

import {
  type ErrorEvent,
  type FragmentLoadingCompletedEvent,
  MediaPlayer,
  type MediaPlayerClass,
  type MediaPlayerSettingClass,
  type Representation,
} from "dashjs";
import type { Engine, EngineFailure, EngineOptions, EngineStats, Level, StartPosition } from "./engine.ts";
import { createLevelClimber } from "./level-climber.ts";

/** Nearer to the live edge than this many seconds, throughput says nothing. */
const LOW_LATENCY = 4;
/** Milliseconds between two choices of a level there. */
const CLIMB_INTERVAL = 500;
/** Name of dash.js's own (Constants.LOW_LATENCY_DOWNLOAD_TIME_CALCULATION_MODE.MOOF_PARSING). */
const LOW_LATENCY_THROUGHPUT = "lowLatencyDownloadTimeCalculationModeMoofParsing";
/** Seconds kept behind the play position. */
const BACK_BUFFER = 30;

export function createDashEngine(options: EngineOptions): Engine {
  return new DashEngine(options);
}

class DashEngine implements Engine {
  readonly name = "dash";
  readonly steersRate = true;
  readonly #player: MediaPlayerClass;
  readonly #options: EngineOptions;
  #video: HTMLVideoElement | null = null;
  #levels: readonly Level[] = [];
  #pinned = -1;
  readonly #listening = new AbortController();
  readonly #climber = createLevelClimber();
  #climbing: ReturnType<typeof setInterval> | undefined;
  #failed = false;
  #ready = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#player = MediaPlayer().create();
    this.#player.updateSettings(settings(options));
  }

  attach(video: HTMLVideoElement): void {
    this.#video = video;
    this.#player.initialize(video, undefined, false);
    // Without UTCTiming in the manifest dash.js would ask a clock of a third party.
    this.#player.clearDefaultUTCTimingSources();
    this.#listen();
  }

  load(url: string, start: StartPosition): void {
    if (start.at === "time") this.#player.attachSource(url, start.time);
    else this.#player.attachSource(url);
    if (start.at !== "behind-live") return;
    // dash.js knows how far it is from the edge once there is something to play; it starts at the edge.
    const done = new AbortController();
    const { signal } = done;
    this.#listening.signal.addEventListener("abort", () => done.abort(), { once: true, signal });
    const lookBack = () => {
      if (this.#lookBack(start.distance)) done.abort();
    };
    for (const type of ["canplay", "timeupdate"]) this.#video?.addEventListener(type, lookBack, { signal });
  }

  get levels(): readonly Level[] {
    return this.#levels;
  }

  get currentLevel(): number {
    const current = this.#current();
    return current === null ? -1 : this.#representations().findIndex(({ id }) => id === current.id);
  }

  get level(): number {
    return this.#pinned;
  }

  set level(index: number) {
    this.#pinned = index;
    const automatic = index < 0 && this.#climbing === undefined;
    this.#player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: automatic } } } });
    if (index >= 0) this.#player.setRepresentationForTypeByIndex("video", index);
  }

  get live(): boolean {
    return this.#ready && this.#player.isDynamic();
  }

  get livePosition(): number | null {
    const { latency, targetLatency } = this.stats;
    if (latency === null || targetLatency === null || this.#video === null) return null;
    return this.#video.currentTime + latency - targetLatency;
  }

  /** Otherwise dash.js would jump back to the edge as soon as the viewer is further behind than its `maxDrift`. */
  setFollowing(following: boolean): void {
    if (!this.#options.lowLatency) return;
    this.#player.updateSettings({ streaming: { liveCatchup: { enabled: following } } });
    if (!following && this.#video !== null) this.#video.playbackRate = 1;
  }

  /** dash.js has no way to restart its media source but to attach the source again. */
  recoverMediaError(_swapCodec: boolean): void {
    this.#failed = false;
    const video = this.#video;
    const url = this.#player.getSource();
    if (video === null || url === null) return;
    if (this.live) this.#player.attachSource(url);
    else this.#player.attachSource(url, video.currentTime);
  }

  get stats(): EngineStats {
    const player = this.#player;
    const latency = this.live ? finite(player.getCurrentLiveLatency()) : null;
    const bandwidth = this.#ready ? finite(player.getAverageThroughput("video")) : null;
    const utc = this.#ready ? finite(player.timeAsUTC()) : null;
    const current = this.#current();
    return {
      latency,
      targetLatency: this.live ? finite(player.getTargetLiveDelay()) : null,
      playingDate: this.live && utc !== null && utc > 0 ? utc * 1000 : null,
      bitrate: current === null ? null : current.bandwidth,
      bandwidth: bandwidth === null ? null : bandwidth * 1000,
    };
  }

  destroy(): void {
    clearInterval(this.#climbing);
    this.#listening.abort();
    this.#failed = true;
    this.#ready = false;
    // dash.js 5 sets the playback rate once the video can play, and forgets to stop waiting: later, with another engine, that would be an
    // uncaught TypeError. What waits is let go while dash.js still has its video.
    const { readyState = HTMLMediaElement.HAVE_ENOUGH_DATA } = this.#video ?? {};
    if (readyState < HTMLMediaElement.HAVE_FUTURE_DATA) this.#video?.dispatchEvent(new Event("canplay"));
    this.#player.destroy();
    this.#video?.removeAttribute("src");
    this.#video = null;
  }

  #startClimbing(): void {
    const { targetLatency } = this.stats;
    if (this.#climbing !== undefined || !this.#options.lowLatency || targetLatency === null) return;
    if (targetLatency > LOW_LATENCY || this.#levels.length < 2) return;
    this.#climbing = setInterval(() => this.#climb(), CLIMB_INTERVAL);
    this.#player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { video: false } } } });
  }

  #climb(): void {
    const { latency, targetLatency } = this.stats;
    const level = this.currentLevel;
    const playing = this.#video !== null && !this.#video.paused && !this.#video.seeking;
    if (!playing || this.#pinned >= 0 || level < 0 || latency === null || targetLatency === null) return;
    const bufferAhead = this.#player.getBufferLength("video");
    const levels = this.#levels.length;
    const next = this.#climber.choose({ now: performance.now(), level, levels, bufferAhead, latency, targetLatency });
    if (next !== level) this.#player.setRepresentationForTypeByIndex("video", next);
  }

  /** Whether it is known by now where that is. */
  #lookBack(distance: number): boolean {
    const live = this.livePosition;
    if (live === null || this.#video === null) return false;
    this.#video.currentTime = Math.max(0, live - distance);
    return true;
  }

  #listen(): void {
    const player = this.#player;
    const { host } = this.#options;
    player.on("streamInitialized", () => {
      this.#ready = true;
      this.#levels = this.#representations().map(describe);
      host.onLevels(this.#levels);
      this.#startClimbing();
    });
    player.on("qualityChangeRendered", (event) => {
      if (event.mediaType === "video") host.onLevelChange(this.currentLevel);
    });
    player.on("fragmentLoadingCompleted", (event) => this.#account(event));
    player.on("dynamicToStatic", () => host.onStreamEnd());
    player.on("error", (event) => this.#onError(event));
  }

  #representations(): Representation[] {
    return this.#ready ? (this.#player.getRepresentationsByType("video") ?? []) : [];
  }

  #current(): Representation | null {
    return this.#ready ? this.#player.getCurrentRepresentationForType("video") : null;
  }

  #account({ request, response }: FragmentLoadingCompletedEvent): void {
    const bytes = request.bytesLoaded || response?.byteLength || 0;
    if (bytes > 0 && request.url) this.#options.host.onBytes(request.url, bytes);
  }

  #onError(event: ErrorEvent): void {
    if (this.#failed) return;
    const failure = explain(event);
    if (failure === null) return;
    this.#failed = true;
    this.#options.host.onFailure(failure);
  }
}

function settings({ lowLatency, startLevel, impatient, maxLiveRate }: EngineOptions): MediaPlayerSettingClass {
  const attempts = impatient ? 1 : 3;
  return {
    debug: { logLevel: 0 },
    streaming: {
      applyServiceDescription: lowLatency,
      // Far below the default of a second: the player hears of new segments when they are there.
      scheduling: { lowLatencyTimeout: 0 },
      delay: { useSuggestedPresentationDelay: true },
      liveCatchup: {
        enabled: lowLatency,
        maxDrift: 4,
        playbackRate: { min: -0.1, max: maxLiveRate - 1 },
      },
      buffer: {
        fastSwitchEnabled: true,
        bufferToKeep: BACK_BUFFER,
        bufferTimeDefault: 12,
        bufferTimeAtTopQuality: 20,
        mediaSourceDurationInfinity: true,
        lowLatencyStallThreshold: 0.1,
      },
      gaps: { jumpGaps: true, jumpLargeGaps: true },
      // A remembered bitrate of another session says nothing about this edge.
      lastBitrateCachingInfo: { enabled: false },
      lastMediaSettingsCachingInfo: { enabled: false },
      text: { defaultEnabled: false },
      manifestRequestTimeout: 8000,
      fragmentRequestTimeout: 15_000,
      retryAttempts: { MPD: attempts, MediaSegment: attempts, InitializationSegment: attempts },
      retryIntervals: { MPD: 300, MediaSegment: 500, InitializationSegment: 300 },
      abr: {
        ...(startLevel === 0 ? { initialBitrate: { video: 1 } } : {}),
        // A chunked segment arrives at the pace it is made: only the time within each moof says anything about the network.
        throughput: { lowLatencyDownloadTimeCalculationMode: LOW_LATENCY_THROUGHPUT, sampleSettings: {}, ewma: {} },
      },
    },
    errors: { recoverAttempts: { mediaErrorDecode: 0 } },
  };
}

function describe(representation: Representation, index: number): Level {
  const { width, height, bandwidth, codecs } = representation;
  return { index, width, height, bitrate: bandwidth, codecs: codecs ?? "" };
}

/** dash.js numbers its errors; https://cdn.dashjs.org/latest/jsdoc/Errors.html lists them. Null = it copes by itself. */
function explain(event: ErrorEvent): EngineFailure | null {
  const error = event.error;
  if (typeof error === "string") {
    return { kind: error === "capability" || error === "mediasource" ? "unsupported" : "network", message: error };
  }
  const code = Number(error.code);
  const message = error.message ?? `dash.js error ${code}`;
  const status = statusOf(error.data);
  const rest = { message, cause: error, ...(status === undefined ? {} : { status }) };
  // The media element's own errors, an append that failed, and a source the media source does not take.
  if (code <= 5 || code === 20) return { kind: "media", ...rest };
  if (code === 23 || code === 24 || code === 35) return { kind: "unsupported", ...rest };
  // Clock synchronisation, XLink, events and captions fail without harm; a fragment's failure is announced again as 27 or 28.
  const isFatal = [10, 11, 15, 25, 26, 27, 28, 31, 32].includes(code);
  if (!isFatal) return null;
  return { kind: status === 404 || status === 410 ? "absent" : "network", ...rest };
}

function statusOf(data: unknown): number | undefined {
  if (typeof data !== "object" || data === null || !("response" in data)) return undefined;
  const { response } = data;
  if (typeof response !== "object" || response === null || !("status" in response)) return undefined;
  return typeof response.status === "number" && response.status > 0 ? response.status : undefined;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
