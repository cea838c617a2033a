/** Chooses the renditions for a source. Pure. */

import type { AudioTrack, Track, VideoTrack } from "@ami-streams/media";
import { TranscodeError } from "../errors.ts";
import { bitrateFor, bitrateRows } from "./bitrates.ts";
import { audioCodecOf, videoCodecOf } from "./codec.ts";
import type { AudioCodec, AudioSettings, Rung, VideoCodec, VideoSettings } from "./rung.ts";

/** Options of {@link createLadder}. */
export interface LadderOptions {
  /** Codecs that all viewers play, so that a source of one is passed through as first rung. Default `["h264"]`; `[]` encodes every rung. */
  readonly copyVideo?: readonly VideoCodec[];
  /** The same for audio. Default `["aac", "opus"]`. */
  readonly copyAudio?: readonly AudioCodec[];
  /** What encoded rungs are. Default `h264`. */
  readonly videoCodec?: VideoCodec;
  /** Video rungs at most, the first included; those between the largest and the smallest go first. At least 1. Default 4. */
  readonly maxRungs?: number;
  /** Height of the smallest 16:9 rung, in pixels; pictures of other shapes fit into that frame. Default 360. */
  readonly minHeight?: number;
  /** Shorter side in pixels above which nothing is encoded; a larger source may still be passed through. Default 1080. */
  readonly maxEncodedHeight?: number;
  /** Bits per second of encoded audio with two channels; one has three fifths. Default 128000. */
  readonly audioBitrate?: number;
  /** Leave video out. Default false. */
  readonly audioOnly?: boolean;
  /** Replaces the choice, or changes it: a list, or a function of the list made here. The result is checked as {@link checkLadder} does. */
  readonly rungs?: readonly Rung[] | ((rungs: readonly Rung[], tracks: readonly Track[]) => readonly Rung[]);
}

/** Below this share of the next larger rung's area, a rung is worth encoding. */
const maxAreaOfNext = 0.75;

/**
 * Chooses renditions: the source itself as first rung where viewers can play it, smaller ones below it, and one for each audio track.
 *
 * No rung is larger than the source in either direction; all keep its shape, to the nearest even pixel. Portrait and landscape follow
 * the same table. Above 30 frames per second small rungs take every second frame.
 *
 * @returns video rungs from large to small, then audio rungs; each kind on its own, see {@link Rung}.
 * @throws {TranscodeError} `NO_TRACKS` for a source without any; `INVALID_OPTION` for options or own rungs that make no sense.
 */
export function createLadder(tracks: readonly Track[], options: LadderOptions = {}): Rung[] {
  if (tracks.length === 0) throw new TranscodeError("NO_TRACKS", "the source has no tracks: wait until it has");
  if (typeof options.rungs === "object") return checkLadder(options.rungs, tracks);
  const rungs: Rung[] = [];
  const video = tracks.find((track) => track.kind === "video");
  if (video !== undefined && options.audioOnly !== true) rungs.push(...videoRungs(video, options));
  let audioNumber = 0;
  for (const track of tracks) {
    if (track.kind === "audio") rungs.push(audioRung(track, audioNumber++, options));
  }
  return checkLadder(options.rungs === undefined ? rungs : options.rungs(rungs, tracks), tracks);
}

function videoRungs(source: VideoTrack, options: LadderOptions): Rung[] {
  const { maxRungs = 4, minHeight = 360, maxEncodedHeight = 1080, videoCodec = "h264" } = options;
  if (!(Number.isInteger(maxRungs) && maxRungs >= 1)) {
    throw new TranscodeError("INVALID_OPTION", `maxRungs must be an integer from 1, not ${maxRungs}`);
  }
  const frameRate = source.frameRate ?? 30;
  const copied = isCopied(source, options.copyVideo ?? ["h264"]);
  const sizes: Size[] = copied ? [{ width: source.width, height: source.height }] : [];
  for (const row of bitrateRows) {
    if (row.short > maxEncodedHeight) continue;
    const size = fit(source, row);
    if (sizes.length > 0 && row.short < minHeight) continue;
    const larger = sizes.at(-1);
    if (larger !== undefined && !isWorthwhile(size, larger)) continue;
    sizes.push(size);
  }
  return thin(sizes, maxRungs).map((size, index) => {
    const name = `${shortSide(size)}p`;
    if (copied && index === 0) return { name, video: "copy", videoTrack: source.id };
    return { name, video: settingsFor(size, frameRate, source, videoCodec), videoTrack: source.id };
  });
}

/** Clearly smaller, also in the measure that names it. */
function isWorthwhile(size: Size, larger: Size): boolean {
  return area(size) <= area(larger) * maxAreaOfNext && shortSide(size) < shortSide(larger);
}

interface Size {
  readonly width: number;
  readonly height: number;
}

/** The largest even size of the source's shape inside a box that lies as the source does, and never above the source. */
function fit(source: Size, box: { long: number; short: number }): Size {
  const landscape = source.width >= source.height;
  const scale = Math.min(
    1,
    (landscape ? box.long : box.short) / source.width,
    (landscape ? box.short : box.long) / source.height,
  );
  return { width: even(source.width * scale, source.width), height: even(source.height * scale, source.height) };
}

/** Nearest even number, at least 2, and not above `limit` unless that is 1. */
function even(pixels: number, limit: number): number {
  const nearest = Math.round(pixels / 2) * 2;
  return Math.max(2, nearest > limit ? nearest - 2 : nearest);
}

function settingsFor(size: Size, sourceRate: number, source: VideoTrack, codec: VideoCodec): VideoSettings {
  const row = bitrateRows.findLast(({ long, short }) => long * short >= area(size) * 0.98) ?? bitrateRows[0]!;
  const frameRate = row.halvesFrameRate && sourceRate > 31 ? sourceRate / Math.round(sourceRate / 30) : sourceRate;
  const wanted = bitrateFor({ ...size, frameRate, codec });
  // A lean source gains nothing from rungs that are fatter than itself.
  const limit = source.bitrate === undefined ? wanted : source.bitrate * (area(size) / area(source)) ** 0.5;
  return { codec, ...size, frameRate, bitrate: Math.max(Math.min(wanted, Math.round(limit)), 50_000) };
}

/** Keeps the first and the last, and of the others those that leave even gaps, rather larger than smaller. */
function thin<T>(items: readonly T[], count: number): T[] {
  if (items.length <= count) return [...items];
  if (count === 1) return [items[0]!];
  return Array.from({ length: count }, (_, i) => items[Math.floor((i * (items.length - 1)) / (count - 1))]!);
}

function audioRung(track: AudioTrack, number: number, options: LadderOptions): Rung {
  const name = number === 0 ? "audio" : `audio-${number + 1}`;
  const codec = audioCodecOf(track);
  const copied = codec !== null && (options.copyAudio ?? ["aac", "opus"]).includes(codec);
  return { name, audio: copied ? "copy" : aacFor(track, options.audioBitrate ?? 128_000), audioTrack: track.id };
}

function aacFor(track: AudioTrack, bitrate: number): AudioSettings {
  const sampleRate = track.sampleRate === 44_100 || track.sampleRate === 32_000 ? track.sampleRate : 48_000;
  const channels = Math.min(track.channels, 2);
  return { codec: "aac", sampleRate, channels, bitrate: channels === 1 ? Math.round(bitrate * 0.6) : bitrate };
}

/** Constrained baseline to High of 8 bits 4:2:0 play everywhere; High 10 and above play hardly anywhere. */
const playableH264Profile = /^avc[13]\.(42|4d|58|64)/i;

function isCopied(source: VideoTrack, playable: readonly VideoCodec[]): boolean {
  const codec = videoCodecOf(source);
  if (codec === null || !playable.includes(codec)) return false;
  return codec !== "h264" || playableH264Profile.test(source.codec);
}

const area = ({ width, height }: Size) => width * height;
const shortSide = ({ width, height }: Size) => Math.min(width, height);

/**
 * Checks a ladder against a source.
 *
 * @throws {TranscodeError} `INVALID_OPTION` when a name is used twice or does not fit a URL, a rung has no media or refers to a track that is not
 * there, or settings cannot be encoded; `NO_TRACKS` when there are no rungs.
 */
export function checkLadder(rungs: readonly Rung[], tracks: readonly Track[]): Rung[] {
  const invalid = (message: string) => new TranscodeError("INVALID_OPTION", message);
  if (rungs.length === 0) throw new TranscodeError("NO_TRACKS", "the ladder has no rungs");
  const names = new Set<string>();
  for (const rung of rungs) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(rung.name))
      throw invalid(`"${rung.name}" is no rung name: use letters, digits, ".", "_", "-"`);
    if (names.has(rung.name)) throw invalid(`two rungs are named "${rung.name}"`);
    names.add(rung.name);
    if (rung.video === undefined && rung.audio === undefined)
      throw invalid(`rung "${rung.name}" has neither video nor audio`);
    if (rung.video !== undefined) {
      trackOf(rung, "video", tracks);
      if (rung.video !== "copy") checkVideo(rung.name, rung.video);
    }
    if (rung.audio !== undefined) {
      trackOf(rung, "audio", tracks);
      if (rung.audio !== "copy") checkAudio(rung.name, rung.audio);
    }
  }
  return [...rungs];
}

/**
 * The source track that a rung's video or audio is made from.
 *
 * @throws {TranscodeError} `INVALID_OPTION` when the source has none.
 */
export function trackOf(rung: Rung, kind: "video" | "audio", tracks: readonly Track[]): Track {
  const id = kind === "video" ? rung.videoTrack : rung.audioTrack;
  const track = tracks.find((candidate) => candidate.kind === kind && (id === undefined || candidate.id === id));
  if (track !== undefined) return track;
  throw new TranscodeError(
    "INVALID_OPTION",
    `rung "${rung.name}" wants ${id === undefined ? kind : `${kind} track ${id}`}, which the source does not have`,
  );
}

function checkVideo(name: string, { width, height, frameRate, bitrate }: VideoSettings): void {
  for (const [what, pixels] of [["width", width] as const, ["height", height] as const]) {
    if (!Number.isInteger(pixels) || pixels < 2 || pixels % 2 !== 0 || pixels > 16_384) {
      throw new TranscodeError(
        "INVALID_OPTION",
        `rung "${name}": ${what} must be even, from 2 to 16384, not ${pixels}`,
      );
    }
  }
  if (!(frameRate > 0 && frameRate <= 1000)) {
    throw new TranscodeError(
      "INVALID_OPTION",
      `rung "${name}": frameRate must be above 0, at most 1000, not ${frameRate}`,
    );
  }
  checkBitrate(name, bitrate);
}

function checkAudio(name: string, { codec, sampleRate, channels, bitrate }: AudioSettings): void {
  const rates =
    codec === "opus"
      ? [48_000]
      : [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000];
  if (!rates.includes(sampleRate)) {
    throw new TranscodeError(
      "INVALID_OPTION",
      `rung "${name}": ${codec} has no sample rate ${sampleRate}, take one of ${rates.join(", ")}`,
    );
  }
  if (channels !== 1 && channels !== 2) {
    throw new TranscodeError("INVALID_OPTION", `rung "${name}": channels must be 1 or 2, not ${channels}`);
  }
  checkBitrate(name, bitrate);
}

function checkBitrate(name: string, bitrate: number): void {
  if (!(Number.isSafeInteger(bitrate) && bitrate >= 8000)) {
    throw new TranscodeError(
      "INVALID_OPTION",
      `rung "${name}": bitrate must be an integer from 8000 bits per second, not ${bitrate}`,
    );
  }
}
