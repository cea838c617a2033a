/** Decides which tracks of which sources become renditions, so that nothing is packaged twice. */

import type { Track } from "@ami-streams/media";
import { TranscodeError } from "../errors.ts";
import type { Presentation } from "./hls/multivariant-playlist.ts";
import type { PackagerSource } from "./packager.ts";

/** What to read, and what becomes of it. */
export interface RenditionPlan {
  /** One per track that is packaged; the first video one decides boundaries. */
  readonly inputs: readonly { readonly id: string; readonly name: string; readonly track: Track }[];
  /** Sources to read, each with the rendition that a track id goes to. */
  readonly readings: readonly { readonly source: PackagerSource; readonly ids: ReadonlyMap<number, string> }[];
  readonly presentation: Presentation;
}

const NAME = /^[A-Za-z0-9._-]+$/;

/**
 * Video renditions are named after their source, audio ones `audio`, `audio-2`, … or, where a source is audio only, after it. A track that
 * several sources pass through is read from the one that has only audio, or the first.
 */
export function planRenditions(sources: readonly PackagerSource[]): RenditionPlan {
  const inputs: { id: string; name: string; track: Track }[] = [];
  const readings = sources.map((source) => ({ source, ids: new Map<number, string>() }));
  const byTrack = new Map<Track, string>();
  const taken = new Set<string>();
  const claim = (wanted: string): string => {
    let id = wanted;
    for (let i = 2; taken.has(id); i++) id = `${wanted}-${i}`;
    taken.add(id);
    return id;
  };
  const add = (reading: (typeof readings)[number], track: Track, wanted: string): string => {
    const id = claim(wanted);
    byTrack.set(track, id);
    reading.ids.set(track.id, id);
    inputs.push({ id, name: track.name ?? id, track });
    return id;
  };
  for (const { source } of readings) {
    if (NAME.test(source.name) && source.name !== "time" && !source.name.startsWith(".")) continue;
    throw new TranscodeError(
      "INVALID_OPTION",
      `"${source.name}" cannot be in a URL: use letters, digits, dots, dashes, underscores`,
    );
  }
  const video: { id: string; reading: (typeof readings)[number] }[] = [];
  for (const reading of readings) {
    for (const track of reading.source.tracks) {
      if (track.kind === "video" && !byTrack.has(track))
        video.push({ id: add(reading, track, reading.source.name), reading });
    }
  }
  const audioOnly: string[] = [];
  const alone: string[] = [];
  for (const reading of readings) {
    if (reading.source.tracks.some((track) => track.kind === "video")) continue;
    for (const track of reading.source.tracks) {
      const id = byTrack.get(track) ?? add(reading, track, reading.source.name);
      audioOnly.push(id);
      alone.push(id);
    }
  }
  const mixed = new Map<string, string[]>();
  for (const { id, reading } of video) {
    const own: string[] = [];
    for (const track of reading.source.tracks) {
      if (track.kind === "audio") own.push(byTrack.get(track) ?? add(reading, track, "audio"));
    }
    mixed.set(id, own);
  }
  const shared = [...new Set([...mixed.values()].flat())];
  const forAll = alone.length > 0 ? alone : shared;
  return {
    inputs,
    readings: readings.filter((reading) => reading.ids.size > 0),
    presentation: {
      video: video.map(({ id }) => ({ id, audio: (mixed.get(id)?.length ?? 0) > 0 ? mixed.get(id)! : forAll })),
      audioOnly,
    },
  };
}
