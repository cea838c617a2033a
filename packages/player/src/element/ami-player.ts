/** `<ami-player>`. */

import type { Controls } from "../controls/controls.ts";
import type { EngineName, Level } from "../engine/engine.ts";
import { loadEngine } from "../engine/load.ts";
import { PlayerError } from "../error.ts";
import type { PlaybackHost } from "../playback/contract.ts";
import { Playback } from "../playback/playback.ts";
import type { PlayerState } from "../playback/state.ts";
import type { PlayerStats } from "../playback/stats.ts";
import { parseSources, type Source } from "../source/source.ts";
import { boolean, enumerated, HTMLElementBase } from "./attributes.ts";
import type { AmiPlayerEventMap } from "./events.ts";
import { defaultLabels, type PlayerLabels } from "./labels.ts";
import { renderOverlay } from "./overlay.ts";
import { preconnect } from "./preconnect.ts";
import { keepPicture, releasePicture } from "./still.ts";
import { createTree, type PlayerTree } from "./template.ts";
import { VideoRenditions } from "./video-renditions.ts";

/** Attributes whose change loads the sources anew. */
const loading = new Set(["src", "type", "engine", "low-latency", "start-level"]);
/** Milliseconds after which the controls come even without a first frame. */
const CONTROLS_DELAY = 1200;
const engines = ["auto", "hls", "dash", "native"] as const;

/**
 * A video element for live and on-demand streams: low-latency HLS and DASH, several sources of the same stream, and recovery by
 * itself.
 *
 * Events: {@link AmiPlayerEventMap}.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface below only types `addEventListener`, which HTMLElement implements.
export class AmiPlayer extends HTMLElementBase {
  static readonly observedAttributes: readonly string[] = [
    ...loading,
    "autoplay",
    "muted",
    "controls",
    "poster",
    "crossorigin",
    "loop",
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
  #playback: Playback | null = null;
  #controls: Controls | null = null;
  #connection: AbortController | null = null;
  #children: MutationObserver | null = null;
  #state: PlayerState = "idle";
  #error: PlayerError | null = null;
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
    const { video } = this.#tree;
    Reflect.set(video, "videoRenditions", this.#renditions);
    Reflect.defineProperty(video, "liveEdgeStart", { get: () => this.#liveEdgeStart() });
  }

  connectedCallback(): void {
    this.#connection = new AbortController();
    const { signal } = this.#connection;
    const { video, unmute, controller } = this.#tree;
    this.#startedAt = performance.now();
    video.addEventListener("volumechange", () => this.#onVolume(), { signal });
    unmute.addEventListener("click", () => this.#unmute(), { signal });
    controller.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    this.#children = new MutationObserver(() => this.#onChildren());
    this.#children.observe(this, {
      childList: true,
      subtree: true,
      attributes: true,
      attributeFilter: ["src", "type"],
    });
    const timer = setInterval(() => this.#publish(), 1000);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
    this.#labelAll();
    this.#copyTracks();
    this.#updateControls();
    this.#schedule();
  }

  disconnectedCallback(): void {
    this.#connection?.abort();
    this.#connection = null;
    this.#children?.disconnect();
    this.#children = null;
    this.#unload();
    this.#controls?.remove();
    this.#controls = null;
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

  /** Addresses of the stream, separated by white space, best first. */
  get src(): string {
    return this.getAttribute("src") ?? "";
  }

  set src(value: string) {
    this.setAttribute("src", value);
  }

  /** MIME type of the sources in `src`; "" = by extension. */
  get type(): string {
    return this.getAttribute("type") ?? "";
  }

  set type(value: string) {
    this.setAttribute("type", value);
  }

  /** Which engine plays; `auto` = by the kind of source. */
  get engine(): EngineName | "auto" {
    return enumerated(this, "engine", engines);
  }

  set engine(value: EngineName | "auto") {
    this.setAttribute("engine", value);
  }

  /** Start by itself, muted where the browser insists. */
  get autoplay(): boolean {
    return this.hasAttribute("autoplay");
  }

  set autoplay(value: boolean) {
    this.toggleAttribute("autoplay", value);
  }

  /** Show controls. */
  get controls(): boolean {
    return this.hasAttribute("controls");
  }

  set controls(value: boolean) {
    this.toggleAttribute("controls", value);
  }

  /** Play as near to the live edge as the stream allows. Default true; `low-latency="off"` plays at the ordinary distance. */
  get lowLatency(): boolean {
    return boolean(this, "low-latency", true);
  }

  set lowLatency(value: boolean) {
    this.setAttribute("low-latency", value ? "on" : "off");
  }

  /** Level to start with: 0 = the lowest (default), so that the first frame comes soon; -1 = by estimated throughput. */
  get startLevel(): number {
    const value = Number.parseInt(this.getAttribute("start-level") ?? "0", 10);
    return Number.isNaN(value) ? 0 : value;
  }

  set startLevel(value: number) {
    this.setAttribute("start-level", `${value}`);
  }

  /** Picture before the first frame. */
  get poster(): string {
    return this.getAttribute("poster") ?? "";
  }

  set poster(value: string) {
    this.setAttribute("poster", value);
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

  /** Addresses in use, resolved. */
  get sources(): readonly string[] {
    return this.#sources().map(({ url }) => url);
  }

  /** Index in `sources` of the one that plays; -1 = none. Setting it goes there by choice. */
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

  /** @throws DOMException `NotAllowedError` when the browser wants a gesture first. */
  async play(): Promise<void> {
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
      this.#scheduled = false;
      if (this.#connection !== null) this.#load();
    });
  }

  #load(): void {
    const resume = this.#playback !== null && !this.paused;
    if (this.#playback !== null) this.#startedAt = performance.now();
    this.#unload();
    this.#error = null;
    let sources: Source[];
    try {
      sources = this.#sources();
    } catch (error) {
      if (!(error instanceof PlayerError)) throw error;
      this.#onError(error, true);
      this.#setState("error");
      return;
    }
    if (sources.length === 0) {
      this.#setState("idle");
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
    this.#renditions.update([], -1);
    this.#tree.unmute.hidden = true;
    releasePicture(this.#tree.still);
  }

  #sources(): Source[] {
    const base = this.ownerDocument.baseURI;
    const sources = parseSources(this.src, { base, ...(this.type === "" ? {} : { type: this.type }) });
    for (const child of this.querySelectorAll<HTMLSourceElement>(":scope > source[src]")) {
      const src = child.getAttribute("src") ?? "";
      sources.push(...parseSources(src, { base, ...(child.type === "" ? {} : { type: child.type }) }));
    }
    return sources;
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
    this.#internals.states.delete(previous);
    this.#internals.states.add(state);
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
    this.#controls?.showLatency(latency === null ? null : `−${latency.toFixed(1)} s`);
  }

  #emit<K extends keyof AmiPlayerEventMap>(type: K, detail: AmiPlayerEventMap[K]["detail"]): void {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  #onVolume(): void {
    if (!this.#tree.video.muted) this.#tree.unmute.hidden = true;
  }

  #unmute(): void {
    const { video, unmute, controller } = this.#tree;
    video.muted = false;
    if (video.volume === 0) video.volume = 1;
    unmute.hidden = true;
    controller.focus();
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

  #onChildren(): void {
    this.#copyTracks();
    this.#schedule();
  }

  /** `<track>` children belong to the `<video>` inside. */
  #copyTracks(): void {
    const { video } = this.#tree;
    for (const track of video.querySelectorAll("track")) track.remove();
    for (const track of this.querySelectorAll(":scope > track")) video.append(track.cloneNode());
  }

  /** The script of the controls must not compete with the engine's for the first frame; but it does not wait for ever. */
  #firstFrame(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.removeEventListener("ami-state", listen);
        resolve();
      };
      const listen = () => {
        if (this.#state !== "loading") done();
      };
      const timer = setTimeout(done, this.src === "" ? 0 : CONTROLS_DELAY);
      signal.addEventListener("abort", done, { once: true });
      this.addEventListener("ami-state", listen);
    });
  }

  async #updateControls(): Promise<void> {
    if (!this.controls || this.#connection === null) {
      this.#controls?.remove();
      this.#controls = null;
      return;
    }
    const { signal } = this.#connection;
    await this.#firstFrame(signal);
    if (signal.aborted) return;
    const { addControls } = await import("../controls/controls.ts");
    if (signal.aborted || this.#controls !== null || !this.controls) return;
    const { controller } = this.#tree;
    this.#controls = addControls({ controller, host: this, seekToLive: () => this.seekToLive() });
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
