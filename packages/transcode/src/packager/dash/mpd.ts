/** The MPD of a live window: a SegmentTimeline that also lists the segment being made and, by estimate, the next one. */

import type {
  AdaptationSet,
  Descriptor,
  Mpd,
  Period as MpdPeriod,
  Representation,
  TimelineEntry,
  Track,
} from "@ami-streams/media";
import type { PlaylistState } from "../hls/playlist-state.ts";
import type { LiveRendition } from "../live-rendition.ts";
import type { LiveWindow, Period } from "../live-window.ts";
import type { Segment } from "../segment.ts";

/** What an MPD says beside its segments. */
export interface MpdState extends PlaylistState {
  /** Milliseconds since the Unix epoch, the same for the life of the stream. */
  readonly availabilityStart: number;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Seconds. */
  readonly segmentDuration: number;
  /** Seconds behind the source that players should stay. */
  readonly latency: number;
  /** Seconds that the window lists. */
  readonly window: number;
  /** URL of the clock, relative to the MPD. */
  readonly time: string;
}

/** Seconds between updates: less than a segment, so that the next one is always announced before it begins. */
const UPDATE_PERIOD = 1;
const ENCODER_REFERENCE = 0;

/**
 * Segments are listed before they are whole, with the duration that the one before had, so that low-latency clients ask for them while they grow;
 * `$Number$` names them, which an estimate that turns out wrong does not change.
 */
export function mpd(window: LiveWindow, state: MpdState): Mpd {
  const listed = listedPeriods(window, state);
  // Until the next one can be listed, nothing is to be expected of the one before it, as while its publisher is away.
  const at = { ...state, away: state.away || window.awaitsSession || listed.length < window.periods.length };
  const periods = listed.map((period, index) => writtenPeriod(window, period, listed[index + 1], at));
  const filled = periods.filter((period) => period.adaptationSets.length > 0);
  return {
    profiles: ["urn:mpeg:dash:profile:isoff-live:2011", "http://www.dashif.org/guidelines/low-latency-live-v5"],
    ...(state.ended ? { type: "static", mediaPresentationDuration: presentationEnd(window, state) } : liveness(state)),
    publishTime: Math.round(state.now),
    minBufferTime: state.partTarget,
    maxSegmentDuration: state.targetDuration,
    serviceDescriptions: [
      {
        id: 0,
        latency: {
          target: state.latency * 1000,
          min: state.latency * 500,
          max: state.latency * 3000,
          referenceId: ENCODER_REFERENCE,
        },
        playbackRate: { min: 0.96, max: 1.04 },
      },
    ],
    periods: filled,
    utcTimings: [clock(state)],
  };
}

/** Whether every rendition has something in the newest period: players choose their tracks when they first see one, and look for no others later. */
export function isNewestPeriodWhole(window: LiveWindow, state: PlaylistState): boolean {
  const newest = window.periods.at(-1);
  if (newest === undefined) return false;
  for (const rendition of window.renditions) {
    if (rendition.active && segmentsOf(window, rendition, newest, state).length === 0) return false;
  }
  return true;
}

/** The only one there is, is listed as it is. */
function listedPeriods(window: LiveWindow, state: MpdState): readonly Period[] {
  const { periods } = window;
  return periods.length > 1 && !isNewestPeriodWhole(window, state) ? periods.slice(0, -1) : periods;
}

function clock({ time }: MpdState) {
  return { schemeIdUri: "urn:mpeg:dash:utc:http-xsdate:2014", value: time };
}

function liveness(state: MpdState) {
  return {
    type: "dynamic" as const,
    availabilityStartTime: Math.round(state.availabilityStart),
    minimumUpdatePeriod: UPDATE_PERIOD,
    timeShiftBufferDepth: state.window,
    suggestedPresentationDelay: state.latency,
  };
}

function writtenPeriod(window: LiveWindow, period: Period, next: Period | undefined, state: MpdState): MpdPeriod {
  const sets = new Map<string, AdaptationSet>();
  for (const rendition of window.renditions) {
    if (!rendition.active) continue;
    const segments = segmentsOf(window, rendition, period, state);
    const first = segments[0];
    if (first === undefined) continue;
    const { track } = first.init;
    const key = `${track.kind} ${track.codec.slice(0, 4)} ${track.language ?? ""}`;
    const representation = writtenRepresentation(window, rendition, segments, period, state, next !== undefined);
    const before = sets.get(key);
    if (before !== undefined)
      sets.set(key, { ...before, representations: [...before.representations, representation] });
    else sets.set(key, writtenSet(sets.size, track, representation, period, state));
  }
  const start = (period.start.programDateTime - state.availabilityStart) / 1000;
  return {
    id: String(period.id),
    start: milliseconds(start),
    ...(next === undefined ? {} : { duration: milliseconds(periodEnd(window, period, next) - period.start.time) }),
    adaptationSets: [...sets.values()],
  };
}

function writtenSet(
  id: number,
  track: Track,
  representation: Representation,
  period: Period,
  state: MpdState,
): AdaptationSet {
  return {
    id,
    contentType: track.kind,
    mimeType: `${track.kind}/mp4`,
    segmentAlignment: true,
    ...(track.kind === "video" ? { startWithSap: 1 } : {}),
    ...(track.language === undefined ? {} : { lang: track.language }),
    ...(track.kind === "audio" ? { audioChannelConfigurations: [channels(track.channels)] } : {}),
    roles: [{ schemeIdUri: "urn:mpeg:dash:role:2011", value: "main" }],
    producerReferenceTimes: [
      {
        id: ENCODER_REFERENCE,
        inband: true,
        type: "encoder",
        wallClockTime: Math.round(period.start.programDateTime),
        presentationTime: Math.round(period.start.time * track.timescale),
        // Without it wallClockTime is taken for an NTP timestamp (shaka-player).
        utcTiming: clock(state),
      },
    ],
    representations: [representation],
  };
}

function writtenRepresentation(
  window: LiveWindow,
  rendition: LiveRendition,
  segments: readonly Segment[],
  period: Period,
  state: MpdState,
  over: boolean,
): Representation {
  const first = segments[0]!;
  const { init } = first;
  const { track } = init;
  const { timescale } = track;
  const live = !over && !state.ended;
  return {
    id: rendition.id,
    bandwidth: rendition.bandwidth,
    codecs: [track.codec],
    ...(track.kind === "video"
      ? { width: track.width, height: track.height, ...frameRate(rendition.frameRate) }
      : { audioSamplingRate: String(track.sampleRate) }),
    segmentTemplate: {
      timescale,
      presentationTimeOffset: Math.round(period.start.time * timescale),
      startNumber: first.number,
      ...(live ? { availabilityTimeOffset: milliseconds(Math.max(0, state.segmentDuration - state.partTarget)) } : {}),
      ...(live ? { availabilityTimeComplete: false } : {}),
      initialization: `$RepresentationID$/${init.name}`,
      media: `$RepresentationID$/${rendition.prefix}-$Number$.m4s`,
      timeline: timeline(segments, live && !state.away ? expectation(window, rendition, segments, state) : []),
    },
  };
}

/** Ticks at which the open segment, or the next where there is none, is expected to end, and the one after it. */
function expectation(
  window: LiveWindow,
  rendition: LiveRendition,
  segments: readonly Segment[],
  state: MpdState,
): readonly number[] {
  const last = segments.at(-1)!;
  const first = last.complete ? last.number + 2 : last.number + 1;
  return [first, first + 1]
    .slice(0, last.complete ? 1 : 2)
    .map((number) => rendition.ticksFrom(last.startTicks, window.startOf(number, state.segmentDuration)));
}

/** @param expected - ticks at which segments that are not whole yet will end. */
function timeline(segments: readonly Segment[], expected: readonly number[]): TimelineEntry[] {
  const entries: { t?: number; d: number; r?: number }[] = [];
  let end: number | undefined;
  const list = (start: number, ticks: number): void => {
    if (ticks <= 0) return;
    const last = entries.at(-1);
    if (last !== undefined && start === end && last.d === ticks) last.r = (last.r ?? 0) + 1;
    else if (start === end) entries.push({ d: ticks });
    else entries.push({ t: start, d: ticks });
    end = start + ticks;
  };
  const ends = [...expected];
  for (const { startTicks, complete, ticks } of segments) {
    list(startTicks, complete ? ticks : Math.max(1, (ends.shift() ?? startTicks + 1) - startTicks));
  }
  for (const next of ends) if (end !== undefined) list(end, next - end);
  return entries;
}

function segmentsOf(
  window: LiveWindow,
  rendition: LiveRendition,
  period: Period,
  state: PlaylistState,
): readonly Segment[] {
  const listed = window.listed(rendition);
  const { open } = rendition;
  const all = open === undefined || open.parts.length === 0 || state.ended ? listed : [...listed, open];
  return all.filter((segment) => segment.boundary.discontinuitySequence === period.id);
}

/** Presentation time at which a period that is over ends. */
function periodEnd(window: LiveWindow, period: Period, next: Period): number {
  let end = period.start.time;
  for (const rendition of window.renditions) {
    for (const segment of rendition.segments) {
      if (segment.boundary.discontinuitySequence !== period.id) continue;
      const { timescale } = segment.init.track;
      end = Math.max(end, (segment.startTicks + segment.ticks) / timescale);
    }
  }
  const gap = (next.start.programDateTime - period.start.programDateTime) / 1000;
  return Math.min(end, period.start.time + gap);
}

function presentationEnd(window: LiveWindow, state: MpdState): number {
  const period = window.periods.at(-1);
  if (period === undefined) return 0;
  let end = 0;
  for (const rendition of window.renditions) {
    const last = window.listed(rendition).at(-1);
    if (last !== undefined)
      end = Math.max(end, (last.programDateTime - state.availabilityStart) / 1000 + last.duration);
  }
  return milliseconds(end);
}

function channels(count: number): Descriptor {
  return { schemeIdUri: "urn:mpeg:dash:23003:3:audio_channel_configuration:2011", value: String(count) };
}

/** As DASH writes it: 30 or 30000/1001. */
function frameRate(rate: number | undefined): { frameRate?: string } {
  if (rate === undefined) return {};
  const ntsc = Math.round((rate * 1001) / 1000);
  if (Math.abs(rate - Math.round(rate)) < 0.001) return { frameRate: String(Math.round(rate)) };
  if (Math.abs(rate - (ntsc * 1000) / 1001) < 0.005) return { frameRate: `${ntsc * 1000}/1001` };
  return { frameRate: `${Math.round(rate * 1000)}/1000` };
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
