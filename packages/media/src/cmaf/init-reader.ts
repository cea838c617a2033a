/** Reads initialisation segments: `ftyp` + `moov`, ours and everyone else's. */

import { ByteReader } from "../bytes/byte-reader.ts";
import { MediaError } from "../errors.ts";
import { rescale } from "../time.ts";
import type { Track } from "../track.ts";
import { childBoxes, readBoxes } from "./box-reader.ts";
import { fourCharacterText } from "./four-character-code.ts";
import { languageTag } from "./language.ts";
import { readAudioSampleEntry, readVisualSampleEntry, type SampleEntry } from "./sample-entry-reader.ts";
import { trackOf } from "./sample-entry-track.ts";
import type { SampleDefaults } from "./track-run.ts";

/** An initialisation segment as read. */
export interface InitSegment {
  /** Of `ftyp`, the major one first. Empty where there is no `ftyp`. */
  readonly brands: readonly string[];
  /** Those whose codec this package knows, in the order of the file. */
  readonly tracks: readonly Track[];
  /** What the file says of each track beside that, by track id, tracks of unknown codecs included. */
  readonly details: ReadonlyMap<number, InitTrackDetails>;
}

/** What belongs to the file, not to the track. */
export interface InitTrackDetails {
  /** Four-character code of the sample entry, e.g. `avc1` or `hev1`. */
  readonly sampleEntry: string;
  /** Whether the track is among {@link InitSegment.tracks}. */
  readonly supported: boolean;
  /**
   * Ticks of the track's timescale to add to a `pts` for its place on the presentation timeline, as the edit list
   * wants it: empty edits less the media time at which the first edit begins (ISO 14496-12 §8.6.6). 0 without an edit
   * list.
   */
  readonly presentationOffset: number;
  /** From `trex`; zeros where there is none. */
  readonly sampleDefaults: SampleDefaults;
}

/**
 * Reads an initialisation segment, or the head of any MP4 file up to and including its `moov`; what lies behind is ignored.
 *
 * Sample entries `avc1`, `avc3`, `hvc1`, `hev1`, `av01`, `mp4a` (AAC, MP3) and `Opus` become tracks. Configurations
 * are copies.
 *
 * @throws {MediaError} `TRUNCATED`, `MALFORMED` or `LIMIT_EXCEEDED`; `MALFORMED` too when there is no `moov`; `UNSUPPORTED` for a version or
 * kind of a known codec's configuration that is not.
 */
export function readInitSegment(bytes: Uint8Array): InitSegment {
  let fileType: Uint8Array | undefined;
  for (const box of readBoxes(bytes)) {
    if (box.type === "ftyp") fileType = box.body;
    if (box.type === "moov") return readMovie(box.body, fileType);
  }
  throw new MediaError("MALFORMED", 'no "moov" box: not an initialisation segment');
}

/** From the bodies of `moov` and `ftyp`. */
export function readMovie(movie: Uint8Array, fileType: Uint8Array | undefined): InitSegment {
  let movieTimescale = 1;
  const trackBoxes: Uint8Array[] = [];
  const sampleDefaults = new Map<number, SampleDefaults>();
  for (const box of childBoxes(movie)) {
    if (box.type === "mvhd") movieTimescale = readTimescale("mvhd", box.body);
    else if (box.type === "trak") trackBoxes.push(box.body);
    else if (box.type === "mvex") readMovieExtends(box.body, sampleDefaults);
  }
  const tracks: Track[] = [];
  const details = new Map<number, InitTrackDetails>();
  for (const box of trackBoxes) {
    const raw = readTrack(box, movieTimescale);
    if (raw.id === 0 || details.has(raw.id))
      throw new MediaError("MALFORMED", `track id ${raw.id} is 0 or there twice`);
    const track = raw.entry && trackOf(raw.entry, raw);
    if (track !== undefined) tracks.push(track);
    details.set(raw.id, {
      sampleEntry: raw.entry?.format ?? raw.format,
      supported: track !== undefined,
      presentationOffset: raw.presentationOffset,
      sampleDefaults: sampleDefaults.get(raw.id) ?? { duration: 0, size: 0, flags: 0 },
    });
  }
  return { brands: readBrands(fileType), tracks, details };
}

function readBrands(fileType: Uint8Array | undefined): string[] {
  if (fileType === undefined) return [];
  const reader = new ByteReader(fileType, "ftyp");
  const brands = new Set([fourCharacterText(reader.u32())]);
  reader.skip(4);
  while (reader.left >= 4) brands.add(fourCharacterText(reader.u32()));
  return [...brands];
}

function readMovieExtends(body: Uint8Array, sampleDefaults: Map<number, SampleDefaults>): void {
  for (const box of childBoxes(body)) {
    if (box.type !== "trex") continue;
    const reader = new ByteReader(box.body, "trex");
    reader.skip(4);
    const trackId = reader.u32();
    reader.skip(4);
    sampleDefaults.set(trackId, { duration: reader.u32(), size: reader.u32(), flags: reader.u32() });
  }
}

interface RawTrack {
  readonly id: number;
  readonly timescale: number;
  readonly language: string | undefined;
  readonly presentationOffset: number;
  /** Undefined for what is neither video nor audio. */
  readonly entry: SampleEntry | undefined;
  readonly format: string;
}

function readTrack(body: Uint8Array, movieTimescale: number): RawTrack {
  let id = 0;
  let media: RawMedia | undefined;
  let edits: Uint8Array | undefined;
  for (const box of childBoxes(body)) {
    if (box.type === "tkhd") id = readTrackId(box.body);
    else if (box.type === "mdia") media = readMedia(box.body);
    else if (box.type === "edts") {
      for (const edit of childBoxes(box.body)) if (edit.type === "elst") edits = edit.body;
    }
  }
  if (media === undefined) throw new MediaError("MALFORMED", `track ${id} has no "mdia"`);
  const presentationOffset = edits === undefined ? 0 : readEditList(edits, movieTimescale, media.timescale);
  return { id, ...media, presentationOffset };
}

function readTrackId(body: Uint8Array): number {
  const reader = new ByteReader(body, "tkhd");
  const version = reader.u32() >>> 24;
  reader.skip(version === 1 ? 16 : 8);
  return reader.u32();
}

interface RawMedia {
  readonly timescale: number;
  readonly language: string | undefined;
  readonly entry: SampleEntry | undefined;
  readonly format: string;
}

function readMedia(body: Uint8Array): RawMedia {
  let timescale = 0;
  let language: string | undefined;
  let extendedLanguage: string | undefined;
  let handler = "";
  let table: Uint8Array | undefined;
  for (const box of childBoxes(body)) {
    if (box.type === "mdhd") {
      timescale = readTimescale("mdhd", box.body);
      language = readMediaLanguage(box.body);
    } else if (box.type === "elng") {
      const reader = new ByteReader(box.body, "elng");
      reader.skip(4);
      extendedLanguage = reader.text();
    } else if (box.type === "hdlr") {
      const reader = new ByteReader(box.body, "hdlr");
      reader.skip(8);
      handler = fourCharacterText(reader.u32());
    } else if (box.type === "minf") table = sampleDescriptions(box.body);
  }
  if (timescale === 0) throw new MediaError("MALFORMED", 'a track has no "mdhd", or a timescale of 0');
  const descriptions = table === undefined ? { entry: undefined, format: "" } : readSampleDescriptions(table, handler);
  return { timescale, language: extendedLanguage || language, ...descriptions };
}

/** Creation and modification time stand in front of the timescale, in `mvhd` and `mdhd` alike. */
function readTimescale(name: string, body: Uint8Array): number {
  const reader = new ByteReader(body, name);
  const version = reader.u32() >>> 24;
  reader.skip(version === 1 ? 16 : 8);
  return reader.u32();
}

function readMediaLanguage(body: Uint8Array): string | undefined {
  const reader = new ByteReader(body, "mdhd");
  const version = reader.u32() >>> 24;
  reader.skip(version === 1 ? 28 : 16);
  return languageTag(reader.u16());
}

function sampleDescriptions(mediaInformation: Uint8Array): Uint8Array | undefined {
  for (const box of childBoxes(mediaInformation)) {
    if (box.type !== "stbl") continue;
    for (const table of childBoxes(box.body)) if (table.type === "stsd") return table.body;
  }
  return undefined;
}

/** The first sample entry that is known, else the first. */
function readSampleDescriptions(
  table: Uint8Array,
  handler: string,
): { entry: SampleEntry | undefined; format: string } {
  const reader = new ByteReader(table, "stsd");
  const version = reader.u32() >>> 24;
  reader.skip(4);
  let first: SampleEntry | undefined;
  let format = "";
  for (const box of childBoxes(reader.rest())) {
    format ||= box.type;
    if (handler !== "vide" && handler !== "soun") continue;
    const entry =
      handler === "vide"
        ? readVisualSampleEntry(box.type, box.body)
        : readAudioSampleEntry(box.type, box.body, version);
    if (entry.codec !== undefined) return { entry, format: box.type };
    first ??= entry;
  }
  return { entry: first, format };
}

function readEditList(body: Uint8Array, movieTimescale: number, timescale: number): number {
  const reader = new ByteReader(body, "elst");
  const version = reader.u32() >>> 24;
  const count = reader.u32();
  let empty = 0;
  for (let i = 0; i < count; i++) {
    const duration = version === 1 ? reader.u64() : reader.u32();
    const mediaTime = version === 1 ? reader.i64() : reader.i32();
    reader.skip(4);
    if (mediaTime >= 0) return (movieTimescale === 0 ? 0 : rescale(empty, movieTimescale, timescale)) - mediaTime;
    empty += duration;
    if (!Number.isSafeInteger(empty)) throw new MediaError("LIMIT_EXCEEDED", '"elst" adds up beyond 2^53');
  }
  return 0;
}
