/** Rules over one media playlist, of any latency. */
import type { DateRange, MediaPlaylist } from "../media-playlist.ts";
import { mediaPlaylistVersion } from "../version.ts";
import { APPLE, EPSILON, firstNumber, isLive, placeSegments, playlistDuration, type Rule, s } from "./rule.ts";

const FRAGMENTED_MP4 = /\.(?:m4s|mp4|m4v|m4a|cmfv|cmfa|cmft)(?:[?#]|$)/i;
/** How far the wall clock may be from the sum of durations, seconds. */
const CLOCK_TOLERANCE = 0.05;

/** See {@link checkAuthoring}. */
export const mediaRules: readonly Rule<MediaPlaylist>[] = [
  {
    id: "target-duration",
    severity: "must",
    source: `RFC 8216bis §4.4.3.1, §6.2.1; ${APPLE} 7.7`,
    check(playlist, report) {
      for (const { segment, mediaSequence } of placeSegments(playlist)) {
        if (Math.round(segment.duration) > playlist.targetDuration) {
          report(
            `segment ${mediaSequence} lasts ${s(segment.duration)}, which rounds above the target duration of ${playlist.targetDuration} s`,
          );
        }
      }
    },
  },
  {
    id: "segment-duration",
    severity: "should",
    source: "RFC 8216bis §4.4.4.1",
    check(playlist, report) {
      for (const { segment, mediaSequence } of placeSegments(playlist)) {
        if (segment.duration <= 0) report(`segment ${mediaSequence} has no duration`);
      }
    },
  },
  {
    id: "version",
    severity: "must",
    source: "RFC 8216bis §8",
    check(playlist, report) {
      const { version = 1, serverControl: _, ...rest } = playlist;
      // What a server offers needs no version; only what the playlist holds does.
      const needed = mediaPlaylistVersion(rest);
      if (version < needed) report(`EXT-X-VERSION is ${version}, and what is used needs ${needed}`);
    },
  },
  {
    id: "map-present",
    severity: "must",
    source: `RFC 8216bis §3.1.2; ${APPLE} 8.20`,
    check(playlist, report) {
      const bare = playlist.segments.findIndex((item) => item.map === undefined && FRAGMENTED_MP4.test(item.uri));
      // A delta update inherits the map of what it skips.
      if (bare !== -1 && playlist.skip === undefined)
        report(`segment ${firstNumber(playlist) + bare} is fragmented MP4 without EXT-X-MAP`);
    },
  },
  {
    id: "independent-segments",
    severity: "should",
    source: `RFC 8216bis §4.4.2.1; ${APPLE} 9.11, 9.12`,
    check(playlist, report) {
      if (!playlist.independentSegments && !playlist.iFramesOnly)
        report("EXT-X-INDEPENDENT-SEGMENTS lacks, so clients cannot switch anywhere");
    },
  },
  {
    id: "program-date-time",
    severity: "must",
    source: `${APPLE} 8.4; RFC 8216bis Appendix B.1`,
    check(playlist, report) {
      const first = playlist.segments[0];
      if (first === undefined || playlist.skip !== undefined || !isLive(playlist)) return;
      if (playlist.segments.every((item) => item.programDateTime === undefined))
        report("a live playlist has no EXT-X-PROGRAM-DATE-TIME");
    },
  },
  {
    id: "program-date-time-continuous",
    severity: "should",
    source: "RFC 8216bis §4.4.4.6, §6.2.1",
    check(playlist, report) {
      let expected: number | undefined;
      for (const { segment, mediaSequence } of placeSegments(playlist)) {
        if (segment.discontinuity) expected = undefined;
        const actual = segment.programDateTime;
        if (actual !== undefined && expected !== undefined && Math.abs(actual - expected) > CLOCK_TOLERANCE * 1000) {
          report(
            `segment ${mediaSequence} is ${s((actual - expected) / 1000)} off the date that the durations before it add up to`,
          );
        }
        const start = actual ?? expected;
        expected = start === undefined ? undefined : start + segment.duration * 1000;
      }
    },
  },
  {
    id: "program-date-time-after-discontinuity",
    severity: "should",
    source: "RFC 8216bis §6.2.1",
    check(playlist, report) {
      if (playlist.segments.every((item) => item.programDateTime === undefined)) return;
      for (const { segment, mediaSequence } of placeSegments(playlist)) {
        if (segment.discontinuity && segment.programDateTime === undefined) {
          report(`segment ${mediaSequence} is discontinuous and has no date of its own`);
        }
      }
    },
  },
  {
    id: "discontinuity-sequence-present",
    severity: "must",
    source: `RFC 8216bis §4.4.3.3, §6.2.2; ${APPLE} 8.17`,
    check(playlist, report) {
      if (!isLive(playlist) || playlist.playlistType === "EVENT" || playlist.discontinuitySequence !== undefined)
        return;
      if (playlist.segments.some((item) => item.discontinuity)) {
        report("a sliding playlist has EXT-X-DISCONTINUITY without EXT-X-DISCONTINUITY-SEQUENCE");
      }
    },
  },
  {
    id: "vod-ended",
    severity: "must",
    source: "RFC 8216bis §4.4.3.5, §6.2.1",
    check(playlist, report) {
      if (playlist.playlistType === "VOD" && !playlist.endList)
        report("a VOD playlist cannot change, and yet has no EXT-X-ENDLIST");
    },
  },
  {
    id: "date-range",
    severity: "must",
    source: "RFC 8216bis §4.4.5.1",
    check(playlist, report) {
      const started = new Set<string>();
      for (const range of playlist.dateRanges ?? []) {
        if (range.startDate !== undefined) started.add(range.id);
        const problem = dateRangeProblem(range);
        if (problem !== undefined) report(`date range ${JSON.stringify(range.id)} ${problem}`);
        else if (!started.has(range.id)) report(`date range ${JSON.stringify(range.id)} has no START-DATE`);
      }
      if (
        started.size > 0 &&
        playlist.skip === undefined &&
        playlist.segments.every((item) => item.programDateTime === undefined)
      ) {
        report("date ranges without EXT-X-PROGRAM-DATE-TIME have no place in time");
      }
    },
  },
  {
    id: "date-range-unique",
    severity: "must",
    source: "RFC 8216bis §4.4.5.1",
    check(playlist, report) {
      const seen = new Map<string, DateRange>();
      for (const range of playlist.dateRanges ?? []) {
        const other = seen.get(range.id);
        seen.set(range.id, { ...other, ...range });
        if (other === undefined) continue;
        for (const name of ["class", "startDate", "endDate", "duration", "plannedDuration"] as const) {
          if (other[name] !== undefined && range[name] !== undefined && other[name] !== range[name]) {
            report(`two date ranges ${JSON.stringify(range.id)} differ in ${name}`);
          }
        }
      }
    },
  },
  {
    id: "hold-back",
    severity: "must",
    source: "RFC 8216bis §4.4.3.8",
    check(playlist, report) {
      const holdBack = playlist.serverControl?.holdBack;
      if (holdBack !== undefined && holdBack < 3 * playlist.targetDuration - EPSILON) {
        report(`HOLD-BACK is ${s(holdBack)}, below three target durations of ${playlist.targetDuration} s`);
      }
    },
  },
  {
    id: "can-skip-until",
    severity: "must",
    source: "RFC 8216bis §4.4.3.8",
    check(playlist, report) {
      const until = playlist.serverControl?.canSkipUntil;
      if (until !== undefined && until < 6 * playlist.targetDuration - EPSILON) {
        report(`CAN-SKIP-UNTIL is ${s(until)}, below six target durations of ${playlist.targetDuration} s`);
      }
    },
  },
  {
    id: "can-skip-dateranges",
    severity: "must",
    source: "RFC 8216bis §4.4.3.8",
    check(playlist, report) {
      const control = playlist.serverControl;
      if (control?.canSkipDateRanges && control.canSkipUntil === undefined)
        report("CAN-SKIP-DATERANGES without CAN-SKIP-UNTIL");
    },
  },
  {
    id: "skip-boundary",
    severity: "must",
    source: "RFC 8216bis §6.2.5.1",
    check(playlist, report) {
      if (playlist.skip === undefined) return;
      const until = playlist.serverControl?.canSkipUntil;
      const left = playlistDuration(playlist);
      if (until === undefined) report("a delta update from a server that does not offer CAN-SKIP-UNTIL");
      else if (left < until - EPSILON)
        report(`only ${s(left)} are left, and the skip boundary is ${s(until)} from the end`);
    },
  },
];

function dateRangeProblem(range: DateRange): string | undefined {
  if (range.endOnNext && range.class === undefined) return "has END-ON-NEXT without CLASS";
  if (range.endOnNext && (range.duration !== undefined || range.endDate !== undefined))
    return "has END-ON-NEXT and an end of its own";
  if (range.startDate === undefined || range.endDate === undefined) return undefined;
  if (range.endDate < range.startDate) return "ends before it starts";
  if (range.duration === undefined) return undefined;
  return Math.abs(range.startDate + range.duration * 1000 - range.endDate) > 1
    ? "has a DURATION and an END-DATE that contradict"
    : undefined;
}
