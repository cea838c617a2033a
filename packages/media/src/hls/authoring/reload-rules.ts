/** Rules over two loads of the same media playlist, one after the other. */
import type { MediaPlaylist, Part, Segment } from "../media-playlist.ts";
import { sameKeys } from "../write-common.ts";
import { EPSILON, placeSegments, playlistDuration, type Reload, type Rule, s } from "./rule.ts";

/** See {@link checkAuthoring}. */
export const reloadRules: readonly Rule<Reload>[] = [
  constant(
    "constant-target-duration",
    "must",
    "RFC 8216bis §6.2.1",
    "EXT-X-TARGETDURATION",
    (playlist) => playlist.targetDuration,
  ),
  constant(
    "constant-part-target",
    "must",
    "RFC 8216bis §4.4.3.7, §6.2.1",
    "PART-TARGET",
    (playlist) => playlist.partTarget,
  ),
  constant(
    "constant-hold-back",
    "must",
    "RFC 8216bis §6.2.1",
    "HOLD-BACK",
    (playlist) => playlist.serverControl?.holdBack,
  ),
  constant(
    "constant-part-hold-back",
    "must",
    "RFC 8216bis §6.2.1",
    "PART-HOLD-BACK",
    (playlist) => playlist.serverControl?.partHoldBack,
  ),
  constant("constant-version", "should", "RFC 8216bis §6.2.1", "EXT-X-VERSION", (playlist) => playlist.version),
  {
    id: "playlist-type-kept",
    severity: "must",
    source: "RFC 8216bis §6.2.1",
    check({ before, after }, report) {
      if (before.playlistType !== undefined && before.playlistType !== after.playlistType) {
        report(`EXT-X-PLAYLIST-TYPE was ${before.playlistType} and is ${after.playlistType ?? "gone"}`);
      }
    },
  },
  {
    id: "event-keeps-all",
    severity: "must",
    source: "RFC 8216bis §6.2.1",
    check({ before, after }, report) {
      if (before.playlistType !== undefined && after.mediaSequence > before.mediaSequence) {
        report(
          `segments left a playlist of type ${before.playlistType}: EXT-X-MEDIA-SEQUENCE went from ${before.mediaSequence} to ${after.mediaSequence}`,
        );
      }
    },
  },
  {
    id: "ended-is-ended",
    severity: "must",
    source: "RFC 8216bis §6.2.1",
    check({ before, after }, report) {
      if (before.endList && (!after.endList || lastNumber(after) !== lastNumber(before)))
        report("the playlist had ended, and went on");
    },
  },
  {
    id: "media-sequence-never-falls",
    severity: "must",
    source: "RFC 8216bis §6.2.2",
    check({ before, after }, report) {
      if (after.mediaSequence < before.mediaSequence) {
        report(`EXT-X-MEDIA-SEQUENCE fell from ${before.mediaSequence} to ${after.mediaSequence}`);
      }
    },
  },
  {
    id: "live-edge-never-falls",
    severity: "must",
    source: "RFC 8216bis §6.2.1",
    check({ before, after }, report) {
      const [segment, part] = liveEdge(before);
      const [newSegment, newPart] = liveEdge(after);
      if (newSegment < segment || (newSegment === segment && newPart < part)) {
        report(`the end went back from segment ${segment} part ${part} to segment ${newSegment} part ${newPart}`);
      }
    },
  },
  {
    id: "segments-never-change",
    severity: "must",
    source: "RFC 8216bis §6.2.1",
    check(reload, report) {
      for (const [old, now, number] of commonSegments(reload)) {
        const change = changeOf(old, now);
        if (change !== undefined) report(`segment ${number} changed its ${change}`);
      }
    },
  },
  {
    id: "program-date-time-stable",
    severity: "must",
    source: "RFC 8216bis §4.4.4.6, §6.2.1",
    check(reload, report) {
      for (const [old, now, number] of commonSegments(reload)) {
        const moved =
          old.programDateTime !== undefined && now.programDateTime !== undefined
            ? now.programDateTime - old.programDateTime
            : 0;
        if (moved !== 0) report(`the date of segment ${number} moved by ${s(moved / 1000)}`);
      }
    },
  },
  {
    id: "parts-never-change",
    severity: "must",
    source: "RFC 8216bis §6.2.1",
    check({ before, after }, report) {
      const now = partsByNumber(after);
      for (const [number, parts] of partsByNumber(before)) {
        const others = now.get(number);
        if (others === undefined) continue;
        for (const [index, part] of parts.entries()) {
          const other = others[index];
          if (other === undefined) report(`segment ${number} lost its part ${index}`);
          else if (!samePart(part, other)) report(`part ${index} of segment ${number} changed`);
        }
      }
    },
  },
  {
    id: "discontinuity-sequence-counts",
    severity: "must",
    source: "RFC 8216bis §6.2.2",
    check({ before, after }, report) {
      const removed = after.mediaSequence - before.mediaSequence;
      if (removed < 0 || removed > before.segments.length) return;
      const left = before.segments.slice(0, removed).filter((item) => item.discontinuity).length;
      const expected = (before.discontinuitySequence ?? 0) + left;
      const actual = after.discontinuitySequence ?? 0;
      if (actual !== expected)
        report(`EXT-X-DISCONTINUITY-SEQUENCE is ${actual}, and with what left it should be ${expected}`);
    },
  },
  {
    id: "window-long-enough",
    severity: "must",
    source: "RFC 8216bis §6.2.2",
    check({ before, after }, report) {
      const length = playlistDuration(after);
      if (after.mediaSequence > before.mediaSequence && !after.endList && length < 3 * after.targetDuration - EPSILON) {
        report(
          `segments were removed down to ${s(length)}, less than three target durations of ${after.targetDuration} s`,
        );
      }
    },
  },
  {
    id: "preload-hint-fulfilled",
    severity: "should",
    source: "RFC 8216bis §4.4.5.3, §6.2.6",
    check({ before, after }, report) {
      const hint = before.preloadHints?.find((item) => item.type === "PART");
      if (hint === undefined) return;
      const [number, index] = liveEdge(before);
      const parts = partsByNumber(after);
      // The hinted part is the next of the open segment, or the first of the one after it.
      const next =
        parts.get(number)?.[index] ??
        (parts.get(number) !== undefined || isSegment(after, number) ? parts.get(number + 1)?.[0] : undefined);
      if (next === undefined) return;
      const start = next.byteRange?.offset ?? 0;
      if (next.uri !== hint.uri || start !== (hint.byteRangeStart ?? 0)) {
        report(
          `the part after the end was hinted as ${hint.uri}@${hint.byteRangeStart ?? 0} and became ${next.uri}@${start}`,
        );
      }
    },
  },
];

function constant(
  id: string,
  severity: "must" | "should",
  source: string,
  name: string,
  value: (playlist: MediaPlaylist) => number | undefined,
): Rule<Reload> {
  return {
    id,
    severity,
    source,
    check({ before, after }, report) {
      if (value(before) !== value(after))
        report(`${name} went from ${value(before) ?? "none"} to ${value(after) ?? "none"}`);
    },
  };
}

/** The number of the segment being made, and how many parts of it there are. */
function liveEdge(playlist: MediaPlaylist): [segment: number, part: number] {
  return [lastNumber(playlist) + 1, playlist.openSegment?.parts.length ?? 0];
}

function lastNumber(playlist: MediaPlaylist): number {
  return playlist.mediaSequence + playlist.segments.length - 1;
}

function isSegment(playlist: MediaPlaylist, number: number): boolean {
  return number >= playlist.mediaSequence && number <= lastNumber(playlist);
}

function commonSegments({ before, after }: Reload): readonly [old: Segment, now: Segment, number: number][] {
  const common: [Segment, Segment, number][] = [];
  for (const { segment, mediaSequence } of placeSegments(before)) {
    const now = after.segments[mediaSequence - after.mediaSequence];
    if (now !== undefined) common.push([segment, now, mediaSequence]);
  }
  return common;
}

function changeOf(old: Segment, now: Segment): string | undefined {
  if (old.uri !== now.uri) return `URI from ${old.uri} to ${now.uri}`;
  if (old.duration !== now.duration) return `duration from ${s(old.duration)} to ${s(now.duration)}`;
  if (old.byteRange?.length !== now.byteRange?.length || old.byteRange?.offset !== now.byteRange?.offset)
    return "byte range";
  if (old.map?.uri !== now.map?.uri || old.map?.byteRange?.offset !== now.map?.byteRange?.offset) return "EXT-X-MAP";
  if (!sameKeys(old.keys, now.keys)) return "EXT-X-KEY";
  if (old.discontinuity !== now.discontinuity) return "EXT-X-DISCONTINUITY";
  // A gap is what remains of a segment that could not be kept.
  return old.gap && !now.gap ? "EXT-X-GAP" : undefined;
}

function samePart(a: Part, b: Part): boolean {
  return (
    a.uri === b.uri &&
    a.duration === b.duration &&
    a.independent === b.independent &&
    a.byteRange?.offset === b.byteRange?.offset &&
    a.byteRange?.length === b.byteRange?.length
  );
}

function partsByNumber(playlist: MediaPlaylist): ReadonlyMap<number, readonly Part[]> {
  const parts = new Map<number, readonly Part[]>();
  for (const { segment, mediaSequence } of placeSegments(playlist))
    if (segment.parts !== undefined) parts.set(mediaSequence, segment.parts);
  if (playlist.openSegment !== undefined) parts.set(lastNumber(playlist) + 1, playlist.openSegment.parts);
  return parts;
}
