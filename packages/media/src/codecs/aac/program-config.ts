/** The program config element of AAC: channels that no channel configuration names (ISO/IEC 14496-3 §4.4.1.1). */

import type { BitReader } from "../../bytes/bit-reader.ts";

/** Reads the element and returns how many channels it describes. */
export function programConfigChannels(reader: BitReader): number {
  const start = reader.position;
  reader.skip(4 + 2 + 4); // instance tag, object type, sample rate
  const front = reader.bits(4);
  const side = reader.bits(4);
  const back = reader.bits(4);
  const lowFrequency = reader.bits(2);
  const associatedData = reader.bits(3);
  const coupling = reader.bits(4);
  for (const skipped of [4, 4, 3]) if (reader.flag()) reader.skip(skipped); // mixdowns
  let channels = lowFrequency;
  for (let element = front + side + back; element > 0; element--) {
    channels += reader.flag() ? 2 : 1;
    reader.skip(4);
  }
  reader.skip(4 * lowFrequency + 4 * associatedData + 5 * coupling);
  // byte_alignment() counts from the start of the AudioSpecificConfig, which is where this reader starts.
  reader.align();
  reader.skip(8 * reader.bits(8)); // comment
  if (channels === 0) throw reader.malformed(`the program config element at bit ${start} has no channels`);
  return channels;
}
