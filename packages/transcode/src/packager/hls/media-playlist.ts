/** Media Playlists of a live window: low-latency, delta updates, and plain ones for old players. */

import type {
  HlsInitSection,
  HlsOpenSegment,
  HlsPart,
  HlsPreloadHint,
  HlsRenditionReport,
  HlsSegment,
  MediaPlaylist,
} from "@ami-streams/media";
import type { LiveRendition } from "../live-rendition.ts";
import type { LiveWindow } from "../live-window.ts";
import type { InitSegment, Part, Segment } from "../segment.ts";
import {
  HOLD_BACK_PARTS,
  HOLD_BACK_TARGETS,
  PART_TARGETS,
  type PlaylistState,
  SKIP_TARGETS,
} from "./playlist-state.ts";

/** The playlist with parts, hints and reports. With `skip`, a delta update where one is possible, else the whole. */
export function lowLatencyPlaylist(
  window: LiveWindow,
  rendition: LiveRendition,
  state: PlaylistState,
  skip = false,
): MediaPlaylist {
  const { targetDuration, partTarget } = state;
  const listed = window.listed(rendition);
  const maps = new Map<InitSegment, HlsInitSection>();
  const end = listedEnd(listed, rendition);
  const withParts = end - PART_TARGETS * targetDuration;
  const segments: HlsSegment[] = [];
  let at = 0;
  for (const segment of listed) {
    segments.push(writtenSegment(segment, maps, !state.ended && at + segment.duration > withParts));
    at += segment.duration;
  }
  const open = state.ended ? undefined : rendition.open;
  const skipped = skip ? skippable(listed, open, end - SKIP_TARGETS * targetDuration) : 0;
  return {
    type: "media",
    independentSegments: startsAreIndependent(listed, open),
    targetDuration,
    partTarget,
    serverControl: {
      canBlockReload: true,
      canSkipUntil: SKIP_TARGETS * targetDuration,
      holdBack: HOLD_BACK_TARGETS * targetDuration,
      partHoldBack: Math.round(HOLD_BACK_PARTS * partTarget * 1000) / 1000,
    },
    ...sequences(window, rendition, listed),
    ...(skipped > 0 ? { skip: { skippedSegments: skipped } } : {}),
    segments: skipped > 0 ? segments.slice(skipped) : segments,
    ...(open !== undefined && open.completeParts.length > 0 ? { openSegment: openSegment(open, maps) } : {}),
    ...(state.ended ? {} : { preloadHints: hints(rendition, listed, state) }),
    renditionReports: reports(window, rendition),
    ...(state.ended ? { endList: true } : {}),
  };
}

/** Whole segments and nothing that an old player might not know. */
export function plainPlaylist(window: LiveWindow, rendition: LiveRendition, state: PlaylistState): MediaPlaylist {
  const listed = window.listed(rendition);
  const maps = new Map<InitSegment, HlsInitSection>();
  return {
    type: "media",
    independentSegments: startsAreIndependent(listed, undefined),
    targetDuration: state.targetDuration,
    ...sequences(window, rendition, listed),
    segments: listed.map((segment) => writtenSegment(segment, maps, false)),
    ...(state.ended ? { endList: true } : {}),
  };
}

function sequences(window: LiveWindow, rendition: LiveRendition, listed: readonly Segment[]) {
  const first = listed[0] ?? rendition.open;
  const mediaSequence = first?.number ?? window.listedFrom;
  const discontinuities =
    first === undefined ? 0 : first.boundary.discontinuitySequence - Number(first.boundary.discontinuity);
  return { mediaSequence, discontinuitySequence: discontinuities };
}

/** Seconds from the start of the playlist to its end, parts included. */
function listedEnd(listed: readonly Segment[], rendition: LiveRendition): number {
  let seconds = 0;
  for (const segment of listed) seconds += segment.duration;
  for (const part of rendition.open?.completeParts ?? []) seconds += part.duration;
  return seconds;
}

/** How many segments end before `boundary` seconds. None where a discontinuity is in the playlist: hls.js loses count of it (hls.js#6949). */
function skippable(listed: readonly Segment[], open: Segment | undefined, boundary: number): number {
  if (open?.boundary.discontinuity || listed.some((segment) => segment.boundary.discontinuity)) return 0;
  let seconds = 0;
  let count = 0;
  for (const segment of listed) {
    seconds += segment.duration;
    if (seconds > boundary) break;
    count++;
  }
  return count;
}

function startsAreIndependent(listed: readonly Segment[], open: Segment | undefined): boolean {
  const openStarts = open === undefined || open.parts.length === 0 || open.independent;
  return openStarts && listed.every((segment) => segment.missed || segment.independent);
}

function writtenSegment(segment: Segment, maps: Map<InitSegment, HlsInitSection>, withParts: boolean): HlsSegment {
  return {
    uri: segment.name,
    duration: segment.duration,
    programDateTime: segment.programDateTime,
    map: mapOf(segment.init, maps),
    ...(segment.boundary.discontinuity ? { discontinuity: true } : {}),
    ...(segment.missed ? { gap: true } : {}),
    ...(withParts && segment.parts.length > 0 ? { parts: segment.parts.map(writtenPart) } : {}),
  };
}

function openSegment(segment: Segment, maps: Map<InitSegment, HlsInitSection>): HlsOpenSegment {
  return {
    parts: segment.completeParts.map(writtenPart),
    programDateTime: segment.programDateTime,
    map: mapOf(segment.init, maps),
    ...(segment.boundary.discontinuity ? { discontinuity: true } : {}),
  };
}

function writtenPart(part: Part): HlsPart {
  return {
    uri: part.name,
    duration: part.duration,
    ...(part.independent ? { independent: true } : {}),
    ...(part.gap ? { gap: true } : {}),
  };
}

function mapOf(init: InitSegment, maps: Map<InitSegment, HlsInitSection>): HlsInitSection {
  let map = maps.get(init);
  if (map === undefined) {
    map = { uri: init.name };
    maps.set(init, map);
  }
  return map;
}

function hints(rendition: LiveRendition, listed: readonly Segment[], state: PlaylistState): HlsPreloadHint[] {
  const part: HlsPreloadHint = { type: "PART", uri: rendition.nextPartName };
  if (state.away) return [{ type: "MAP", uri: rendition.nextInitName }, part];
  const { open } = rendition;
  if (open === undefined || open.completeParts.length > 0) return [part];
  const before = listed.at(-1)?.init;
  return before === open.init ? [part] : [{ type: "MAP", uri: open.init.name }, part];
}

function reports(window: LiveWindow, rendition: LiveRendition): HlsRenditionReport[] {
  const written: HlsRenditionReport[] = [];
  for (const other of window.renditions) {
    const { position } = other;
    if (other === rendition || !other.active || position === undefined) continue;
    const lastPart = position.part >= 0 ? { lastPart: position.part } : {};
    written.push({ uri: `../${other.id}/index.m3u8`, lastMsn: position.msn, ...lastPart });
  }
  return written;
}
