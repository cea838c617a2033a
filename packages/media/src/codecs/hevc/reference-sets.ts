/** Short-term reference picture sets of HEVC, which stand between an SPS's dimensions and its timing (ITU-T H.265 §7.3.7, §7.4.8). */

import type { BitReader } from "../../bytes/bit-reader.ts";

/** Differences of picture order count: negative ones nearest first, then positive ones nearest first. */
interface ReferenceSet {
  readonly negative: readonly number[];
  readonly positive: readonly number[];
}

const MAX_SETS = 64;
const MAX_PICTURES = 16;

export function skipReferenceSets(reader: BitReader): void {
  const count = reader.ueUpTo(MAX_SETS, "num_short_term_ref_pic_sets");
  let previous: ReferenceSet | undefined;
  for (let index = 0; index < count; index++) {
    previous = previous !== undefined && reader.flag() ? readPredictedSet(reader, previous) : readSet(reader);
  }
}

function readSet(reader: BitReader): ReferenceSet {
  const negatives = reader.ueUpTo(MAX_PICTURES, "num_negative_pics");
  const positives = reader.ueUpTo(MAX_PICTURES, "num_positive_pics");
  return { negative: readDeltas(reader, negatives, -1), positive: readDeltas(reader, positives, 1) };
}

function readDeltas(reader: BitReader, count: number, sign: number): number[] {
  const deltas: number[] = [];
  let delta = 0;
  for (let index = 0; index < count; index++) {
    delta += sign * (reader.ueUpTo(0x7fff, "delta_poc_minus1") + 1);
    deltas.push(delta);
    reader.skip(1); // used_by_curr_pic_flag
  }
  return deltas;
}

/** A set given as a shift of the one before it. */
function readPredictedSet(reader: BitReader, reference: ReferenceSet): ReferenceSet {
  const sign = reader.flag() ? -1 : 1;
  const shift = sign * (reader.ueUpTo(0x7fff, "abs_delta_rps_minus1") + 1);
  // The shifted set has the pictures of the reference, and the reference's own picture at the shift itself.
  const kept: number[] = [];
  for (const delta of [...reference.negative, ...reference.positive, 0]) {
    const used = reader.flag();
    if (used || reader.flag()) kept.push(delta + shift);
  }
  const set = {
    negative: kept.filter((delta) => delta < 0).sort((a, b) => b - a),
    positive: kept.filter((delta) => delta > 0).sort((a, b) => a - b),
  };
  if (set.negative.length > MAX_PICTURES || set.positive.length > MAX_PICTURES) {
    throw reader.malformed("a predicted reference picture set has more than 16 pictures");
  }
  return set;
}
