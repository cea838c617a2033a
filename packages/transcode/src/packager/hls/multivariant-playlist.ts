/** The Multivariant Playlist: one variant per video rendition, audio as groups of renditions, and audio alone. */

import type { HlsRendition, HlsVariant, MultivariantPlaylist } from "@ami-streams/media";
import type { LiveRendition } from "../live-rendition.ts";
import type { LiveWindow } from "../live-window.ts";

/** Which renditions go together. */
export interface Presentation {
  /** Rendition ids of video with the ids of the audio it plays with, best first. */
  readonly video: readonly { readonly id: string; readonly audio: readonly string[] }[];
  /** Rendition ids that are offered without a picture. */
  readonly audioOnly: readonly string[];
}

/** @param file - name of the media playlists, which decides between low-latency and plain ones. */
export function multivariantPlaylist(
  window: LiveWindow,
  presentation: Presentation,
  file: string,
): MultivariantPlaylist {
  const groups = new Map<string, string>();
  const renditions: HlsRendition[] = [];
  const variants: HlsVariant[] = [];
  for (const { id, audio } of presentation.video) {
    const video = window.rendition(id);
    if (video === undefined) continue;
    const tracks = audio.map((other) => window.rendition(other)).filter((other) => other !== undefined);
    const key = tracks.map((track) => track.id).join(" ");
    if (tracks.length > 0 && !groups.has(key)) {
      const groupId = groups.size === 0 ? "audio" : `audio${groups.size + 1}`;
      groups.set(key, groupId);
      tracks.forEach((track, index) => {
        renditions.push(audioRendition(track, groupId, index, file));
      });
    }
    variants.push(variant(window, video, tracks, groups.get(key), file));
  }
  for (const id of presentation.audioOnly) {
    const audio = window.rendition(id);
    if (audio === undefined) continue;
    variants.push(variant(window, audio, [], groups.get(id), file));
  }
  return {
    type: "multivariant",
    independentSegments: everyStartIsIndependent(window),
    ...(renditions.length > 0 ? { renditions } : {}),
    variants,
  };
}

function variant(
  window: LiveWindow,
  main: LiveRendition,
  audio: readonly LiveRendition[],
  group: string | undefined,
  file: string,
): HlsVariant {
  const { track, frameRate } = main;
  const codecs = [...new Set([main, ...audio].map((rendition) => rendition.track.codec))];
  const peak = Math.max(0, ...audio.map((rendition) => rendition.bandwidth));
  const average = Math.max(0, ...audio.map((rendition) => window.averageBandwidth(rendition)));
  return {
    uri: `${main.id}/${file}`,
    bandwidth: main.bandwidth + peak,
    averageBandwidth: window.averageBandwidth(main) + average,
    codecs,
    ...(track.kind === "video" ? { resolution: { width: track.width, height: track.height } } : {}),
    ...(frameRate === undefined ? {} : { frameRate }),
    ...(group === undefined ? {} : { audio: group }),
  };
}

function audioRendition(rendition: LiveRendition, groupId: string, index: number, file: string): HlsRendition {
  const { track } = rendition;
  return {
    type: "AUDIO",
    groupId,
    name: rendition.name,
    default: index === 0,
    autoselect: true,
    ...(track.language === undefined ? {} : { language: track.language }),
    ...(track.kind === "audio" ? { channels: String(track.channels) } : {}),
    uri: `${rendition.id}/${file}`,
  };
}

function everyStartIsIndependent(window: LiveWindow): boolean {
  for (const rendition of window.renditions) {
    for (const segment of rendition.segments) {
      if (!segment.missed && segment.parts.length > 0 && !segment.independent) return false;
    }
  }
  return true;
}
