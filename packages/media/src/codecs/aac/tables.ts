/** Numbers of MPEG-4 audio that configurations and headers share (ISO/IEC 14496-3). */

/** `samplingFrequencyIndex` (table 1.18). */
export const AAC_SAMPLE_RATES: readonly number[] = [
  96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
];
/** The index after which the rate itself follows. */
export const ESCAPED_RATE = 15;
/** The object type after which a larger one follows. */
export const ESCAPED_TYPE = 31;

/** Channels by `channelConfiguration` (table 1.19); 0 is reserved, or in a program config element. */
export const AAC_CHANNELS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8];

/** Audio object types that mean something of their own here (table 1.17). */
export const TYPE = { sbr: 5, bsac: 22, ld: 23, ps: 29, eld: 39, usac: 42 } as const;
/** Kinds of AAC with a GASpecificConfig (§1.6.2.1). */
export const GENERAL_AUDIO: ReadonlySet<number> = new Set([1, 2, 3, 4, 6, 17, 19, 20, TYPE.bsac, TYPE.ld]);
/** Those that say which layer they are. */
export const LAYERED: ReadonlySet<number> = new Set([6, 20]);
/** Those with an error protection field behind. */
export const ERROR_RESILIENT: ReadonlySet<number> = new Set([17, 19, 20, TYPE.bsac, TYPE.ld]);
/** Those whose extension has three flags of error resilience. */
export const RESILIENCE_FLAGS: ReadonlySet<number> = new Set([17, 19, 20, TYPE.ld]);

/** The two frame lengths of an object type, in samples per channel: the usual one first. */
export function frameLengths(objectType: number): readonly [number, number] {
  return objectType === TYPE.ld || objectType === TYPE.eld ? [512, 480] : [1024, 960];
}
