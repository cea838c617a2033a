/** A sound low-latency presentation for tests: 2 s segments of four 0.5 s parts, video and audio, ten segments in the window. */
import type { InitSection, MediaPlaylist, Part, Segment } from "../media-playlist.ts";
import type { MultivariantPlaylist } from "../multivariant-playlist.ts";
import type { AuthoringMedia, AuthoringPresentation } from "./rule.ts";

const EPOCH = Date.UTC(2026, 0, 1);

/** The init section that all segments of a playlist share. */
export const map: InitSection = { uri: "init.mp4" };

/** One whole segment. */
export function segment(number: number, hasParts: boolean): Segment {
  return {
    uri: `s${number}.m4s`,
    duration: 2,
    map,
    programDateTime: EPOCH + number * 2000,
    ...(hasParts && { parts: parts(number, 4) }),
  };
}

/** The first parts of a segment. */
export function parts(number: number, count: number): Part[] {
  return Array.from({ length: count }, (_, index) => ({
    uri: `s${number}.p${index}.m4s`,
    duration: 0.5,
    ...(index === 0 && { independent: true }),
  }));
}

/** The playlist while segment `msn` is being made, `done` parts of it listed. */
export function live(msn: number, done: number, other = "../audio/index.m3u8"): MediaPlaylist {
  const first = msn - 10;
  return {
    type: "media",
    version: 9,
    targetDuration: 2,
    mediaSequence: first,
    discontinuitySequence: 0,
    independentSegments: true,
    partTarget: 0.5,
    serverControl: { canBlockReload: true, canSkipUntil: 12, holdBack: 6, partHoldBack: 1.5 },
    // Segments that begin less than three target durations from the end have parts.
    segments: Array.from({ length: 10 }, (_, index) => segment(first + index, (10 - index) * 2 + done / 2 < 6)),
    ...(done > 0 && { openSegment: { map, parts: parts(msn, done), programDateTime: EPOCH + msn * 2000 } }),
    preloadHints: [{ type: "PART", uri: `s${msn}.p${done}.m4s` }],
    renditionReports: [{ uri: other, lastMsn: msn, lastPart: Math.max(done - 1, 0) }],
  };
}

/** A finished recording. */
export function recording(): MediaPlaylist {
  return {
    type: "media",
    version: 7,
    targetDuration: 2,
    mediaSequence: 0,
    playlistType: "VOD",
    independentSegments: true,
    segments: Array.from({ length: 5 }, (_, index) => segment(index, false)),
    endList: true,
  };
}

/** The multivariant playlist of the presentation. */
export const multivariant: MultivariantPlaylist = {
  type: "multivariant",
  version: 6,
  independentSegments: true,
  renditions: [
    {
      type: "AUDIO",
      groupId: "audio",
      name: "English",
      language: "en",
      default: true,
      autoselect: true,
      uri: "audio/index.m3u8",
      channels: "2",
    },
  ],
  variants: [
    {
      uri: "video/index.m3u8",
      bandwidth: 2_200_000,
      averageBandwidth: 2_100_000,
      codecs: ["avc1.64001f", "mp4a.40.2"],
      resolution: { width: 1280, height: 720 },
      frameRate: 29.97,
      audio: "audio",
    },
  ],
};

/** Video with its facts: every segment has 2 Mb/s. */
export function video(msn = 110, done = 2): AuthoringMedia {
  const playlist = live(msn, done);
  return {
    uri: "video/index.m3u8",
    playlist,
    segmentBytes: sizes(playlist, 500_000),
    codecs: ["avc1.64001f"],
    resolution: { width: 1280, height: 720 },
    frameRate: 30_000 / 1001,
  };
}

/** Audio with its facts: every segment has 128 kb/s. */
export function audio(msn = 110, done = 2): AuthoringMedia {
  const playlist = live(msn, done, "../video/index.m3u8");
  return { uri: "audio/index.m3u8", playlist, segmentBytes: sizes(playlist, 16_000 * 2), codecs: ["mp4a.40.2"] };
}

/** The same size for every segment. */
export function sizes(playlist: MediaPlaylist, bytes: number): Record<string, number> {
  return Object.fromEntries(playlist.segments.map(({ uri }) => [uri, bytes]));
}

/** All of it. */
export function presentation(): AuthoringPresentation {
  return { multivariant, media: [video(), audio()] };
}
