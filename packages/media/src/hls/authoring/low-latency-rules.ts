/** Rules over one media playlist of low latency. */
import type { MediaPlaylist, Part, PreloadHint } from "../media-playlist.ts";
import { APPLE, EPSILON, firstNumber, isLive, isLowLatency, placeSegments, type Rule, s } from "./rule.ts";

/** Rounding of parts and segment may add up to this, seconds. */
const SUM_TOLERANCE = 0.01;

interface PlacedPart {
  readonly part: Part;
  /** `segment 12 part 3`. */
  readonly name: string;
  readonly isLast: boolean;
}

/** See {@link checkAuthoring}. */
export const lowLatencyRules: readonly Rule<MediaPlaylist>[] = [
  {
    id: "part-target-present",
    severity: "must",
    source: "RFC 8216bis §4.4.3.7",
    check(playlist, report) {
      if (isLowLatency(playlist) && playlist.partTarget === undefined) report("there are parts, and no EXT-X-PART-INF");
    },
  },
  {
    id: "part-duration-max",
    severity: "must",
    source: "RFC 8216bis §4.4.3.7",
    check(playlist, report) {
      const target = playlist.partTarget;
      if (target === undefined) return;
      for (const { part, name } of allParts(playlist)) {
        if (part.duration > target + EPSILON)
          report(`${name} lasts ${s(part.duration)}, above the part target of ${s(target)}`);
      }
    },
  },
  {
    id: "part-duration-min",
    severity: "must",
    source: "RFC 8216bis §4.4.3.7",
    check(playlist, report) {
      const target = playlist.partTarget;
      if (target === undefined) return;
      for (const { part, name, isLast } of allParts(playlist)) {
        if (!isLast && !part.gap && part.duration < 0.85 * target - EPSILON) {
          report(
            `${name} lasts ${s(part.duration)}, below 85 % of the part target of ${s(target)}, and is not the last of its segment`,
          );
        }
      }
    },
  },
  {
    id: "part-sum",
    severity: "should",
    source: "RFC 8216bis §4.4.4.9",
    check(playlist, report) {
      for (const { segment, mediaSequence } of placeSegments(playlist)) {
        if (segment.parts === undefined) continue;
        const sum = segment.parts.reduce((seconds, part) => seconds + part.duration, 0);
        if (Math.abs(sum - segment.duration) > SUM_TOLERANCE) {
          report(
            `the parts of segment ${mediaSequence} add up to ${s(sum)}, and its EXTINF says ${s(segment.duration)}`,
          );
        }
      }
    },
  },
  {
    id: "parts-only-at-live-edge",
    severity: "should",
    source: "RFC 8216bis §6.2.2",
    check(playlist, report) {
      for (const { segment, mediaSequence, fromEnd } of placeSegments(playlist)) {
        if (segment.parts !== undefined && fromEnd > 3 * playlist.targetDuration + EPSILON) {
          report(
            `segment ${mediaSequence} still has parts, ${s(fromEnd)} from the end: more than three target durations`,
          );
        }
      }
    },
  },
  {
    id: "parts-at-live-edge",
    severity: "should",
    source: "RFC 8216bis §4.4.4.9, Appendix B.1",
    check(playlist, report) {
      if (!isLowLatency(playlist) || !isLive(playlist)) return;
      for (const { segment, mediaSequence, fromEnd } of placeSegments(playlist)) {
        if (
          segment.parts === undefined &&
          !segment.gap &&
          fromEnd + segment.duration < 3 * playlist.targetDuration - EPSILON
        ) {
          report(`segment ${mediaSequence} lies within three target durations from the end, and has no parts`);
        }
      }
    },
  },
  {
    id: "part-unique",
    severity: "must",
    source: "RFC 8216bis §4.4.4.9",
    check(playlist, report) {
      const seen = new Map<string, string>();
      for (const { part, name } of allParts(playlist)) {
        const key = `${part.uri}@${part.byteRange?.offset ?? ""}`;
        const other = seen.get(key);
        if (other !== undefined) report(`${name} is the same resource as ${other}`);
        seen.set(key, name);
      }
    },
  },
  {
    id: "first-part-independent",
    severity: "must",
    source: "RFC 8216bis §4.4.4.9, §4.4.2.1",
    check(playlist, report) {
      // Segments that all start with a keyframe make their first parts independent; clients cannot join where that is not said.
      if (!playlist.independentSegments) return;
      for (const { segment, mediaSequence } of placeSegments(playlist)) {
        const first = segment.parts?.[0];
        if (first !== undefined && !first.independent && !first.gap)
          report(`the first part of segment ${mediaSequence} is not INDEPENDENT`);
      }
      const first = playlist.openSegment?.parts[0];
      if (first !== undefined && !first.independent && !first.gap)
        report("the first part of the segment still being made is not INDEPENDENT");
    },
  },
  {
    id: "part-hold-back-present",
    severity: "must",
    source: "RFC 8216bis §4.4.3.8",
    check(playlist, report) {
      if (playlist.partTarget !== undefined && playlist.serverControl?.partHoldBack === undefined)
        report("EXT-X-PART-INF without PART-HOLD-BACK");
    },
  },
  {
    id: "part-hold-back",
    severity: "must",
    source: "RFC 8216bis §4.4.3.8",
    check: (playlist, report) => checkPartHoldBack(playlist, 2, report),
  },
  {
    id: "part-hold-back-three-targets",
    severity: "must",
    source: `${APPLE} 14.3; RFC 8216bis §4.4.3.8`,
    check: (playlist, report) => checkPartHoldBack(playlist, 3, report),
  },
  {
    id: "can-block-reload",
    severity: "must",
    source: "RFC 8216bis Appendix B.1",
    check(playlist, report) {
      if (isLowLatency(playlist) && isLive(playlist) && !playlist.serverControl?.canBlockReload)
        report("parts without CAN-BLOCK-RELOAD=YES");
    },
  },
  {
    id: "preload-hint",
    severity: "must",
    source: "RFC 8216bis §4.4.5.3, Appendix B.1",
    check(playlist, report) {
      if (!isLowLatency(playlist) || !isLive(playlist)) return;
      if (!playlist.preloadHints?.some((hint) => hint.type === "PART")) report("the next part is not hinted");
    },
  },
  {
    id: "preload-hint-once",
    severity: "should",
    source: "RFC 8216bis §6.2.6",
    check(playlist, report) {
      for (const type of ["PART", "MAP"] as const) {
        const hints = playlist.preloadHints?.filter((hint) => hint.type === type) ?? [];
        if (hints.length > 1) report(`${hints.length} hints of TYPE=${type}`);
      }
    },
  },
  {
    id: "preload-hint-is-next",
    severity: "must",
    source: "RFC 8216bis §4.4.5.3",
    check(playlist, report) {
      for (const hint of playlist.preloadHints ?? []) {
        const listed = hint.type === "PART" ? allParts(playlist).find(({ part }) => isListed(part, hint)) : undefined;
        if (listed !== undefined) report(`${listed.name} is hinted although it is listed already`);
      }
    },
  },
  {
    id: "nothing-after-end",
    severity: "should",
    source: "RFC 8216bis §4.4.3.4, §6.2.1",
    check(playlist, report) {
      if (!playlist.endList) return;
      if (playlist.preloadHints !== undefined) report("an ended playlist hints at more");
      if (playlist.openSegment !== undefined)
        report("an ended playlist has parts of a segment that was never finished");
    },
  },
  {
    id: "rendition-report-complete",
    severity: "must",
    source: "RFC 8216bis §4.4.5.4",
    check(playlist, report) {
      for (const { uri, lastMsn, lastPart } of playlist.renditionReports ?? []) {
        if (lastMsn === undefined) report(`the report of ${uri} has no LAST-MSN`);
        else if (lastPart === undefined && isLowLatency(playlist)) report(`the report of ${uri} has no LAST-PART`);
      }
    },
  },
];

function checkPartHoldBack(playlist: MediaPlaylist, times: number, report: (message: string) => void): void {
  const holdBack = playlist.serverControl?.partHoldBack;
  const target = playlist.partTarget;
  if (holdBack === undefined || target === undefined || holdBack >= times * target - EPSILON) return;
  report(`PART-HOLD-BACK is ${s(holdBack)}, below ${times} part targets of ${s(target)}`);
}

function isListed(part: Part, hint: PreloadHint): boolean {
  if (part.uri !== hint.uri) return false;
  const range = part.byteRange;
  return range?.offset === undefined || range.offset + range.length > (hint.byteRangeStart ?? 0);
}

function allParts(playlist: MediaPlaylist): readonly PlacedPart[] {
  const placed: PlacedPart[] = [];
  let mediaSequence = firstNumber(playlist);
  for (const parts of [...playlist.segments.map((item) => item.parts ?? []), playlist.openSegment?.parts ?? []]) {
    // The last part so far may turn out to be the last of its segment.
    for (const [index, part] of parts.entries())
      placed.push({ part, name: `segment ${mediaSequence} part ${index}`, isLast: index === parts.length - 1 });
    mediaSequence += 1;
  }
  return placed;
}
