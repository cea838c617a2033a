/** One `trun`: a row of samples that lie behind one another in the file (ISO 14496-12 §8.8.8). */

import { MediaError } from "../errors.ts";
import { viewOf } from "./box-reader.ts";
import {
  TRUN_COMPOSITION_OFFSET,
  TRUN_DATA_OFFSET,
  TRUN_FIRST_SAMPLE_FLAGS,
  TRUN_SAMPLE_DURATION,
  TRUN_SAMPLE_FLAGS,
  TRUN_SAMPLE_SIZE,
} from "./fragment-flags.ts";
import { IS_NON_SYNC } from "./sample-flags.ts";

/** What `trex` and `tfhd` say of every sample that does not say it itself. */
export interface SampleDefaults {
  /** Ticks. */
  readonly duration: number;
  /** Bytes. */
  readonly size: number;
  /** ISO 14496-12 §8.8.3.1. */
  readonly flags: number;
}

/**
 * Reads samples one by one out of the box, as their bytes come: however many it announces, it costs no memory beyond
 * the box itself.
 */
export class TrackRun {
  readonly trackId: number;
  /** Relative to the fragment's base, or undefined: behind the run before. */
  readonly dataOffset: number | undefined;
  /** Of all samples together. */
  readonly byteLength: number;
  /** Of all samples together, ticks. */
  readonly duration: number;
  /** Where the current sample starts in the stream; the fragment sets the first. */
  position = 0;
  /** Of the current sample, ticks; the fragment sets the first. */
  decodeTime = 0;

  readonly #view: DataView;
  readonly #flags: number;
  readonly #count: number;
  readonly #defaults: SampleDefaults;
  readonly #firstFlags: number | undefined;
  #at: number;
  #index = 0;

  sampleSize = 0;
  sampleDuration = 0;
  keyframe = false;
  compositionOffset = 0;

  /**
   * @param body - of the `trun` box, from version and flags on.
   * @throws {MediaError} `TRUNCATED` when it has fewer entries than it says; `LIMIT_EXCEEDED` when sizes or durations
   * add up beyond 2^53.
   */
  constructor(trackId: number, body: Uint8Array, defaults: SampleDefaults) {
    const view = viewOf(body);
    if (body.length < 8) throw truncated();
    const flags = view.getUint32(0) & 0xffffff;
    const count = view.getUint32(4);
    let at = 8;
    let dataOffset: number | undefined;
    let firstFlags: number | undefined;
    if (flags & TRUN_DATA_OFFSET) {
      if (body.length < at + 4) throw truncated();
      dataOffset = view.getInt32(at);
      at += 4;
    }
    if (flags & TRUN_FIRST_SAMPLE_FLAGS) {
      if (body.length < at + 4) throw truncated();
      firstFlags = view.getUint32(at);
      at += 4;
    }
    const entrySize =
      (flags & TRUN_SAMPLE_DURATION ? 4 : 0) +
      (flags & TRUN_SAMPLE_SIZE ? 4 : 0) +
      (flags & TRUN_SAMPLE_FLAGS ? 4 : 0) +
      (flags & TRUN_COMPOSITION_OFFSET ? 4 : 0);
    if (count * entrySize > body.length - at) throw truncated();

    const durations = flags & TRUN_SAMPLE_DURATION ? sum(view, at, entrySize, count) : count * defaults.duration;
    const sizeAt = flags & TRUN_SAMPLE_DURATION ? at + 4 : at;
    const sizes = flags & TRUN_SAMPLE_SIZE ? sum(view, sizeAt, entrySize, count) : count * defaults.size;
    if (!Number.isSafeInteger(durations) || !Number.isSafeInteger(sizes)) {
      throw new MediaError("LIMIT_EXCEEDED", "durations or sizes of a trun add up beyond 2^53");
    }
    this.trackId = trackId;
    this.dataOffset = dataOffset;
    this.byteLength = sizes;
    this.duration = durations;
    this.#view = view;
    this.#flags = flags;
    // Samples without a byte, all the same: there is nothing to read, and there may be four thousand million of them.
    this.#count = entrySize === 0 && sizes === 0 ? 0 : count;
    this.#defaults = defaults;
    this.#firstFlags = firstFlags;
    this.#at = at;
  }

  /** Makes the next sample the current one, with the fields above; false behind the last. */
  next(): boolean {
    if (this.#index > 0) {
      this.position += this.sampleSize;
      this.decodeTime += this.sampleDuration;
    }
    if (this.#index >= this.#count) return false;
    const view = this.#view;
    const flags = this.#flags;
    let at = this.#at;
    let sampleFlags = this.#defaults.flags;
    if (this.#index === 0 && this.#firstFlags !== undefined) sampleFlags = this.#firstFlags;
    this.sampleDuration = this.#defaults.duration;
    this.sampleSize = this.#defaults.size;
    this.compositionOffset = 0;
    if (flags & TRUN_SAMPLE_DURATION) {
      this.sampleDuration = view.getUint32(at);
      at += 4;
    }
    if (flags & TRUN_SAMPLE_SIZE) {
      this.sampleSize = view.getUint32(at);
      at += 4;
    }
    if (flags & TRUN_SAMPLE_FLAGS) {
      sampleFlags = view.getUint32(at);
      at += 4;
    }
    if (flags & TRUN_COMPOSITION_OFFSET) {
      // Signed in version 0 too: no sample is shown 2^31 ticks late, but there are writers that mean a negative one.
      this.compositionOffset = view.getInt32(at);
      at += 4;
    }
    this.keyframe = (sampleFlags & IS_NON_SYNC) === 0;
    this.#at = at;
    this.#index++;
    return true;
  }
}

function sum(view: DataView, start: number, step: number, count: number): number {
  let total = 0;
  for (let i = 0, at = start; i < count; i++, at += step) total += view.getUint32(at);
  return total;
}

function truncated(): MediaError {
  return new MediaError("TRUNCATED", '"trun" has fewer bytes than its samples need');
}
