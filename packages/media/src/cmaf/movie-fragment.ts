/** Reads one `moof` (ISO 14496-12 §8.8.4) into runs of samples with their place in the stream and in time. */

import { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../errors.ts";
import { childBoxes } from "./box-reader.ts";
import {
  TFHD_BASE_DATA_OFFSET,
  TFHD_DEFAULT_BASE_IS_MOOF,
  TFHD_SAMPLE_DESCRIPTION,
  TFHD_SAMPLE_DURATION,
  TFHD_SAMPLE_FLAGS,
  TFHD_SAMPLE_SIZE,
} from "./fragment-flags.ts";
import { type SampleDefaults, TrackRun } from "./track-run.ts";

/** What a `moof` alone does not say. */
export interface FragmentContext {
  /** Stream position of the `moof`'s first byte. */
  readonly position: number;
  /** The track's `trex`, or undefined for a track that nobody announced. */
  defaults(trackId: number): SampleDefaults | undefined;
  /** Where the track's last fragment ended, ticks: the decode time where there is no `tfdt`. */
  readonly nextDecodeTime: Map<number, number>;
}

/** Of one fragment: far more than writers that interleave tracks need, few enough to hold. */
const MAX_RUNS = 65_536;

/**
 * The runs of a fragment, in the order of their bytes.
 *
 * @param body - of the `moof` box.
 * @throws {MediaError} `MALFORMED`, `TRUNCATED` or `LIMIT_EXCEEDED`.
 */
export function readMovieFragment(body: Uint8Array, context: FragmentContext): TrackRun[] {
  const runs: TrackRun[] = [];
  // Where the data of the track fragment before ends: the base of the next one, unless it says otherwise.
  let dataEnd = context.position;
  for (const box of childBoxes(body)) {
    if (box.type === "traf") dataEnd = readTrackFragment(box.body, context, dataEnd, runs);
  }
  runs.sort((a, b) => a.position - b.position);
  for (let i = 1; i < runs.length; i++) {
    const before = runs[i - 1]!;
    if (before.position + before.byteLength > runs[i]!.position) {
      throw new MediaError("MALFORMED", `two runs of a fragment overlap at byte ${runs[i]!.position}`);
    }
  }
  return runs;
}

function readTrackFragment(body: Uint8Array, context: FragmentContext, previousEnd: number, runs: TrackRun[]): number {
  let header: TrackFragmentHeader | undefined;
  let decodeTime: number | undefined;
  const trackRuns: Uint8Array[] = [];
  for (const box of childBoxes(body)) {
    if (box.type === "tfhd") header = readTrackFragmentHeader(box.body, context, previousEnd);
    else if (box.type === "tfdt") decodeTime = readDecodeTime(box.body);
    else if (box.type === "trun") {
      if (runs.length + trackRuns.length === MAX_RUNS) {
        throw new MediaError("LIMIT_EXCEEDED", `a fragment has more than ${MAX_RUNS} runs of samples`);
      }
      trackRuns.push(box.body);
    }
  }
  if (header === undefined) throw new MediaError("MALFORMED", 'a "traf" has no "tfhd"');
  const { trackId, defaults } = header;
  let time = decodeTime ?? context.nextDecodeTime.get(trackId) ?? 0;
  let end = header.base;
  for (const bytes of trackRuns) {
    const run = new TrackRun(trackId, bytes, defaults);
    run.position = run.dataOffset === undefined ? end : header.base + run.dataOffset;
    run.decodeTime = time;
    end = run.position + run.byteLength;
    time += run.duration;
    // With room for a composition offset, so that every pts is a safe integer too.
    if (!Number.isSafeInteger(time + 2 ** 31)) {
      throw new MediaError("LIMIT_EXCEEDED", `a fragment of track ${trackId} ends at ${time} ticks`);
    }
    if (run.position < context.position || !Number.isSafeInteger(end)) {
      throw new MediaError(
        "MALFORMED",
        `a run of track ${trackId} lies at byte ${run.position}, outside of what follows its fragment`,
      );
    }
    runs.push(run);
  }
  context.nextDecodeTime.set(trackId, time);
  return end;
}

interface TrackFragmentHeader {
  readonly trackId: number;
  /** Stream position that data offsets count from. */
  readonly base: number;
  readonly defaults: SampleDefaults;
}

function readTrackFragmentHeader(body: Uint8Array, context: FragmentContext, previousEnd: number): TrackFragmentHeader {
  const reader = new ByteReader(body, "tfhd");
  const flags = reader.u32() & 0xffffff;
  const trackId = reader.u32();
  const announced = context.defaults(trackId);
  if (announced === undefined)
    throw new MediaError("MALFORMED", `a fragment of track ${trackId}, which the "moov" does not have`);
  let base = flags & TFHD_DEFAULT_BASE_IS_MOOF ? context.position : previousEnd;
  if (flags & TFHD_BASE_DATA_OFFSET) base = reader.u64();
  if (flags & TFHD_SAMPLE_DESCRIPTION) reader.skip(4);
  const duration = flags & TFHD_SAMPLE_DURATION ? reader.u32() : announced.duration;
  const size = flags & TFHD_SAMPLE_SIZE ? reader.u32() : announced.size;
  const sampleFlags = flags & TFHD_SAMPLE_FLAGS ? reader.u32() : announced.flags;
  return { trackId, base, defaults: { duration, size, flags: sampleFlags } };
}

function readDecodeTime(body: Uint8Array): number {
  const reader = new ByteReader(body, "tfdt");
  const version = reader.u32() >>> 24;
  // Unsigned by the specification, but FFmpeg writes times before zero as they are (-avoid_negative_ts disabled).
  return version === 0 ? reader.u32() : reader.i64();
}
