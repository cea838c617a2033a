/** `<ami-player>`. */

import type { EngineName, Level } from "../engine/engine.ts";
import { loadEngine } from "../engine/load.ts";
import { PlayerError } from "../error.ts";
import type { PlaybackHost } from "../playback/contract.ts";
import { Playback } from "../playback/playback.ts";
import type { PlayerState } from "../playback/state.ts";
import type { PlayerStats } from "../playback/stats.ts";
import type { Source } from "../source/source.ts";
import { AmiPlayerAttributes, upgradeProperties } from "./attributes.ts";
import { readSources, TrackCopies, watchChildren } from "./children.ts";
import { ControlsLoader } from "./controls-loader.ts";
import type { AmiPlayerEventMap } from "./events.ts";
import { defaultLabels, type PlayerLabels } from "./labels.ts";
import { renderOverlay } from "./overlay.ts";
import { preconnect } from "./preconnect.ts";
import { keepPicture, releasePicture } from "./still.ts";
import { createTree, type PlayerTree } from "./template.ts";
import { VideoRenditions } from "./video-renditions.ts";

/** Attributes whose change loads the sources anew. */
const loading = new Set(["src", "type", "engine", "low-latency", "start-level"]);
/** `:state(playing)`: Safari 17.4, Chrome 125, Firefox 126. Older ones lack it or want other names. */
const hasStates = typeof CSS !== "undefined" && CSS.supports("selector(:state(playing))");
/** Properties that a page or framework may have set before the element was defined. */
const settable = [
  ...["src", "type", "engine", "autoplay", "controls", "loop", "lowLatency", "startLevel", "poster", "crossOrigin"],
  ...["muted", "volume", "labels"],
];

/**
 * A video element for live and on-demand streams: low-latency HLS and DASH, several sources of the same stream, and recovery by
 * itself.
 *
 * Events: {@link AmiPlayerEventMap}.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface below only types `addEventListener`, which HTMLElement implements.
export class AmiPlayer extends AmiPlayerAttributes {
  static readonly observedAttributes: readonly string[] = [
    ...loading,
    ...["muted", "controls", "poster", "crossorigin", "loop"],
  ];

  /**
   * Fetches an engine's script ahead of need, for a page that knows it will show a player soon.
   *
   * @throws {PlayerError} `ENGINE_LOAD_FAILED`.
   */
  static async preload(engine: EngineName): Promise<void> {
    await loadEngine(engine);
  }

  readonly #tree: PlayerTree;
  readonly #renditions: VideoRenditions;
  readonly #internals: ElementInternals;
  readonly #controls: ControlsLoader;
  readonly #tracks: TrackCopies;
  #playback: Playback | null = null;
  #connection: AbortController | null = null;
  #state: PlayerState = "idle";
  #error: PlayerError | null = null;
  #sources: readonly Source[] = [];
  #labels: PlayerLabels = defaultLabels;
  #scheduled = false;
  #startedAt = 0;

  constructor() {
    super();
    this.#tree = createTree(this.attachShadow({ mode: "open", delegatesFocus: false }));
    this.#internals = this.attachInternals();
    this.#renditions = new VideoRenditions((index) => {
      this.level = index;
    });
    const { video, controller } = this.#tree;
    Reflect.set(video, "videoRenditions", this.#renditions);
    Reflect.defineProperty(video, "liveEdgeStart", { get: () => this.#liveEdgeStart() });
    this.#tracks = new TrackCopies(video);
    this.#controls = new ControlsLoader({
      controller,
      host: this,
      labels: () => this.#labels,
      seekToLive: () => this.seekToLive(),
      onAdded: () => this.#labelAll(),
      onFailure: (error) => {
        video.controls = true;
        this.#emit("ami-error", { error, fatal: false });
      },
    });
    upgradeProperties(this, settable);
  }

  connectedCallback(): void {
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    const { video, unmute, controller } = this.#tree;
    this.#startedAt = performance.now();
    video.addEventListener("volumechange", () => this.#onVolume(), { signal });
    unmute.addEventListener("click", () => this.#unmute(), { signal });
    controller.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    watchChildren(this, signal, {
      onSources: () => this.#schedule(),
      onTracks: () => this.#tracks.update(this),
    });
    const timer = setInterval(() => this.#publish(), 1000);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    // Not at once: media-chrome names its element when that is connected, which is after this.
    queueMicrotask(() => this.#labelAll());
    this.#tracks.update(this);
    this.#schedule();
    this.#updateControls();
  }

  /** With this, `moveBefore` keeps playback going: without it the browser would disconnect and connect. */
  connectedMoveCallback(): void {}

  disconnectedCallback(): void {
    this.#connection?.abort();
    this.#connection = null;
    this.#unload();
    this.#controls.remove();
    this.#setState("idle");
  }

  attributeChangedCallback(name: string, before: string | null, value: string | null): void {
    if (before === value) return;
    const { video } = this.#tree;
    if (loading.has(name)) this.#schedule();
    else if (name === "controls") this.#updateControls();
    else if (name === "muted") video.muted = value !== null;
    else if (name === "loop") video.loop = value !== null;
    else if (name === "poster") video.poster = value ?? "";
    else if (name === "crossorigin") video.crossOrigin = value;
  }

  /** Sound off. Setting it does not touch the attribute, which is the initial value, as with `<video>`. */
  get muted(): boolean {
    return this.#tree.video.muted;
  }

  set muted(value: boolean) {
    this.#tree.video.muted = value;
  }

  /** 0 to 1. */
  get volume(): number {
    return this.#tree.video.volume;
  }

  set volume(value: number) {
    this.#tree.video.volume = value;
  }

  /** Media time in seconds. */
  get currentTime(): number {
    return this.#tree.video.currentTime;
  }

  set currentTime(value: number) {
    this.#tree.video.currentTime = value;
  }

  get paused(): boolean {
    return this.#tree.video.paused;
  }

  /** The `<video>` inside, for whatever this class does not offer. Its `src` belongs to the engine. */
  get video(): HTMLVideoElement {
    return this.#tree.video;
  }

  get state(): PlayerState {
    return this.#state;
  }

  /** The last error; null once playback goes on. */
  get error(): PlayerError | null {
    return this.#error;
  }

  /** Does the stream go on? False before that is known. */
  get live(): boolean {
    return this.#playback?.live ?? false;
  }

  /** Addresses in use, resolved; none before they are loaded. */
  get sources(): readonly string[] {
    return this.#sources.map(({ url }) => url);
  }

  /**
   * Index in `sources` of the one that plays; -1 = none. Setting it goes there by choice.
   *
   * @throws RangeError when set to an index that is not in `sources`.
   */
  get sourceIndex(): number {
    return this.#playback?.sourceIndex ?? -1;
  }

  set sourceIndex(index: number) {
    this.#playback?.selectSource(index);
  }

  /** Qualities on offer, ascending by bitrate. */
  get levels(): readonly Level[] {
    return this.#playback?.levels ?? [];
  }

  /** Quality on the screen; -1 = none yet. */
  get currentLevel(): number {
    return this.#playback?.currentLevel ?? -1;
  }

  /** Pinned quality; -1 = automatic. */
  get level(): number {
    return this.#playback?.level ?? -1;
  }

  set level(index: number) {
    if (this.#playback === null) return;
    this.#playback.level = index;
    this.#renditions.update(this.levels, this.level);
  }

  /** Texts on the player's surface. */
  get labels(): PlayerLabels {
    return this.#labels;
  }

  set labels(labels: Partial<PlayerLabels>) {
    this.#labels = { ...defaultLabels, ...labels };
    this.#labelAll();
    this.#render();
  }

  /** The numbers of this moment; null while nothing is loaded. */
  get stats(): PlayerStats | null {
    return this.#playback?.stats() ?? null;
  }

  /**
   * Plays, or starts as soon as there is something to play.
   *
   * @throws DOMException `NotAllowedError` when the browser wants a gesture first.
   */
  async play(): Promise<void> {
    if (this.#scheduled) this.#load();
    await this.#playback?.play();
  }

  pause(): void {
    this.#playback?.pause();
  }

  /** Goes to the live edge, less the stream's hold-back. */
  seekToLive(): void {
    this.#playback?.seekToLive();
  }

  /** Loads the current source anew; the way out of a fatal error. */
  reload(): void {
    this.#error = null;
    if (this.#playback === null) this.#schedule();
    else this.#playback.reload();
  }

  #schedule(): void {
    if (this.#scheduled || this.#connection === null) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      if (this.#scheduled) this.#load();
    });
  }

  #load(): void {
    this.#scheduled = false;
    if (this.#connection === null) return;
    const resume = this.#playback?.wantsPlay ?? false;
    if (this.#playback !== null) this.#startedAt = performance.now();
    this.#unload();
    this.#error = null;
    try {
      this.#sources = readSources(this);
    } catch (error) {
      if (!(error instanceof PlayerError)) throw error;
      this.#onError(error, true);
      this.#setState("error");
      return;
    }
    const sources = this.#sources;
    if (sources.length === 0) {
      this.#setState("idle");
      this.#controls.release();
      return;
    }
    for (const { url } of sources) preconnect(url);
    this.#setState("loading");
    this.#playback = new Playback({
      video: this.#tree.video,
      sources,
      engine: this.engine,
      lowLatency: this.lowLatency,
      startLevel: this.startLevel,
      autoplay: this.autoplay || resume,
      startedAt: this.#startedAt,
      host: this.#host(),
    });
  }

  #unload(): void {
    this.#playback?.destroy();
    this.#playback = null;
    this.#sources = [];
    this.#renditions.update([], -1);
    this.#tree.unmute.hidden = true;
    releasePicture(this.#tree.still);
  }

  #host(): PlaybackHost {
    const { video, still, unmute } = this.#tree;
    return {
      onState: (state) => this.#setState(state),
      onLevels: (levels) => {
        this.#renditions.update(levels, this.level);
        this.#emit("ami-levels", { levels });
      },
      onLevelChange: (level) => this.#emit("ami-level-change", { level, description: this.levels[level] ?? null }),
      onSourceChange: (source, previous, reason) =>
        this.#emit("ami-source-change", { source: source.url, previous: previous.url, reason }),
      onError: (error, fatal) => this.#onError(error, fatal),
      onRecovered: (error, seconds) => {
        this.#error = null;
        this.#emit("ami-recovered", { error, seconds });
      },
      onAutoplayMuted: () => {
        unmute.hidden = false;
        this.#emit("ami-autoplay-muted", null);
      },
      onPictureLost: () => keepPicture(video, still),
      onPicture: () => releasePicture(still),
    };
  }

  #onError(error: PlayerError, fatal: boolean): void {
    this.#error = error;
    this.#emit("ami-error", { error, fatal });
  }

  #setState(state: PlayerState): void {
    const previous = this.#state;
    if (state === previous) return;
    this.#state = state;
    if (hasStates) {
      this.#internals.states.delete(previous);
      this.#internals.states.add(state);
    }
    if (state !== "loading") this.#controls.release();
    this.#render();
    this.#emit("ami-state", { state, previous });
  }

  #render(): void {
    this.#tree.controller.toggleAttribute("data-veiled", this.#state === "waiting" || this.#state === "error");
    renderOverlay(this.#tree.overlay, {
      state: this.#state,
      error: this.#error,
      labels: this.#labels,
      onRetry: () => this.reload(),
    });
  }

  #labelAll(): void {
    const { unmute, controller } = this.#tree;
    unmute.querySelector("span")!.textContent = this.#labels.unmute;
    controller.setAttribute("aria-label", this.#labels.player);
  }

  #publish(): void {
    const stats = this.stats;
    if (stats === null) return;
    this.#emit("ami-stats", stats);
    const { latency, targetLatency } = stats;
    if (latency !== null) this.#emit("ami-latency", { latency, targetLatency });
    this.#controls.showLatency(latency);
  }

  #emit<K extends keyof AmiPlayerEventMap>(type: K, detail: AmiPlayerEventMap[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #onVolume(): void {
    if (!this.#tree.video.muted) this.#tree.unmute.hidden = true;
  }

  #unmute(): void {
    const { video, unmute } = this.#tree;
    video.muted = false;
    if (video.volume === 0) video.volume = 1;
    unmute.hidden = true;
    // The button that had the focus is gone; from here the keyboard works.
    video.focus();
  }

  #onKey(event: KeyboardEvent): void {
    if (event.key !== "l" || event.ctrlKey || event.metaKey || event.altKey) return;
    this.seekToLive();
  }

  /** media-chrome calls a live player "live" from here on. */
  #liveEdgeStart(): number {
    const position = this.#playback?.livePosition ?? null;
    return position === null ? Number.NaN : position - 1.5;
  }

  #updateControls(): void {
    if (this.controls && this.#connection !== null) this.#controls.add(this.#state !== "loading" && !this.#scheduled);
    else {
      this.#controls.remove();
      this.#tree.video.controls = false;
    }
  }
}

export interface AmiPlayer {
  addEventListener<K extends keyof AmiPlayerEventMap>(
    type: K,
    listener: (this: AmiPlayer, event: AmiPlayerEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener<K extends keyof HTMLElementEventMap>(
    type: K,
    listener: (this: AmiPlayer, event: HTMLElementEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "ami-player": AmiPlayer;
  }
}
