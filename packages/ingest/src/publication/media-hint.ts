/** What `onMetaData` says about a stream. Encoders get it wrong: it shortens waiting and breaks ties, and decides nothing. */

import { type AmfValue, amfMember } from "../rtmp/amf0/amf-value.ts";

/** The part of `onMetaData` that is of use. */
export interface MediaHint {
  readonly video: boolean;
  readonly audio: boolean;
  /** Frames per second. */
  readonly frameRate: number | undefined;
}

/** Finds `onMetaData` among the values of a data message, with or without `@setDataFrame` before it. */
export function readMediaHint(values: readonly AmfValue[]): MediaHint | undefined {
  const name = values.indexOf("onMetaData");
  if (name < 0 || name > 1) return undefined;
  const metadata = values[name + 1];
  const frameRate = amfMember(metadata, "framerate");
  return {
    video: amfMember(metadata, "videocodecid") !== undefined || amfMember(metadata, "width") !== undefined,
    audio: amfMember(metadata, "audiocodecid") !== undefined || amfMember(metadata, "audiosamplerate") !== undefined,
    frameRate: typeof frameRate === "number" && frameRate > 0 ? frameRate : undefined,
  };
}
