/** One set of CMAF parts and segments for LL-HLS, HLS, LL-DASH and DASH. */

import { type Packet, type PacketSource, type Track, writeInitSegment } from "@ami-streams/media";
import { systemWallClock, type WallClock } from "../clock.ts";
import { TranscodeError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { Changes } from "./changes.ts";
import { handleLive } from "./handler.ts";
import type { Presentation } from "./hls/multivariant-playlist.ts";
import type { PlaylistState } from "./hls/playlist-state.ts";
import { LiveWindow } from "./live-window.ts";
import { PackagerMetrics } from "./metrics.ts";
import { planRenditions, type RenditionPlan } from "./rendition-plan.ts";
import type { InitSegment, Segment } from "./segment.ts";
import { Segmenter } from "./segmenter.ts";
import type { SegmenterEvent } from "./segmenter-event.ts";
import { DEFAULT_SEGMENT_DURATION, type SegmenterOptions, type SegmenterStats } from "./segmenter-options.ts";

/** Options of {@link createPackager}. Durations in seconds. */
export interface PackagerOptions extends SegmenterOptions {
  /** Whole segments that playlists list. At least six target durations, or delta updates never apply. Default {@link DEFAULT_WINDOW}. */
  readonly window?: number;
  /** Bytes of segments held, all renditions together; the oldest leave first. Default {@link DEFAULT_MAX_WINDOW_BYTES}. */
  readonly maxBytes?: number;
  /** Delay behind the source that DASH players are asked to keep. Default {@link DEFAULT_DASH_LATENCY}. */
  readonly dashLatency?: number;
  /** Requests that may wait for something to be made, or read what is still being made, at a time; more are answered at once. Default {@link DEFAULT_MAX_WAITING}. */
  readonly maxWaiting?: number;
  /** Seconds that renditions may go on after the first video rendition has ended, for encoders to drain. Default {@link DEFAULT_DRAIN_TIMEOUT}. */
  readonly drainTimeout?: number;
  /** Starts every file name. Unique per packager, so that caches never take an old file for a new one. Default: 8 random hexadecimal digits. */
  readonly prefix?: string;
  /** Called with every segment that became whole, e.g. to store it. Must not throw; it is not waited for. */
  readonly onSegment?: (segment: FinishedSegment) => void;
  /** Attribute `stream` of the metrics. Default: none. */
  readonly name?: string;
  readonly logger?: Logger;
  /** For tests. */
  readonly clock?: WallClock;
}

export const DEFAULT_WINDOW = 30;
/** Together with packets that wait, the most that a stream holds: about 100 s of a 5 Mb/s ladder. */
export const DEFAULT_MAX_WINDOW_BYTES = 64 * 1024 * 1024;
export const DEFAULT_DASH_LATENCY = 1.2;
export const DEFAULT_MAX_WAITING = 10_000;
export const DEFAULT_DRAIN_TIMEOUT = 5;

/** A source with a name, and what its encoder was asked for: a `Rendition` of an encoder, or any source. */
export interface PackagerSource extends PacketSource {
  /** Appears in URLs: letters, digits, `.`, `_`, `-`. */
  readonly name: string;
}

/** A whole segment, as {@link PackagerOptions.onSegment} gets it. */
export interface FinishedSegment {
  /** Path segment of its rendition. */
  readonly rendition: string;
  readonly number: number;
  /** File name within the rendition. */
  readonly name: string;
  readonly track: Track;
  /** Seconds. */
  readonly duration: number;
  /** Milliseconds since the Unix epoch. */
  readonly programDateTime: number;
  readonly discontinuity: boolean;
  /** Its initialisation segment, by name and content. The same object until it changes. */
  readonly init: InitSegment;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Counters since the start, and what is held now. */
export interface PackagerStats extends SegmenterStats {
  readonly renditions: readonly RenditionStats[];
  /** Whole parts of all renditions. */
  readonly parts: number;
  /** Whole segments of all renditions. */
  readonly segments: number;
  readonly heldBytes: number;
  /** Requests that wait now, or read what is still being made. */
  readonly waiting: number;
  /** Segments that left a playlist before their time because `maxBytes` was reached. */
  readonly evictedEarly: number;
  /** Publisher sessions. */
  readonly sessions: number;
}

/** One rendition's share. */
export interface RenditionStats {
  readonly id: string;
  readonly codec: string;
  /** Media sequence number of its newest whole segment, -1 before there is one. */
  readonly mediaSequence: number;
  readonly parts: number;
  readonly segments: number;
  /** Highest bits per second of a segment. */
  readonly bandwidth: number;
  readonly heldBytes: number;
}

/** A live stream as files over HTTP. */
export interface Packager extends AsyncDisposable {
  /**
   * Answers requests whose path is relative to the stream: `/index.m3u8` (low-latency HLS), `/hls.m3u8` (HLS for old players), `/index.mpd`,
   * `/time`, and what those refer to. Never rejects.
   */
  readonly handle: (request: Request) => Promise<Response>;
  /**
   * Packages until all renditions have ended. Call it again when the publisher is back: the stream goes on with a discontinuity.
   *
   * A rendition that cannot be written is left out with a warning, the others go on.
   *
   * @throws {TranscodeError} `NO_TRACKS` when the renditions have none; `UNSUPPORTED_CODEC` when none of them can be written; `CLOSED` when
   * closed, or while another call has not ended.
   */
  package(renditions: readonly PackagerSource[], options?: { readonly signal?: AbortSignal }): Promise<void>;
  readonly stats: PackagerStats;
  /** Ends the playlists and all waiting. What is held can still be fetched. Idempotent. */
  close(): Promise<void>;
}

/** Makes a packager without any stream yet. Nothing is read or held until {@link Packager.package}. */
export function createPackager(options: PackagerOptions = {}): Packager {
  return new LivePackager(options);
}

class LivePackager implements Packager {
  readonly handle = (request: Request): Promise<Response> => handleLive(this, request);
  readonly window: LiveWindow;
  readonly changes: Changes;
  readonly clock: WallClock;
  readonly segmentDuration: number;
  readonly dashLatency: number;
  readonly windowDuration: number;
  readonly maxWaiting: number;
  presentation: Presentation = { video: [], audioOnly: [] };
  availabilityStart = 0;
  readonly readers = { count: 0 };
  readonly #segmenter: Segmenter;
  readonly #drainTimeout: number;
  readonly #onSegment: ((segment: FinishedSegment) => void) | undefined;
  readonly #logger: Logger | undefined;
  readonly #metrics: PackagerMetrics;
  readonly #closing = new AbortController();
  /** Ends the session when no rendition is left. */
  #failing = new AbortController();
  #session: Promise<void> | undefined;
  #sessions = 0;
  #reportedUnaligned = 0;

  constructor(options: PackagerOptions) {
    this.clock = options.clock ?? systemWallClock;
    this.changes = new Changes(this.clock);
    this.segmentDuration = options.segmentDuration ?? DEFAULT_SEGMENT_DURATION;
    this.dashLatency = options.dashLatency ?? DEFAULT_DASH_LATENCY;
    this.windowDuration = options.window ?? DEFAULT_WINDOW;
    this.maxWaiting = options.maxWaiting ?? DEFAULT_MAX_WAITING;
    this.#drainTimeout = options.drainTimeout ?? DEFAULT_DRAIN_TIMEOUT;
    this.#onSegment = options.onSegment;
    this.#logger = options.logger;
    this.#segmenter = new Segmenter(options);
    const prefix = options.prefix ?? crypto.randomUUID().slice(0, 8);
    if (!/^[A-Za-z0-9_]+$/.test(prefix))
      throw new TranscodeError("INVALID_OPTION", "prefix must be letters, digits and underscores");
    this.window = new LiveWindow({
      window: this.windowDuration,
      maxBytes: options.maxBytes ?? DEFAULT_MAX_WINDOW_BYTES,
      prefix,
    });
    this.#metrics = new PackagerMetrics(options.name, () => ({
      heldBytes: this.window.heldBytes,
      waiting: this.#waiting,
    }));
  }

  get #waiting(): number {
    return this.changes.size + this.readers.count;
  }

  get closed(): boolean {
    return this.#closing.signal.aborted;
  }

  get state(): PlaylistState | undefined {
    const { targetDuration, partTarget } = this.#segmenter;
    if (targetDuration === undefined || partTarget === undefined || this.window.periods.length === 0) return undefined;
    return { targetDuration, partTarget, ended: this.closed, away: this.#session === undefined };
  }

  get stats(): PackagerStats {
    const renditions: RenditionStats[] = [];
    let parts = 0;
    let segments = 0;
    for (const rendition of this.window.renditions) {
      parts += rendition.partsMade;
      segments += rendition.segmentsMade;
      renditions.push({
        id: rendition.id,
        codec: rendition.track.codec,
        mediaSequence: rendition.lastComplete,
        parts: rendition.partsMade,
        segments: rendition.segmentsMade,
        bandwidth: rendition.bandwidth,
        heldBytes: rendition.heldBytes,
      });
    }
    return {
      ...this.#segmenter.stats,
      renditions,
      parts,
      segments,
      heldBytes: this.window.heldBytes,
      waiting: this.#waiting,
      evictedEarly: this.window.evictedEarly,
      sessions: this.#sessions,
    };
  }

  async package(renditions: readonly PackagerSource[], options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (this.closed) throw new TranscodeError("CLOSED", "the packager is closed; make another");
    if (this.#session !== undefined) {
      throw new TranscodeError("CLOSED", "the packager has a publisher; wait until its package() has ended");
    }
    const plan = planRenditions(this.#writable(renditions));
    if (plan.inputs.length === 0) throw new TranscodeError("NO_TRACKS", "none of the renditions has a track");
    const session = this.#run(plan, options.signal);
    this.#session = session;
    try {
      await session;
    } finally {
      this.#session = undefined;
      this.changes.notify();
    }
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.#closing.abort();
    // An error of the session is its caller's to handle.
    await this.#session?.catch(() => undefined);
    this.changes.close();
    this.#metrics.stop();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #run(plan: RenditionPlan, signal: AbortSignal | undefined): Promise<void> {
    this.#sessions++;
    this.#segmenter.start(plan.inputs);
    this.window.start(plan.inputs, this.#segmenter.partTarget!);
    this.presentation = plan.presentation;
    const draining = new AbortController();
    this.#failing = new AbortController();
    const signals = [
      this.#closing.signal,
      draining.signal,
      this.#failing.signal,
      ...(signal === undefined ? [] : [signal]),
    ];
    const stop = AbortSignal.any(signals);
    let cancelDrain: (() => void) | undefined;
    const readings = plan.readings.map(async (reading, index) => {
      try {
        for await (const packet of reading.source.packets({ signal: stop }))
          this.#take(reading.ids.get(packet.track.id), packet);
      } catch (error) {
        this.#warn(reading.source.name, error);
      }
      for (const id of reading.ids.values()) this.#apply(this.#segmenter.finish(id, this.clock.now()));
      if (index === 0) cancelDrain = this.clock.after(this.#drainTimeout * 1000, () => draining.abort());
    });
    // Nobody may still be reading when the session ends, however it ends.
    const ends = await Promise.allSettled(readings);
    cancelDrain?.();
    this.#apply(this.#segmenter.end(this.clock.now()));
    this.#failing.signal.throwIfAborted();
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** Those of the sources whose tracks all have a place in CMAF. */
  #writable(sources: readonly PackagerSource[]): readonly PackagerSource[] {
    const failures = new Map<PackagerSource, TranscodeError>();
    for (const source of sources) {
      try {
        for (const track of source.tracks) writeInitSegment({ tracks: [track] });
      } catch (error) {
        failures.set(source, unwritable(source.name, source.tracks, error));
      }
    }
    const [first] = failures.values();
    const writable = sources.filter((source) => !failures.has(source));
    if (first !== undefined && writable.every((source) => source.tracks.length === 0)) throw first;
    for (const [{ name }, error] of failures) this.#warn(name, error);
    return writable;
  }

  #warn(rendition: string, err: unknown): void {
    this.#logger?.warn({ err, rendition }, "a rendition failed; the others go on");
  }

  /** One rendition could not be written. The session ends when it was the last. */
  #fail(id: string, cause: unknown): void {
    const rendition = this.window.rendition(id)!;
    const error = unwritable(id, [rendition.track], cause);
    if (rendition.active) {
      this.#failing.abort(error);
      return;
    }
    this.#warn(id, error);
    const { video, audioOnly } = this.presentation;
    const others = (ids: readonly string[]): string[] => ids.filter((other) => other !== id);
    const left = video.filter((other) => other.id !== id).map((other) => ({ ...other, audio: others(other.audio) }));
    const alone = left.length === 0 && audioOnly.length === 0 ? video.flatMap(({ audio }) => audio) : audioOnly;
    this.presentation = { video: left, audioOnly: others(alone) };
  }

  #take(id: string | undefined, packet: Packet): void {
    if (id === undefined) return;
    this.#apply(this.#segmenter.push(id, packet, this.clock.now()));
  }

  #apply(events: readonly SegmenterEvent[]): void {
    if (events.length === 0) return;
    const { targetDuration } = this.#segmenter;
    for (const event of events) {
      if (event.type === "segment-opened" && this.window.periods.length === 0) {
        this.availabilityStart = event.boundary.programDateTime;
      }
      try {
        if (!this.window.apply(event, targetDuration)) continue;
      } catch (error) {
        this.#fail(event.rendition, error);
        continue;
      }
      if (event.type === "part-closed") this.#metrics.part();
      else if (event.type === "segment-missed") this.#metrics.missed();
      else if (event.type === "segment-closed") {
        this.#metrics.segment();
        this.#report(event.rendition);
      }
    }
    this.changes.notify();
  }

  #report(id: string): void {
    const { unalignedKeyframes } = this.#segmenter.stats;
    if (unalignedKeyframes > this.#reportedUnaligned) {
      this.#reportedUnaligned = unalignedKeyframes;
      this.#logger?.warn(
        { code: "UNALIGNED_KEYFRAMES", rendition: id, count: unalignedKeyframes },
        "a rendition has no keyframe where a segment starts; give its encoder the source's keyframes",
      );
    }
    const rendition = this.window.rendition(id);
    const segment = rendition?.segments.findLast((candidate) => candidate.complete);
    if (this.#onSegment === undefined || segment === undefined || segment.missed) return;
    this.#onSegment(finished(id, segment));
  }
}

function unwritable(name: string, tracks: readonly Track[], cause: unknown): TranscodeError {
  const codecs = tracks.map((track) => track.codec).join(", ");
  const message = `rendition "${name}" (${codecs}) cannot be packaged; publish H.264, HEVC or AV1 with AAC, Opus or MP3, or encode it`;
  return new TranscodeError("UNSUPPORTED_CODEC", message, { cause });
}

function finished(rendition: string, segment: Segment): FinishedSegment {
  const { init } = segment;
  return {
    rendition,
    number: segment.number,
    name: segment.name,
    track: init.track,
    duration: segment.duration,
    programDateTime: segment.programDateTime,
    discontinuity: segment.boundary.discontinuity,
    init,
    bytes: segment.body.bytes!,
  };
}
