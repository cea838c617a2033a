/** HLS by hls.js, low latency on. */

import Hls, {
  type ErrorData,
  ErrorDetails,
  ErrorTypes,
  Events,
  type FragLoadedData,
  type HlsConfig,
  type Level as HlsLevel,
  type LoaderConfig,
} from "hls.js";
import type { Engine, EngineFailure, EngineOptions, EngineStats, Level, StartPosition } from "./engine.ts";

/** Seconds kept behind the play position: enough to look back a little, and a bound on memory. */
const BACK_BUFFER = 30;
/** Consecutive failed requests after which a player with another source at hand stops hoping. */
const HOPELESS_AFTER = 3;

export function createHlsEngine(options: EngineOptions): Engine {
  return new HlsEngine(options);
}

class HlsEngine implements Engine {
  readonly name = "hls";
  readonly steersRate = false;
  readonly #hls: Hls;
  readonly #options: EngineOptions;
  #video: HTMLVideoElement | null = null;
  #start: StartPosition = { at: "default" };
  #levels: readonly Level[] = [];
  #live = false;
  #failed = false;
  #networkErrors = 0;
  readonly #listening = new AbortController();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#hls = new Hls(configuration(options));
    this.#listen();
  }

  attach(video: HTMLVideoElement): void {
    this.#video = video;
    this.#hls.attachMedia(video);
  }

  load(url: string, start: StartPosition): void {
    this.#start = start;
    if (start.at === "time") this.#hls.config.startPosition = start.time;
    this.#hls.loadSource(url);
  }

  get levels(): readonly Level[] {
    return this.#levels;
  }

  get currentLevel(): number {
    return this.#hls.currentLevel >= 0 ? this.#hls.currentLevel : this.#hls.loadLevel;
  }

  get level(): number {
    return this.#hls.autoLevelEnabled ? -1 : this.#hls.manualLevel;
  }

  set level(index: number) {
    this.#hls.nextLevel = index;
  }

  get live(): boolean {
    return this.#live;
  }

  get livePosition(): number | null {
    return this.#live ? this.#hls.liveSyncPosition : null;
  }

  /** Nothing to do: with a highest rate of 1, hls.js does not steer. */
  setFollowing(_following: boolean): void {}

  recoverMediaError(swapCodec: boolean): void {
    this.#failed = false;
    if (swapCodec) this.#hls.swapAudioCodec();
    this.#hls.recoverMediaError();
  }

  get stats(): EngineStats {
    const hls = this.#hls;
    const level = hls.levels[this.currentLevel];
    const measured = hls.bandwidthEstimate;
    return {
      latency: this.#live && hls.latency > 0 ? hls.latency : null,
      targetLatency: this.#live ? hls.targetLatency : null,
      playingDate: hls.playingDate?.getTime() ?? null,
      bitrate: level?.bitrate ?? null,
      bandwidth: Number.isFinite(measured) ? measured : null,
    };
  }

  destroy(): void {
    this.#failed = true;
    this.#listening.abort();
    this.#hls.destroy();
    this.#video = null;
  }

  #listen(): void {
    const { host } = this.#options;
    const hls = this.#hls;
    const publishLevels = () => {
      this.#levels = hls.levels.map(describe);
      host.onLevels(this.#levels);
    };
    hls.on(Events.MANIFEST_PARSED, () => {
      this.#holdStartLevel();
      publishLevels();
    });
    hls.on(Events.LEVELS_UPDATED, publishLevels);
    hls.on(Events.LEVEL_SWITCHED, (_, { level }) => host.onLevelChange(level));
    hls.on(Events.LEVEL_LOADED, () => this.#delivered());
    hls.on(Events.LEVEL_UPDATED, (_, { details }) => {
      const ended = this.#live && !details.live;
      const first = !this.#live && details.live;
      this.#live = details.live;
      if (first) this.#startBehindLive();
      if (ended) host.onStreamEnd();
    });
    hls.on(Events.FRAG_LOADED, (_, data) => this.#account(data));
    hls.on(Events.ERROR, (_, data) => this.#onError(data));
  }

  /** A rise before the first frame would make the viewer wait for another playlist, init segment and keyframe. */
  #holdStartLevel(): void {
    const { startLevel } = this.#options;
    if (startLevel < 0) return;
    this.#hls.autoLevelCapping = Math.min(startLevel, this.#hls.levels.length - 1);
    const rise = () => {
      this.#hls.autoLevelCapping = -1;
    };
    this.#video?.addEventListener("playing", rise, { once: true, signal: this.#listening.signal });
  }

  /** hls.js starts at the live edge; a viewer who was looking back is put there again. */
  #startBehindLive(): void {
    const edge = this.#hls.liveSyncPosition;
    const start = this.#start;
    if (start.at !== "behind-live" || edge === null || this.#video === null) return;
    this.#hls.startLoad(Math.max(0, edge - start.distance));
    this.#start = { at: "default" };
  }

  #account({ part, frag, networkDetails, payload }: FragLoadedData): void {
    this.#delivered();
    const responded = networkDetails instanceof XMLHttpRequest ? networkDetails.responseURL : "";
    const bytes = payload.byteLength || (part ?? frag).stats.loaded;
    this.#options.host.onBytes(responded || frag.url, bytes);
  }

  #delivered(): void {
    this.#networkErrors = 0;
  }

  #onError(data: ErrorData): void {
    if (this.#failed) return;
    if (data.type === ErrorTypes.NETWORK_ERROR && !data.fatal) {
      this.#networkErrors += 1;
      if (!this.#options.impatient || this.#networkErrors < HOPELESS_AFTER) return;
    } else if (!data.fatal) return;
    this.#failed = true;
    this.#options.host.onFailure(explain(data));
  }
}

function configuration({ lowLatency, startLevel, impatient }: EngineOptions): Partial<HlsConfig> {
  return {
    lowLatencyMode: lowLatency,
    // The target is PART-HOLD-BACK (or HOLD-BACK) of the playlist; the player's own live-sync steers the rate.
    maxLiveSyncPlaybackRate: 1,
    liveSyncOnStallIncrease: lowLatency ? 0.2 : 1,
    // A duration of Infinity is how the platform, and media-chrome, tell live from on demand.
    liveDurationInfinity: true,
    backBufferLength: BACK_BUFFER,
    maxBufferLength: 20,
    startLevel: startLevel === -1 ? undefined : startLevel,
    startFragPrefetch: true,
    testBandwidth: false,
    abrEwmaDefaultEstimate: 1_000_000,
    capLevelToPlayerSize: false,
    manifestLoadPolicy: policy(8000, 10_000, 1, 300),
    // A blocking reload may be held for three target durations (RFC 8216bis §6.2.5.2) before the server gives up.
    playlistLoadPolicy: policy(10_000, 15_000, impatient ? 1 : 3, 300),
    fragLoadPolicy: policy(10_000, 60_000, impatient ? 1 : 3, 300),
  };
}

function policy(firstByte: number, whole: number, retries: number, delay: number): { default: LoaderConfig } {
  return {
    default: {
      maxTimeToFirstByteMs: firstByte,
      maxLoadTimeMs: whole,
      timeoutRetry: { maxNumRetry: Math.min(1, retries), retryDelayMs: 0, maxRetryDelayMs: 0 },
      errorRetry: { maxNumRetry: retries, retryDelayMs: delay, maxRetryDelayMs: 2000 },
    },
  };
}

function describe(level: HlsLevel, index: number): Level {
  const codecs = [level.videoCodec, level.audioCodec].filter(Boolean).join(",");
  return { index, width: level.width, height: level.height, bitrate: level.bitrate, codecs };
}

function explain(data: ErrorData): EngineFailure {
  const status = data.response?.code || undefined;
  const message = `${data.details}${status === undefined ? "" : ` (HTTP ${status})`}`;
  const rest = { message, cause: data.error, ...(status === undefined ? {} : { status }) };
  if (data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) return { kind: "unsupported", ...rest };
  if (data.type === ErrorTypes.NETWORK_ERROR)
    return { kind: status === 404 || status === 410 ? "absent" : "network", ...rest };
  return { kind: data.type === ErrorTypes.OTHER_ERROR ? "network" : "media", ...rest };
}
