/** Plays a list of sources on one `<video>`: engine, recovery, failover and waiting, behind one state. */

import { chooseEngine, detectSupport } from "../engine/choose.ts";
import type { Engine, EngineFailure, EngineName, Level, StartPosition } from "../engine/engine.ts";
import { loadEngine } from "../engine/load.ts";
import { PlayerError } from "../error.ts";
import { MAX_LIVE_RATE } from "../recovery/live-sync.ts";
import { createMediaErrorLadder } from "../recovery/media-error-ladder.ts";
import type { StallRemedy } from "../recovery/stall-watchdog.ts";
import { createFailover, type Failover } from "../source/failover.ts";
import { originOf } from "../source/origin.ts";
import type { Source } from "../source/source.ts";
import { startPlaying } from "./autoplay.ts";
import type { PlaybackOptions } from "./contract.ts";
import { describeFailure } from "./failure.ts";
import { observeFirstFrame } from "./first-frame.ts";
import { LiveEdge } from "./live-edge.ts";
import type { PlayerState } from "./state.ts";
import { measure, type PlayerStats } from "./stats.ts";
import { keepVigil } from "./vigil.ts";
import { Watch } from "./watch.ts";

/** Milliseconds between two looks at the video. */
const TICK = 250;
/** Milliseconds within which a second stall after a reload means that reloading does not help. */
const RELOAD_PAUSE = 30_000;
/** A start this many seconds from where it was meant to be is near enough. */
const START_TOLERANCE = 2;
/** Failures in a row of every source after which a media error is final. */
const MEDIA_ATTEMPTS = 3;

/** One list of sources on one video, from the first load to {@link Playback.destroy}. */
export class Playback {
  readonly #options: PlaybackOptions;
  readonly #video: HTMLVideoElement;
  readonly #failover: Failover;
  readonly #mediaErrors = createMediaErrorLadder({ now: () => performance.now() });
  readonly #closing = new AbortController();
  readonly #watch: Watch;
  readonly #edge: LiveEdge;
  readonly #bytes = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  #attempt = new AbortController();
  #engine: Engine | null = null;
  #engineName: EngineName | null = null;
  #state: PlayerState = "loading";
  #wantsPlay: boolean;
  #live = false;
  #loaded = false;
  #framed = false;
  #waiting = false;
  /** Where the attempt in progress started, or the one before it was left. */
  #resume: StartPosition = { at: "default" };
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
    this.#watch = new Watch(options.video, this.#closing.signal);
    this.#edge = new LiveEdge(options.video, (following) => this.#engine?.setFollowing(following));
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

  /** Plays, or will as soon as it can. */
  get wantsPlay(): boolean {
    return this.#wantsPlay;
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
    this.#edge.jump(this.livePosition);
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
    return measure({
      state: this.#state,
      engine: this.#engine,
      engineName: this.#engineName,
      source: this.#source.url,
      live: this.#live,
      video: this.#video,
      stalls: this.#watch.count,
      stallDuration: this.#watch.duration,
      startupTime: this.#startupTime,
      bytes: this.#bytes,
    });
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
    this.#resume = start;
    this.#watch.reset();
    this.#waiting = false;
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
          onBytes: (from, bytes) => {
            const origin = originOf(from) ?? from;
            this.#bytes.set(origin, (this.#bytes.get(origin) ?? 0) + bytes);
          },
          onStreamEnd: () => this.#update(),
        },
      });
      this.#engine = engine;
      this.#engineName = name;
      engine.attach(video);
      engine.setFollowing(this.#edge.following);
      observeFirstFrame(video, signal, () => this.#onPicture());
      engine.load(source.url, start);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof PlayerError) this.#giveUp(error);
      else this.#giveUp(new PlayerError("MEDIA", "the player could not start", { cause: error }));
    }
  }

  #dropEngine(): void {
    this.#resume = this.#position();
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
    this.#lookBack();
    this.#startupTime ??= (performance.now() - this.#options.startedAt) / 1000;
    this.#options.host.onPicture();
    this.#update();
  }

  /** An engine that took long to start may have gone to the edge: what it first meant to play had left the window. */
  #lookBack(): void {
    const edge = this.livePosition;
    if (this.#resume.at !== "behind-live" || edge === null) return;
    const wanted = Math.max(0, edge - this.#resume.distance);
    if (Math.abs(wanted - this.#video.currentTime) > START_TOLERANCE) this.#video.currentTime = wanted;
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
      this.#watch.forgive();
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
    this.#edge.following = true;
    this.#update();
    try {
      const index = await keepVigil(sources, { live: this.#live, delay, signal });
      const previous = this.#source;
      if (index !== this.#failover.current) {
        this.#failover.select(index);
        host.onSourceChange(this.#source, previous, null);
      }
      this.#load(this.#live ? { at: "default" } : this.#resume);
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
    if (!this.#framed) return this.#resume;
    const { currentTime } = this.#video;
    if (!this.#live) return currentTime > 0 ? { at: "time", time: currentTime } : { at: "default" };
    const edge = this.livePosition;
    if (this.#edge.following || edge === null) return { at: "default" };
    return { at: "behind-live", distance: Math.max(0, edge - currentTime) };
  }

  #listen(): void {
    const { signal } = this.#closing;
    const on = (type: string, listener: () => void) => this.#video.addEventListener(type, listener, { signal });
    on("loadedmetadata", () => {
      this.#loaded = true;
      if (this.#wantsPlay) this.#startPlaying(this.#attempt.signal);
    });
    on("play", () => {
      this.#wantsPlay = true;
      this.#update();
    });
    on("pause", () => {
      // Emptying the element pauses it too, and so does its end: neither is the viewer's wish.
      if (this.#loaded && !this.#video.ended) this.#wantsPlay = false;
      if (!this.#wantsPlay) this.#edge.following = false;
      this.#update();
    });
    on("seeking", () => {
      this.#watch.forgive();
      // Before the first frame it is the engine that goes where it was told to start.
      if (this.#live && this.#framed) this.#edge.judge(this.livePosition, this.#watch.lastTime);
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

  async #startPlaying(signal: AbortSignal): Promise<void> {
    const outcome = await startPlaying(this.#video);
    if (signal.aborted) return;
    if (outcome === "muted") this.#options.host.onAutoplayMuted();
    else if (outcome === "refused") this.pause();
  }

  #tick(): void {
    const engine = this.#engine;
    if (engine === null) return;
    if (engine.live) this.#live = true;
    const { ended, paused } = this.#video;
    const now = performance.now();
    const shouldMove = this.#wantsPlay && !ended && (!this.#loaded || !paused);
    const seen = this.#watch.look({ source: this.#source, live: this.#live, shouldMove }, now);
    if (seen.moving && this.#framed) {
      this.#onProgress(now);
      if (engine.live) this.#edge.keep(engine, seen.bufferAhead, now);
    }
    if (seen.remedy !== null) this.#remedy(seen.remedy, seen.bufferAhead);
    this.#update();
  }

  #onProgress(now: number): void {
    this.#failover.progress();
    if (this.#trouble === null) return;
    const { error, since } = this.#trouble;
    this.#trouble = null;
    this.#options.host.onRecovered(error, (now - since) / 1000);
  }

  #remedy(remedy: StallRemedy, ahead: number): void {
    if (remedy === "nudge") this.#video.currentTime += 0.1;
    else if (remedy === "seek-to-live") {
      // A viewer who looks back wants to go on there.
      if (this.#live && this.#edge.following && ahead > 0.2) this.seekToLive();
    } else {
      const error = new PlayerError("STALLED", `playback stands still: ${remedy}`);
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
    if (this.#waiting || this.#watch.silent) return "waiting";
    if (this.#startupTime === null) return "loading";
    if (video.ended) return "ended";
    if (!this.#wantsPlay) return "paused";
    if (!this.#framed || this.#watch.stalled || video.readyState < video.HAVE_FUTURE_DATA) return "buffering";
    return video.paused ? "paused" : "playing";
  }
}
