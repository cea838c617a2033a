import type { Track } from "../track.ts";
import type { SampleEntry } from "./sample-entry-reader.ts";

export function trackOf(
  entry: SampleEntry,
  of: { id: number; timescale: number; language: string | undefined },
): Track | undefined {
  const { codec, width, height, channels, sampleRate } = entry;
  if (codec === undefined) return undefined;
  const base = { id: of.id, timescale: of.timescale, codec, config: entry.config.slice() };
  return width ? { ...base, kind: "video", width, height } : { ...base, kind: "audio", channels, sampleRate };
}
