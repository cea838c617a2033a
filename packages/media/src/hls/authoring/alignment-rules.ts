/** Rules over the media playlists of a presentation, side by side. */
import type { MediaPlaylist } from "../media-playlist.ts";
import { nameOf, resolvePath } from "./presentation.ts";
import {
  APPLE,
  type AuthoringMedia,
  type AuthoringPresentation,
  isLive,
  isLowLatency,
  type PlacedSegment,
  placeSegments,
  type Rule,
  s,
} from "./rule.ts";

/** Two frames of AAC at 44.1 kHz: audio cannot be cut where video is. */
const BOUNDARY_TOLERANCE = 0.05;

/** See {@link checkAuthoring}. */
export const alignmentRules: readonly Rule<AuthoringPresentation>[] = [
  {
    id: "same-target-duration",
    severity: "must",
    source: `RFC 8216bis §6.2.4; ${APPLE} 5.6, 6.11, 8.2`,
    check(presentation, report) {
      const subtitles = new Set(
        presentation.multivariant.renditions?.filter(({ type }) => type === "SUBTITLES").map(({ uri }) => uri),
      );
      // Subtitles and I-frames of recordings may have another.
      const bound = presentation.media.filter(
        ({ uri, playlist }) => playlist.playlistType !== "VOD" || !(playlist.iFramesOnly || subtitles.has(uri)),
      );
      same(
        bound,
        (playlist) => playlist.targetDuration,
        (media, value, first, expected) =>
          report(`EXT-X-TARGETDURATION is ${value}, and that of ${first} is ${expected}`, media),
      );
    },
  },
  {
    id: "same-server-control",
    severity: "must",
    source: "RFC 8216bis §6.2.4",
    check: ({ media }, report) =>
      same(media, serverControl, (name, value, first, expected) =>
        report(`EXT-X-SERVER-CONTROL says ${value}, and that of ${first} ${expected}`, name),
      ),
  },
  {
    // PART-HOLD-BACK is the same everywhere, and hangs on it.
    id: "same-part-target",
    severity: "should",
    source: "RFC 8216bis §4.4.3.8, §6.2.4",
    check: ({ media }, report) =>
      same(
        media.filter(({ playlist }) => !playlist.iFramesOnly),
        (playlist) => playlist.partTarget ?? "none",
        (name, value, first, expected) => report(`PART-TARGET is ${value}, and that of ${first} is ${expected}`, name),
      ),
  },
  {
    id: "same-playlist-type",
    severity: "must",
    source: "RFC 8216bis §6.2.4",
    check: ({ media }, report) =>
      same(
        media,
        (playlist) => playlist.playlistType ?? "none",
        (name, value, first, expected) =>
          report(`EXT-X-PLAYLIST-TYPE is ${value}, and that of ${first} is ${expected}`, name),
      ),
  },
  {
    id: "program-date-time-everywhere",
    severity: "must",
    source: "RFC 8216bis §6.2.4",
    check({ media }, report) {
      const dated = media.filter(({ playlist }) =>
        playlist.segments.some((item) => item.programDateTime !== undefined),
      );
      if (dated.length === 0) return;
      for (const item of media) {
        if (item.playlist.segments.length > 0 && !dated.includes(item))
          report("other renditions have EXT-X-PROGRAM-DATE-TIME, and this has none", nameOf(item));
      }
    },
  },
  {
    id: "aligned-boundaries",
    severity: "must",
    source: `RFC 8216bis §6.2.4; ${APPLE} 8.22`,
    check(presentation, report) {
      pairs(presentation, (media, common, first) => {
        let own = 0;
        let other = 0;
        for (const [here, there] of common) {
          // Without dates, from the first segment that both have.
          const drift = startTime(here, there) ?? own - other;
          if (Math.abs(drift) > BOUNDARY_TOLERANCE) {
            report(`segment ${here.mediaSequence} starts ${s(drift)} away from that of ${first}`, media);
            return;
          }
          own += here.segment.duration;
          other += there.segment.duration;
        }
      });
    },
  },
  {
    id: "aligned-discontinuities",
    severity: "must",
    source: `RFC 8216bis §6.2.4; ${APPLE} 8.15`,
    check(presentation, report) {
      pairs(presentation, (media, common, first) => {
        const apart = common.find(([here, there]) => here.discontinuitySequence !== there.discontinuitySequence);
        if (apart === undefined) return;
        const [here, there] = apart;
        report(
          `segment ${here.mediaSequence} has the discontinuity sequence number ${here.discontinuitySequence}, and in ${first} ${there.discontinuitySequence}`,
          media,
        );
      });
    },
  },
  {
    id: "aligned-live-edge",
    severity: "should",
    source: "RFC 8216bis §6.2.4",
    check({ media }, report) {
      const live = media.filter(({ playlist }) => isLive(playlist) && playlist.segments.length > 0);
      const edge = Math.max(...live.map(({ playlist }) => lastNumber(playlist)));
      for (const item of live) {
        // Playlists are loaded one after the other, so one may be a segment ahead.
        const last = lastNumber(item.playlist);
        if (edge - last > 1) report(`the last segment is ${last}, and other renditions are at ${edge}`, nameOf(item));
      }
    },
  },
  {
    id: "independent-segments-everywhere",
    severity: "should",
    source: `RFC 8216bis §4.4.2.1; ${APPLE} 9.11, 9.12`,
    check({ multivariant, media }, report) {
      if (multivariant.independentSegments) return;
      const without = media.filter(({ playlist }) => !playlist.independentSegments);
      if (media.length > 0 && without.length === media.length)
        report("neither the multivariant playlist nor any media playlist has EXT-X-INDEPENDENT-SEGMENTS");
    },
  },
  {
    id: "rendition-reports",
    severity: "must",
    source: "RFC 8216bis §4.4.5.4, Appendix B.1",
    check({ media }, report) {
      const lowLatency = media.filter(({ playlist }) => isLowLatency(playlist) && isLive(playlist));
      for (const item of lowLatency) {
        const reported = new Set(item.playlist.renditionReports?.map(({ uri }) => resolvePath(nameOf(item), uri)));
        for (const other of lowLatency) {
          if (other !== item && !reported.has(resolvePath("", nameOf(other))))
            report(`there is no report of ${nameOf(other)}`, nameOf(item));
        }
      }
    },
  },
  {
    id: "rendition-reports-near",
    severity: "should",
    source: "RFC 8216bis §4.4.5.4",
    check({ media }, report) {
      for (const item of media) {
        for (const { uri, lastMsn } of item.playlist.renditionReports ?? []) {
          const other = media.find(
            (candidate) => resolvePath("", nameOf(candidate)) === resolvePath(nameOf(item), uri),
          );
          if (other === undefined || lastMsn === undefined) continue;
          const edge = lastNumber(other.playlist) + (other.playlist.openSegment?.parts.length ? 1 : 0);
          if (Math.abs(edge - lastMsn) > 1)
            report(`the report of ${uri} says LAST-MSN=${lastMsn}, and that playlist is at ${edge}`, nameOf(item));
        }
      }
    },
  },
];

/** The attributes as one text to compare. */
function serverControl({ serverControl: control }: MediaPlaylist): string {
  if (control === undefined) return "nothing";
  const { canBlockReload = false, canSkipUntil, canSkipDateRanges = false, holdBack, partHoldBack } = control;
  const attributes = Object.entries({ canBlockReload, canSkipUntil, canSkipDateRanges, holdBack, partHoldBack });
  return attributes.map(([name, value]) => `${name} ${value ?? "none"}`).join(", ");
}

function same(
  media: readonly AuthoringMedia[],
  value: (playlist: MediaPlaylist) => number | string,
  differs: (media: string, value: number | string, first: string, expected: number | string) => void,
): void {
  const first = media[0];
  if (first === undefined) return;
  const expected = value(first.playlist);
  for (const item of media) {
    const actual = value(item.playlist);
    if (actual !== expected) differs(nameOf(item), actual, nameOf(first), expected);
  }
}

/** The segments that a playlist has in common with the first, by number. */
function pairs(
  { media }: AuthoringPresentation,
  compare: (
    media: string,
    common: readonly (readonly [here: PlacedSegment, there: PlacedSegment])[],
    first: string,
  ) => void,
): void {
  const comparable = media.filter(({ playlist }) => !playlist.iFramesOnly);
  const [first, ...others] = comparable;
  if (first === undefined) return;
  const byNumber = new Map(placeSegments(first.playlist).map((item) => [item.mediaSequence, item]));
  for (const item of others) {
    const common: [PlacedSegment, PlacedSegment][] = [];
    for (const here of placeSegments(item.playlist)) {
      const there = byNumber.get(here.mediaSequence);
      if (there !== undefined) common.push([here, there]);
    }
    compare(nameOf(item), common, nameOf(first));
  }
}

/** Seconds between the starts of two segments by their dates, where both have one. */
function startTime(here: PlacedSegment, there: PlacedSegment): number | undefined {
  const own = here.segment.programDateTime;
  const other = there.segment.programDateTime;
  return own === undefined || other === undefined ? undefined : (own - other) / 1000;
}

function lastNumber(playlist: AuthoringMedia["playlist"]): number {
  return playlist.mediaSequence + (playlist.skip?.skippedSegments ?? 0) + playlist.segments.length - 1;
}
