/** Plays a list of sources on one `<video>`: engine, recovery, failover and waiting, behind one state. */

import { chooseEngine, detectSupport } from "../engine/choose.ts";
import type { Engine, EngineFailure, EngineName, Level, StartPosition } from "../engine/engine.ts";
import { loadEngine } from "../engine/load.ts";
import { PlayerError } from "../error.ts";
import { liveSync, MAX_LIVE_RATE } from "../recovery/live-sync.ts";
import { createMediaErrorLadder } from "../recovery/media-error-ladder.ts";
import { createStallWatchdog, type StallRemedy } from "../recovery/stall-watchdog.ts";
import { createFailover, type Failover } from "../source/failover.ts";
import type { Source } from "../source/source.ts";
import { bufferAhead } from "./buffer.ts";
import type { PlaybackOptions } from "./contract.ts";
import { describeFailure } from "./failure.ts";
import { observeFirstFrame } from "./first-frame.ts";
import { Standstill } from "./standstill.ts";
import type { PlayerState } from "./state.ts";
import type { PlayerStats } from "./stats.ts";
import { keepVigil } from "./vigil.ts";

/** Milliseconds between two looks at the video. */
const TICK = 250;
/** Further behind the target than this many seconds after a seek, the viewer looks back on purpose. */
const LOOKING_BACK = 2;
/** Milliseconds between two jumps to the live edge that nobody asked for. */
const SEEK_PAUSE = 3000;
/** Milliseconds within which a second stall after a reload means that reloading does not help. */
const RELOAD_PAUSE = 30_000;
/** Failures in a row of every source after which a media error is final. */
const MEDIA_ATTEMPTS = 3;

/** One list of sources on one video, from the first load to {@link Playback.destroy}. */
export class Playback {
  readonly #options: PlaybackOptions;
  readonly #video: HTMLVideoElement;
  readonly #failover: Failover;
  readonly #watchdog = createStallWatchdog();
  readonly #mediaErrors = createMediaErrorLadder({ now: () => performance.now() });
  readonly #closing = new AbortController();
  readonly #standstill = new Standstill(this.#closing.signal);
  readonly #bytes = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  #attempt = new AbortController();
  #engine: Engine | null = null;
  #engineName: EngineName | null = null;
  #state: PlayerState = "loading";
  #wantsPlay: boolean;
  #following = true;
  #live = false;
  #loaded = false;
  #framed = false;
  #waiting = false;
  #lastTime = 0;
  #soughtLive = 0;
  #reloadedAt = Number.NEGATIVE_INFINITY;
  #fatal: PlayerError | null = null;
  #trouble: { error: PlayerError; since: number } | null = null;
  #startupTime: number | null = null;
  #pinnedHeight: number | null = null;
  #pinned = -1;

  constructor(options: PlaybackOptions) {
    this.#options = options;
    this.#video = options.video;
    this.#wantsPlay = options.autoplay;
    this.#failover = createFailover({ sources: options.sources.length, now: () => performance.now() });
    this.#listen();
    this.#timer = setInterval(() => this.#tick(), TICK);
    this.#load({ at: "default" });
  }

  get state(): PlayerState {
    return this.#state;
  }

  get levels(): readonly Level[] {
    return this.#engine?.levels ?? [];
  }

  get currentLevel(): number {
    return this.#engine?.currentLevel ?? -1;
  }

  /** Pinned level; -1 = automatic. Kept, by its height, over a change of source. */
  get level(): number {
    return this.#pinned;
  }

  set level(index: number) {
    const level = this.levels[index];
    this.#pinned = level === undefined ? -1 : index;
    this.#pinnedHeight = level?.height ?? null;
    if (this.#engine !== null) this.#engine.level = this.#pinned;
  }

  get live(): boolean {
    return this.#live;
  }

  /** Is the viewer at the live edge, rather than looking back? */
  get following(): boolean {
    return this.#following;
  }

  get sourceIndex(): number {
    return this.#failover.current;
  }

  get livePosition(): number | null {
    return this.#engine?.livePosition ?? null;
  }

  async play(): Promise<void> {
    this.#wantsPlay = true;
    if (this.#fatal !== null) this.reload();
    else if (this.#loaded) await this.#video.play();
  }

  pause(): void {
    this.#wantsPlay = false;
    this.#video.pause();
    this.#update();
  }

  seekToLive(): void {
    const position = this.livePosition;
    if (position === null) return;
    this.#following = true;
    this.#video.currentTime = position;
  }

  /** Goes to a source by choice, for instance back to one that had failed. */
  selectSource(index: number): void {
    const previous = this.#source;
    this.#failover.select(index);
    this.#options.host.onSourceChange(this.#source, previous, null);
    this.#load(this.#position());
  }

  /** Loads the current source anew. */
  reload(): void {
    this.#fatal = null;
    this.#load(this.#position());
  }

  stats(): PlayerStats {
    const video = this.#video;
    const engine = this.#engine?.stats;
    const quality = video.getVideoPlaybackQuality();
    const date = engine?.playingDate ?? null;
    return {
      state: this.#state,
      engine: this.#engineName,
      source: this.#source.url,
      latency: engine?.latency ?? null,
      targetLatency: engine?.targetLatency ?? null,
      wallClockLatency: date === null || !this.#live ? null : (Date.now() - date) / 1000,
      bufferAhead: bufferAhead(video),
      bitrate: engine?.bitrate ?? null,
      bandwidth: engine?.bandwidth ?? null,
      level: this.currentLevel,
      width: video.videoWidth,
      height: video.videoHeight,
      droppedFrames: quality.droppedVideoFrames,
      totalFrames: quality.totalVideoFrames,
      stalls: this.#watchdog.count,
      stallDuration: this.#watchdog.duration / 1000,
      startupTime: this.#startupTime,
      playbackRate: video.playbackRate,
      bytes: Object.fromEntries(this.#bytes),
    };
  }

  /** Ends everything and empties the video. Idempotent. */
  destroy(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#attempt.abort();
    clearInterval(this.#timer);
    this.#dropEngine();
  }

  get #source(): Source {
    return this.#options.sources[this.#failover.current]!;
  }

  /** One attempt at the current source. Whatever the attempt before was doing ends here. */
  async #load(start: StartPosition): Promise<void> {
    const { video, host, lowLatency, startLevel, sources, engine: wish } = this.#options;
    if (this.#framed) host.onPictureLost();
    this.#attempt.abort();
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    this.#dropEngine();
    this.#watchdog.reset();
    this.#waiting = false;
    this.#standstill.reset();
    this.#update();
    const source = this.#source;
    try {
      const name = chooseEngine(source, wish, detectSupport(video));
      const create = await loadEngine(name);
      if (signal.aborted) return;
      const engine = create({
        lowLatency,
        startLevel,
        maxLiveRate: MAX_LIVE_RATE,
        impatient: sources.length > 1,
        host: {
          onLevels: (levels) => this.#onLevels(levels),
          onLevelChange: (level) => host.onLevelChange(level),
          onFailure: (failure) => this.#onFailure(failure),
          onBytes: (origin, bytes) => this.#bytes.set(origin, (this.#bytes.get(origin) ?? 0) + bytes),
          onStreamEnd: () => this.#update(),
        },
      });
      this.#engine = engine;
      this.#engineName = name;
      engine.attach(video);
      observeFirstFrame(video, signal, () => this.#onPicture());
      engine.load(source.url, start);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof PlayerError) this.#giveUp(error);
      else this.#giveUp(new PlayerError("MEDIA", "the player could not start", { cause: error }));
    }
  }

  #dropEngine(): void {
    this.#engine?.destroy();
    this.#engine = null;
    this.#loaded = false;
    this.#framed = false;
    this.#video.playbackRate = 1;
  }

  #onLevels(levels: readonly Level[]): void {
    const height = this.#pinnedHeight;
    if (height !== null && this.#engine !== null) {
      this.#pinned = levels.findIndex((level) => level.height === height);
      if (this.#pinned >= 0) this.#engine.level = this.#pinned;
    }
    this.#options.host.onLevels(levels);
  }

  #onPicture(): void {
    this.#framed = true;
    this.#startupTime ??= (performance.now() - this.#options.startedAt) / 1000;
    this.#options.host.onPicture();
    this.#update();
  }

  #onFailure(failure: EngineFailure): void {
    const error = describeFailure(failure, this.#source);
    this.#report(error);
    if (failure.kind === "media") this.#onMediaError(error);
    else if (failure.kind === "unsupported" && this.#options.sources.length === 1) this.#giveUp(error);
    else this.#goOn(error);
  }

  #onMediaError(error: PlayerError): void {
    const remedy = this.#mediaErrors.next();
    if (remedy === "next-source") this.#goOn(error);
    else if (remedy === "reload") this.#load(this.#position());
    else {
      this.#options.host.onPictureLost();
      this.#watchdog.reset();
      this.#engine?.recoverMediaError(remedy === "swap-codec");
    }
  }

  /** The current source failed: on to the next, or wait until one is back. */
  #goOn(error: PlayerError): void {
    const start = this.#position();
    const previous = this.#source;
    const decision = this.#failover.fail();
    if (decision.action === "switch") {
      if (this.#source !== previous) this.#options.host.onSourceChange(this.#source, previous, error);
      this.#load(start);
      return;
    }
    const failures = this.#failover.health[decision.index]?.failures ?? 0;
    const hopeless = error.code === "MEDIA" || this.#source.format === "file";
    if (hopeless && failures >= MEDIA_ATTEMPTS) this.#giveUp(error);
    else this.#wait(decision.delay);
  }

  /** The stream is nowhere to be had: empty the player and ask quietly until it is back. */
  async #wait(delay: number): Promise<void> {
    const { host, sources } = this.#options;
    if (this.#framed) host.onPictureLost();
    this.#attempt.abort();
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    this.#dropEngine();
    this.#waiting = true;
    this.#following = true;
    this.#update();
    try {
      const index = await keepVigil(sources, { live: this.#live, delay, signal });
      const previous = this.#source;
      if (index !== this.#failover.current) {
        this.#failover.select(index);
        host.onSourceChange(this.#source, previous, null);
      }
      this.#load({ at: "default" });
    } catch (error) {
      if (!signal.aborted) this.#giveUp(new PlayerError("NETWORK", "waiting for the stream failed", { cause: error }));
    }
  }

  #giveUp(error: PlayerError): void {
    this.#attempt.abort();
    this.#fatal = error;
    this.#options.host.onError(error, true);
    this.#dropEngine();
    this.#update();
  }

  #report(error: PlayerError): void {
    this.#trouble ??= { error, since: performance.now() };
    this.#options.host.onError(error, false);
  }

  /** Where to go on after a reload: the viewer's own place, on demand or looking back; else the edge. */
  #position(): StartPosition {
    const { currentTime } = this.#video;
    if (!this.#live) return currentTime > 0 ? { at: "time", time: currentTime } : { at: "default" };
    const edge = this.livePosition;
    if (this.#following || edge === null) return { at: "default" };
    return { at: "behind-live", distance: Math.max(0, edge - currentTime) };
  }

  #listen(): void {
    const { signal } = this.#closing;
    const on = (type: string, listener: () => void) => this.#video.addEventListener(type, listener, { signal });
    on("loadedmetadata", () => {
      this.#loaded = true;
      if (this.#wantsPlay) this.#startPlaying();
    });
    on("play", () => {
      this.#wantsPlay = true;
      this.#update();
    });
    on("pause", () => {
      // Emptying the element pauses it too, and so does its end: neither is the viewer's wish.
      if (this.#loaded && !this.#video.ended) this.#wantsPlay = false;
      if (!this.#wantsPlay) this.#following = false;
      this.#update();
    });
    on("seeking", () => {
      this.#watchdog.reset();
      const edge = this.livePosition;
      if (this.#live && edge !== null) this.#following = edge - this.#video.currentTime < LOOKING_BACK;
    });
    on("ended", () => {
      if (!this.#live) return this.#update();
      this.#report(new PlayerError("STREAM_OFFLINE", "the stream has ended"));
      this.#wait(0);
    });
    on("emptied", () => {
      this.#loaded = false;
      this.#update();
    });
    on("error", () => {
      const error = this.#video.error;
      if (error === null || this.#engine === null || this.#engine.name === "native") return;
      this.#onFailure({ kind: "media", message: error.message || "the decoder failed", cause: error });
    });
    for (const type of ["playing", "waiting", "loadeddata"]) on(type, () => this.#update());
  }

  /** Starts by itself: with sound if the browser lets it, else muted (the autoplay policies of all of them). */
  async #startPlaying(): Promise<void> {
    const video = this.#video;
    const { signal } = this.#attempt;
    try {
      await video.play();
    } catch (error) {
      if (signal.aborted || !(error instanceof DOMException) || error.name !== "NotAllowedError") return;
      if (video.muted) {
        this.pause();
        return;
      }
      video.muted = true;
      this.#options.host.onAutoplayMuted();
      await this.#startPlaying();
    }
  }

  #tick(): void {
    const video = this.#video;
    const engine = this.#engine;
    if (engine === null) return;
    if (engine.live) this.#live = true;
    const now = performance.now();
    const { currentTime } = video;
    const ahead = bufferAhead(video);
    const shouldMove = this.#wantsPlay && !video.ended && (!this.#loaded || !video.paused);
    const starved = shouldMove && this.#live && currentTime === this.#lastTime;
    this.#lastTime = currentTime;
    if (!starved) this.#standstill.reset();
    else if (this.#watchdog.stalled || this.#standstill.still) this.#standstill.look(this.#source, now);
    const remedy = this.#watchdog.observe({
      now,
      currentTime,
      // Nothing that can be done here brings a silent publisher back; the engine goes on by itself when it is.
      shouldMove: shouldMove && !this.#standstill.still,
      bufferAhead: ahead,
    });
    if (shouldMove && this.#framed && !this.#watchdog.stalled && !starved) this.#onProgress(engine, ahead);
    if (remedy !== null) this.#remedy(remedy, ahead);
    this.#update();
  }

  #onProgress(engine: Engine, ahead: number): void {
    this.#failover.progress();
    if (this.#trouble !== null) {
      const { error, since } = this.#trouble;
      this.#trouble = null;
      this.#options.host.onRecovered(error, (performance.now() - since) / 1000);
    }
    if (engine.live) this.#stayLive(engine, ahead);
  }

  #stayLive(engine: Engine, ahead: number): void {
    const { latency, targetLatency } = engine.stats;
    let rate = 1;
    if (this.#following && latency !== null && targetLatency !== null) {
      const sync = liveSync({ latency, targetLatency, bufferAhead: ahead });
      const now = performance.now();
      if (sync.seek && now - this.#soughtLive > SEEK_PAUSE) {
        this.#soughtLive = now;
        this.seekToLive();
      }
      rate = sync.rate;
    }
    if (!engine.steersRate && this.#video.playbackRate !== rate) this.#video.playbackRate = rate;
  }

  #remedy(remedy: StallRemedy, ahead: number): void {
    const error = new PlayerError("STALLED", `playback stands still: ${remedy}`);
    if (remedy === "nudge") this.#video.currentTime += 0.1;
    else if (remedy === "seek-to-live") {
      if (this.#live && ahead > 0.2) this.seekToLive();
    } else {
      this.#report(error);
      // A reload that was followed by the next stall soon was no remedy.
      const now = performance.now();
      const again = now - this.#reloadedAt < RELOAD_PAUSE;
      this.#reloadedAt = now;
      if (remedy === "reload" && !again) this.#load(this.#position());
      else this.#goOn(error);
    }
  }

  #update(): void {
    const state = this.#derive();
    if (state === this.#state || this.#closing.signal.aborted) return;
    this.#state = state;
    this.#options.host.onState(state);
  }

  #derive(): PlayerState {
    const video = this.#video;
    if (this.#fatal !== null) return "error";
    if (this.#waiting || this.#standstill.still) return "waiting";
    if (this.#startupTime === null) return "loading";
    if (video.ended) return "ended";
    if (!this.#wantsPlay) return "paused";
    if (!this.#framed || this.#watchdog.stalled || video.readyState < video.HAVE_FUTURE_DATA) return "buffering";
    return video.paused ? "paused" : "playing";
  }
}
