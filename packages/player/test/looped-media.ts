/** Small fragmented MP4s, repeated for ever: part n of a track with its decode time put right. */

import { readFileSync } from "node:fs";

/** Seconds. Four pictures at 25 a second, and five AAC frames of 1024 samples at 32 kHz. */
export const PART_DURATION = 0.16;
/** Parts of one segment; every segment starts with a keyframe. */
export const PARTS_PER_SEGMENT = 5;
/** Parts before a file repeats. */
const PARTS_PER_LOOP = 40;

/** One track of the test stream. */
export interface LoopedTrack {
  readonly init: Buffer;
  readonly timescale: number;
  /** `moof` + `mdat` of part `index`, counted from the start of the stream. */
  part(index: number): Buffer;
}

/** Reads a fixture: one track, fragments of exactly one part. */
export function loopTrack(fixture: string, timescale: number): LoopedTrack {
  const bytes = readFileSync(new URL(`fixtures/${fixture}`, import.meta.url));
  const fragments: Buffer[] = [];
  let initEnd = 0;
  for (let at = 0; at < bytes.length; at += bytes.readUInt32BE(at)) {
    const type = bytes.toString("latin1", at + 4, at + 8);
    if (type === "moov") initEnd = at + bytes.readUInt32BE(at);
    if (type !== "moof") continue;
    const moof = bytes.readUInt32BE(at);
    fragments.push(bytes.subarray(at, at + moof + bytes.readUInt32BE(at + moof)));
  }
  if (fragments.length < PARTS_PER_LOOP) throw new Error(`${fixture} is too short`);
  return {
    init: bytes.subarray(0, initEnd),
    timescale,
    part(index) {
      const fragment = Buffer.from(fragments[index % PARTS_PER_LOOP]!);
      // tfdt version 1 (ISO/IEC 14496-12 §8.8.12): a 64-bit decode time after size, type, version and flags.
      const tfdt = fragment.indexOf("tfdt", 0, "latin1");
      fragment.writeBigUInt64BE(BigInt(Math.round(index * PART_DURATION * timescale)), tfdt + 8);
      return fragment;
    },
  };
}
