/** Reads a stream of fragments as its bytes come: a pipe, a socket, a growing part, a file piece by piece. */

import { readUint64 } from "../bytes/uint64.ts";
import { MediaError } from "../errors.ts";
import type { Packet, Track } from "../track.ts";
import { viewOf } from "./box-reader.ts";
import { EMSG, FTYP, MDAT, MOOF, MOOV, PRFT } from "./box-types.ts";
import { type ReadEventMessage, readEventMessage } from "./event-message.ts";
import { fourCharacterText } from "./four-character-code.ts";
import { Gatherer } from "./gatherer.ts";
import { type InitSegment, readMovie } from "./init-reader.ts";
import { readMovieFragment } from "./movie-fragment.ts";
import { type ProducerReference, readProducerReference } from "./producer-reference.ts";
import type { TrackRun } from "./track-run.ts";

/** How a {@link FragmentReader} reads. */
export interface FragmentReaderOptions {
  /** For streams that begin with a fragment, as media segments do. Default: the stream's own `moov`. */
  readonly init?: InitSegment;
  /** Largest `moov`, `moof`, `emsg` or `prft` in bytes. Default: {@link DEFAULT_MAX_BOX_BYTES}. */
  readonly maxBoxBytes?: number;
  /** Largest sample in bytes. Default: {@link DEFAULT_MAX_SAMPLE_BYTES}. */
  readonly maxSampleBytes?: number;
  /** Called for each `moov` that differs from the one before: its tracks are new `Track` objects. */
  readonly onInit?: (init: InitSegment) => void;
  /** Called for each `emsg`, before the packets of the fragment behind it. */
  readonly onEventMessage?: (event: ReadEventMessage) => void;
  /** Called for each `prft`, before the packets of the fragment behind it. */
  readonly onProducerReference?: (reference: Required<ProducerReference>) => void;
}

/** Turns bytes into packets. Holds at most one box and one sample that are not complete yet. */
export interface FragmentReader {
  /** The initialisation as of now: the latest `moov`, or the option's. */
  readonly init: InitSegment | undefined;
  /**
   * Takes the next bytes, cut anywhere, and gives the packets that they complete, in the order of their bytes.
   *
   * A packet's `data` is a view of `bytes` where they hold it whole and it is at least a sixteenth of them, else a
   * copy: do not write to `bytes` afterwards. Times are those of the file: `dts` may be below zero, `pts` may lie
   * before `dts`, edit lists are not applied (see {@link InitTrackDetails}), and a `duration` may be 0 where the
   * writer did not know it.
   *
   * @throws {MediaError} `MALFORMED`, `TRUNCATED`, `LIMIT_EXCEEDED`, or `UNSUPPORTED` for a file that is not
   * fragmented. The reader is of no use afterwards, and throws the same error again.
   */
  push(bytes: Uint8Array): Packet[];
  /**
   * Says that no more bytes come.
   *
   * @throws {MediaError} `TRUNCATED` when that is in the middle of a box, or before the last sample of a fragment.
   */
  end(): void;
}

/** 16 MiB: a `moof` of one million samples. */
export const DEFAULT_MAX_BOX_BYTES = 16 * 1024 * 1024;
/** 64 MiB: an uncompressed 8K picture. */
export const DEFAULT_MAX_SAMPLE_BYTES = 64 * 1024 * 1024;

/** A sample that is a smaller part than this of the bytes it came in is copied: kept alone, it would keep them all. */
const MAX_HELD_RATIO = 16;

/**
 * A reader of fragmented MP4: CMAF, DASH and HLS segments, and what `ffmpeg -f mp4 -movflags
 * empty_moov+default_base_moof+…` writes, of any number of tracks.
 */
export function createFragmentReader(options: FragmentReaderOptions = {}): FragmentReader {
  return new IncrementalReader(options);
}

type State = "header" | "large-header" | "box" | "media" | "skip";

class IncrementalReader implements FragmentReader {
  init: InitSegment | undefined;
  readonly #options: FragmentReaderOptions;
  readonly #maxBoxBytes: number;
  readonly #maxSampleBytes: number;
  readonly #tracks = new Map<number, Track>();
  readonly #nextDecodeTime = new Map<number, number>();
  readonly #gatherer = new Gatherer();
  #state: State = "header";
  /** Stream position of the next byte to look at. */
  #position = 0;
  #boxType = 0;
  #boxStart = 0;
  /** Stream position behind the current box. */
  #boxEnd = 0;
  #fileType: Uint8Array | undefined;
  #movie: Uint8Array | undefined;
  #sawFragment = false;
  #runs: TrackRun[] = [];
  #nextRun = 0;
  /** The run whose current sample is the next to read; undefined where the fragment has none left. */
  #run: TrackRun | undefined;
  #gathering = false;
  #failure: unknown;

  constructor(options: FragmentReaderOptions) {
    this.#options = options;
    this.#maxBoxBytes = options.maxBoxBytes ?? DEFAULT_MAX_BOX_BYTES;
    this.#maxSampleBytes = options.maxSampleBytes ?? DEFAULT_MAX_SAMPLE_BYTES;
    if (options.init !== undefined) this.#useInit(options.init);
    this.#gatherer.start(8);
  }

  push(bytes: Uint8Array): Packet[] {
    if (this.#failure !== undefined) throw this.#failure;
    const packets: Packet[] = [];
    try {
      let at = 0;
      while (at < bytes.length) at = this.#step(bytes, at, packets);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    return packets;
  }

  end(): void {
    if (this.#failure !== undefined) throw this.#failure;
    const between = this.#state === "header" && this.#gatherer.missing === 8;
    if (!between && this.#boxEnd !== Number.POSITIVE_INFINITY) {
      throw new MediaError("TRUNCATED", `the stream ends at byte ${this.#position}, inside of a box`);
    }
    if (this.#run !== undefined)
      throw new MediaError("TRUNCATED", "the stream ends before the last sample of its last fragment");
  }

  /** Uses bytes from `at` on and says how far it came: always further. */
  #step(bytes: Uint8Array, at: number, packets: Packet[]): number {
    if (this.#state === "media") return this.#readMedia(bytes, at, packets);
    if (this.#state === "skip") {
      const next = this.#skip(bytes, at, this.#boxEnd);
      if (this.#position === this.#boxEnd) this.#expectHeader();
      return next;
    }
    const used = Math.min(bytes.length - at, this.#gatherer.missing);
    const gathered = this.#gatherer.take(bytes, at);
    this.#position += used;
    if (gathered === undefined) return at + used;
    if (this.#state === "header") this.#readHeader(gathered);
    else if (this.#state === "large-header") this.#readLargeHeader(gathered);
    else this.#readBox(gathered);
    return at + used;
  }

  #expectHeader(): void {
    this.#state = "header";
    this.#gatherer.start(8);
  }

  #readHeader(header: Uint8Array): void {
    const view = viewOf(header);
    const size = view.getUint32(0);
    this.#boxType = view.getUint32(4);
    this.#boxStart = this.#position - 8;
    if (size === 1) {
      this.#state = "large-header";
      this.#gatherer.start(8);
      return;
    }
    if (size !== 0 && size < 8) throw this.#malformed(`is ${size} bytes long, shorter than its header`);
    this.#beginBox(size === 0 ? Number.POSITIVE_INFINITY : size);
  }

  #readLargeHeader(header: Uint8Array): void {
    const size = readUint64(viewOf(header), 0);
    if (size < 16) throw this.#malformed(`is ${size} bytes long, shorter than its header`);
    this.#beginBox(size);
  }

  #beginBox(size: number): void {
    this.#boxEnd = this.#boxStart + size;
    const bodySize = this.#boxEnd - this.#position;
    switch (this.#boxType) {
      case MDAT:
        if (!this.#sawFragment && bodySize > 0) {
          throw new MediaError(
            "UNSUPPORTED",
            'media before any "moof": the file is not fragmented; write it with -movflags empty_moov+frag_keyframe or the like',
          );
        }
        this.#state = "media";
        break;
      case FTYP:
      case MOOV:
      case MOOF:
      case EMSG:
      case PRFT:
        if (bodySize > this.#maxBoxBytes) {
          throw new MediaError(
            "LIMIT_EXCEEDED",
            `box "${fourCharacterText(this.#boxType)}" at byte ${this.#boxStart} has ${bodySize} bytes, more than the ${this.#maxBoxBytes} of maxBoxBytes`,
          );
        }
        this.#state = "box";
        this.#gatherer.start(bodySize);
        if (bodySize === 0) this.#readBox(new Uint8Array(0));
        return;
      default:
        this.#state = "skip";
    }
    if (bodySize === 0) this.#expectHeader();
  }

  #readBox(body: Uint8Array): void {
    switch (this.#boxType) {
      case FTYP:
        this.#fileType = new Uint8Array(body);
        break;
      case MOOV:
        this.#readMovie(body);
        break;
      case MOOF:
        this.#readFragment(body);
        break;
      case EMSG:
        this.#options.onEventMessage?.(readEventMessage(body));
        break;
      default:
        this.#options.onProducerReference?.(readProducerReference(body));
    }
    this.#expectHeader();
  }

  #readMovie(body: Uint8Array): void {
    // Streams repeat their initialisation: the same bytes are the same tracks, not a discontinuity.
    if (this.#movie !== undefined && equal(this.#movie, body)) return;
    if (this.#run !== undefined) throw this.#malformed("comes before the last sample of the fragment in front of it");
    this.#movie = new Uint8Array(body);
    const init = readMovie(this.#movie, this.#fileType);
    this.#useInit(init);
    this.#options.onInit?.(init);
  }

  #useInit(init: InitSegment): void {
    this.init = init;
    this.#tracks.clear();
    this.#nextDecodeTime.clear();
    for (const track of init.tracks) this.#tracks.set(track.id, track);
  }

  #readFragment(body: Uint8Array): void {
    const { init } = this;
    if (init === undefined)
      throw this.#malformed('comes before any "moov": give the initialisation as the option init');
    if (this.#run !== undefined) throw this.#malformed("comes before the last sample of the fragment in front of it");
    this.#sawFragment = true;
    const runs = readMovieFragment(body, {
      position: this.#boxStart,
      defaults: (trackId) => init.details.get(trackId)?.sampleDefaults,
      nextDecodeTime: this.#nextDecodeTime,
    });
    this.#runs = runs.filter((run) => this.#tracks.has(run.trackId));
    this.#nextRun = 0;
    this.#run = undefined;
    this.#nextSample();
  }

  /** Moves on to the next sample that has bytes. */
  #nextSample(): void {
    for (;;) {
      while (this.#run?.next()) if (this.#run.sampleSize > 0) return;
      this.#run = this.#runs[this.#nextRun++];
      if (this.#run === undefined) {
        this.#runs = [];
        return;
      }
    }
  }

  #readMedia(bytes: Uint8Array, start: number, packets: Packet[]): number {
    let at = start;
    while (this.#run !== undefined && at < bytes.length) {
      const run = this.#run;
      if (!this.#gathering) {
        if (run.position >= this.#boxEnd) break; // of another mdat
        if (run.position < this.#position)
          throw this.#malformed(`starts behind a sample of track ${run.trackId} at byte ${run.position}`);
        if (run.position > this.#position) {
          at = this.#skip(bytes, at, run.position);
          continue;
        }
        this.#beginSample(run);
      }
      const used = Math.min(bytes.length - at, this.#gatherer.missing);
      const data = this.#gatherer.take(bytes, at);
      at += used;
      this.#position += used;
      if (data === undefined) return at;
      this.#gathering = false;
      packets.push(this.#packet(run, data.length * MAX_HELD_RATIO < bytes.length ? new Uint8Array(data) : data));
      this.#nextSample();
    }
    if (at < bytes.length && this.#position < this.#boxEnd) at = this.#skip(bytes, at, this.#boxEnd);
    if (this.#position === this.#boxEnd) this.#expectHeader();
    return at;
  }

  #beginSample(run: TrackRun): void {
    if (run.position + run.sampleSize > this.#boxEnd)
      throw this.#malformed(`ends within a sample of track ${run.trackId}`);
    if (run.sampleSize > this.#maxSampleBytes) {
      throw new MediaError(
        "LIMIT_EXCEEDED",
        `a sample of track ${run.trackId} has ${run.sampleSize} bytes, more than the ${this.#maxSampleBytes} of maxSampleBytes`,
      );
    }
    this.#gatherer.start(run.sampleSize);
    this.#gathering = true;
  }

  #packet(run: TrackRun, data: Uint8Array): Packet {
    const track = this.#tracks.get(run.trackId)!;
    return {
      track,
      dts: run.decodeTime,
      pts: run.decodeTime + run.compositionOffset,
      duration: run.sampleDuration,
      keyframe: track.kind === "audio" || run.keyframe,
      data,
    };
  }

  #skip(bytes: Uint8Array, at: number, to: number): number {
    const count = Math.min(bytes.length - at, to - this.#position);
    this.#position += count;
    return at + count;
  }

  #malformed(what: string): MediaError {
    return new MediaError("MALFORMED", `box "${fourCharacterText(this.#boxType)}" at byte ${this.#boxStart} ${what}`);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
