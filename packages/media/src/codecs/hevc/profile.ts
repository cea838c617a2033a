/** Profile, tier and level of HEVC (ITU-T H.265 §7.3.3), in the parameter sets and in `hvcC`. */

import type { BitReader } from "../../bytes/bit-reader.ts";

/** `profile_tier_level()`, the general part. */
export interface HevcProfile {
  /** `general_profile_space`, 0 to 3. */
  readonly profileSpace: number;
  /** `general_tier_flag`: High tier, otherwise Main. */
  readonly highTier: boolean;
  /** `general_profile_idc`, e.g. 1 Main, 2 Main 10. */
  readonly profileIdc: number;
  /** The 32 `general_profile_compatibility_flag`s, flag 0 in the highest bit. */
  readonly compatibility: number;
  /** The 48 bits after them: source flags and constraints. */
  readonly constraints: number;
  /** `general_level_idc`: thirty times the level, e.g. 93 for 3.1. */
  readonly levelIdc: number;
}

/** The general part, and nothing of sub-layers. */
export function readHevcProfile(reader: BitReader): HevcProfile {
  return {
    profileSpace: reader.bits(2),
    highTier: reader.flag(),
    profileIdc: reader.bits(5),
    compatibility: reader.bits(32),
    constraints: reader.bits(16) * 2 ** 32 + reader.bits(32),
    levelIdc: reader.bits(8),
  };
}

/** `profile_tier_level( 1, maxSubLayersMinus1 )`. */
export function readProfileTierLevel(reader: BitReader, maxSubLayersMinus1: number): HevcProfile {
  const profile = readHevcProfile(reader);
  if (maxSubLayersMinus1 === 0) return profile;
  const present: boolean[] = [];
  for (let layer = 0; layer < maxSubLayersMinus1; layer++) present.push(reader.flag(), reader.flag());
  reader.skip(2 * (8 - maxSubLayersMinus1));
  present.forEach((there, index) => {
    if (there) reader.skip(index % 2 === 0 ? 88 : 8);
  });
  return profile;
}

/** RFC 6381 codec string (ISO/IEC 14496-15 annex E.3), e.g. `hvc1.1.6.L93.B0`: for samples without parameter sets in band. */
export function hevcCodecString(profile: HevcProfile): string {
  const space = ["", "A", "B", "C"][profile.profileSpace] ?? "";
  const level = `${profile.highTier ? "H" : "L"}${profile.levelIdc}`;
  const compatibility = reverseBits(profile.compatibility).toString(16).toUpperCase();
  const constraints: string[] = [];
  for (let rest = profile.constraints; rest > 0; rest = (rest % 2 ** 40) * 2 ** 8) {
    constraints.push(
      `.${Math.floor(rest / 2 ** 40)
        .toString(16)
        .toUpperCase()}`,
    );
  }
  return `hvc1.${space}${profile.profileIdc}.${compatibility}.${level}${constraints.join("")}`;
}

function reverseBits(value: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 32; bit++) reversed = reversed * 2 + ((value >>> bit) & 1);
  return reversed;
}
