/** What was put right in a publication, by kind. */

export const repairKinds = [
  "rebased",
  "nonMonotonic",
  "audioResync",
  "negativeComposition",
  "implausibleComposition",
  "beforeOrigin",
  "falseKeyframe",
  "withoutConfig",
  "malformed",
  "lateTrack",
  "unknownCodec",
] as const;

/**
 * What can be put right:
 * - `rebased`: time jumped backward, or far forward; the new time was joined to the old.
 * - `nonMonotonic`: a decoding time did not come after the one before it, and was moved.
 * - `audioResync`: audio was lost or repeated: its time was set anew from the message's.
 * - `negativeComposition`: a picture was to be shown before it is decoded; decoding times were moved forward in time.
 * - `implausibleComposition`: a composition time of more than 5 s either way was replaced by that of the picture before.
 * - `beforeOrigin`: a packet lay before the publication's first one and was moved or dropped.
 * - `falseKeyframe`: marked as a keyframe, without being one.
 * - `withoutConfig`: a frame came before its decoder configuration and was dropped.
 * - `malformed`: a message or sample that cannot be read was dropped.
 * - `lateTrack`: a packet of a track that came after the publication had started was dropped.
 * - `unknownCodec`: a packet of an additional track whose codec is not carried was dropped.
 */
export type RepairKind = (typeof repairKinds)[number];

/** How often each repair was made. */
export type Repairs = Record<RepairKind, number>;

/** All zero. */
export function noRepairs(): Repairs {
  return {
    rebased: 0,
    nonMonotonic: 0,
    audioResync: 0,
    negativeComposition: 0,
    implausibleComposition: 0,
    beforeOrigin: 0,
    falseKeyframe: 0,
    withoutConfig: 0,
    malformed: 0,
    lateTrack: 0,
    unknownCodec: 0,
  };
}
