/** Arbitrary playlists for property tests: every one in the form in which the parser gives it back. */
import fc from "fast-check";
import type {
  ByteRange,
  DateRange,
  Define,
  InitSection,
  Key,
  MediaPlaylist,
  OpenSegment,
  Part,
  Segment,
} from "./media-playlist.ts";
import type { IFrameVariant, MultivariantPlaylist, Rendition, SessionData, Variant } from "./multivariant-playlist.ts";

const optional = { requiredKeys: [] as [] };
const text = fc.string({ unit: "grapheme", maxLength: 12 }).map((value) => value.replace(/["\p{Cc}]|\{\$/gu, "_"));
const word = fc.stringMatching(/^[A-Za-z0-9._-]{1,10}$/);
const uri = fc.stringMatching(/^[A-Za-z0-9/._~%?&=-]{1,24}$/);
const token = fc.stringMatching(/^[A-Z0-9-]{1,8}$/);
const count = fc.oneof(fc.nat(1000), fc.maxSafeNat());
const seconds = fc.oneof(
  fc.nat(100_000_000).map((micros) => micros / 1e6),
  fc.nat(20),
);
const instant = fc.integer({ min: Date.UTC(1000, 0), max: Date.UTC(9999, 0) });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 8 });
const yes = fc.constant(true as const);
const range: fc.Arbitrary<Required<ByteRange>> = fc.record({ length: fc.nat(1e9), offset: fc.nat(1e9) });
const words = fc.array(word, { minLength: 1, maxLength: 3 });
const unknownTags = fc.array(
  text.map((value) => `#EXT-X-OF-OTHERS:${value}`),
  { minLength: 1, maxLength: 2 },
);

const key: fc.Arbitrary<Key> = fc.record(
  {
    method: fc.constantFrom("AES-128", "SAMPLE-AES", "SAMPLE-AES-CTR"),
    uri: text,
    iv: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    keyFormat: fc.constantFrom("com.apple.streamingkeydelivery", "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed"),
    keyFormatVersions: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["method", "uri"] },
);
const keys = fc.uniqueArray(key, { selector: (item) => item.keyFormat ?? "identity", minLength: 1, maxLength: 2 });
const map: fc.Arbitrary<InitSection> = fc.record({ uri: text, byteRange: range }, { requiredKeys: ["uri"] });

const part: fc.Arbitrary<Part> = fc.record(
  { uri: text, duration: seconds, independent: yes, byteRange: range, gap: yes },
  { requiredKeys: ["uri", "duration"] },
);
const parts = fc.array(part, { minLength: 1, maxLength: 4 });

const segment: fc.Arbitrary<Segment> = fc.record(
  {
    uri,
    duration: seconds,
    title: text.filter((value) => value !== ""),
    byteRange: range,
    gap: yes,
    bitrate: count,
    unknownTags,
    parts,
    map,
    keys,
    discontinuity: yes,
    programDateTime: instant,
  },
  { requiredKeys: ["uri", "duration"] },
);
const openSegment: fc.Arbitrary<OpenSegment> = fc.record(
  { parts, map, keys, discontinuity: yes, programDateTime: instant },
  { requiredKeys: ["parts"] },
);

const dateRange: fc.Arbitrary<DateRange> = fc.record(
  {
    id: text,
    class: text,
    startDate: instant,
    cue: fc.uniqueArray(fc.constantFrom("PRE", "POST", "ONCE"), { minLength: 1 }),
    endDate: instant,
    duration: seconds,
    plannedDuration: seconds,
    scte35Cmd: bytes,
    scte35Out: bytes,
    scte35In: bytes,
    endOnNext: yes,
    clientAttributes: fc.dictionary(
      token.map((name) => `X-${name}`),
      fc.oneof(
        text,
        fc.integer(),
        fc.integer().map((value) => value / 1000),
        bytes,
      ),
      { minKeys: 1, maxKeys: 3, noNullPrototype: true },
    ),
  },
  { requiredKeys: ["id"] },
);

const defines: fc.Arbitrary<readonly Define[]> = fc.uniqueArray(
  fc.record({ name: word.map((name) => name.replaceAll(".", "_")), value: text }),
  {
    selector: (define) => define.name,
    minLength: 1,
    maxLength: 3,
  },
);
const start = fc.record(
  { timeOffset: fc.integer({ min: -1e9, max: 1e9 }).map((value) => value / 1000), precise: yes },
  { requiredKeys: ["timeOffset"] },
);
const base = { version: fc.integer({ min: 1, max: 13 }), independentSegments: yes, start, defines, unknownTags };

/** What a tag says goes on until the next of its kind, so a value once there never goes away again (keys apart). */
function carry(playlist: MediaPlaylist): MediaPlaylist {
  let lastMap: InitSection | undefined;
  let bitrate: number | undefined;
  const isDelta = playlist.skip !== undefined;
  let keysKnown = false;
  const carryOpening = <T extends Segment | OpenSegment>(item: T): T => {
    lastMap = item.map ?? lastMap;
    keysKnown ||= item.keys !== undefined;
    const { map: _, keys: own, ...rest } = item;
    const inForce = own ?? (isDelta && keysKnown ? [] : undefined);
    return { ...rest, ...(lastMap && { map: lastMap }), ...(inForce && { keys: inForce }) } as T;
  };
  const segments = playlist.segments.map((item) => {
    const { bitrate: own, ...rest } = carryOpening(item);
    if (item.byteRange !== undefined) return rest;
    bitrate = own ?? bitrate;
    return { ...rest, ...(bitrate !== undefined && { bitrate }) };
  });
  const open = playlist.openSegment && carryOpening(playlist.openSegment);
  return { ...playlist, segments, ...(open && { openSegment: open }) };
}

/** Media Playlists, delta updates among them. */
export const mediaPlaylist: fc.Arbitrary<MediaPlaylist> = fc
  .record(
    {
      ...base,
      type: fc.constant("media" as const),
      targetDuration: count,
      mediaSequence: count,
      discontinuitySequence: count,
      playlistType: fc.constantFrom("EVENT" as const, "VOD" as const),
      iFramesOnly: yes,
      partTarget: seconds,
      serverControl: fc
        .record(
          {
            canSkipUntil: seconds,
            canSkipDateRanges: yes,
            holdBack: seconds,
            partHoldBack: seconds,
            canBlockReload: yes,
          },
          optional,
        )
        .filter((control) => Object.keys(control).length > 0),
      skip: fc.record(
        { skippedSegments: count, recentlyRemovedDateRanges: words },
        { requiredKeys: ["skippedSegments"] },
      ),
      segments: fc.array(segment, { maxLength: 6 }),
      openSegment,
      dateRanges: fc.array(dateRange, { minLength: 1, maxLength: 2 }),
      preloadHints: fc.array(
        fc.record(
          {
            type: fc.constantFrom("PART" as const, "MAP" as const),
            uri: text,
            byteRangeStart: count,
            byteRangeLength: count,
          },
          { requiredKeys: ["type", "uri"] },
        ),
        { minLength: 1, maxLength: 2 },
      ),
      renditionReports: fc.array(fc.record({ uri: text, lastMsn: count, lastPart: count }, { requiredKeys: ["uri"] }), {
        minLength: 1,
        maxLength: 2,
      }),
      endList: yes,
    },
    { requiredKeys: ["version", "type", "targetDuration", "mediaSequence", "segments"] },
  )
  .map(carry);

const variantBase = {
  uri,
  bandwidth: count,
  averageBandwidth: count,
  score: seconds,
  codecs: words,
  supplementalCodecs: words,
  resolution: fc.record({ width: fc.nat(16384), height: fc.nat(16384) }),
  hdcpLevel: fc.constantFrom("TYPE-0", "TYPE-1", "NONE"),
  allowedCpc: words,
  videoRange: fc.constantFrom("SDR", "HLG", "PQ"),
  reqVideoLayout: words,
  stableVariantId: word,
  video: text,
  pathwayId: word,
};
const variant: fc.Arbitrary<Variant> = fc.record(
  {
    ...variantBase,
    frameRate: fc.nat(240_000).map((milli) => milli / 1000),
    audio: text,
    subtitles: text,
    closedCaptions: fc.option(text),
    name: text,
  },
  { requiredKeys: ["uri", "bandwidth"] },
);
const iFrameVariant: fc.Arbitrary<IFrameVariant> = fc.record(variantBase, { requiredKeys: ["uri", "bandwidth"] });
const rendition: fc.Arbitrary<Rendition> = fc.record(
  {
    type: fc.constantFrom("AUDIO" as const, "VIDEO" as const),
    groupId: text,
    name: text,
    uri: text,
    language: word,
    assocLanguage: word,
    stableRenditionId: word,
    default: yes,
    autoselect: yes,
    forced: yes,
    instreamId: word,
    bitDepth: count,
    sampleRate: count,
    characteristics: words,
    channels: text,
  },
  { requiredKeys: ["type", "groupId", "name"] },
);
const sessionData: fc.Arbitrary<SessionData> = fc.oneof(
  fc.record({ dataId: text, value: text, language: word }, { requiredKeys: ["dataId", "value"] }),
  fc.record(
    { dataId: text, uri: text, format: fc.constantFrom("JSON" as const, "RAW" as const) },
    { requiredKeys: ["dataId", "uri"] },
  ),
);
const some = { minLength: 1, maxLength: 3 };

/** Multivariant Playlists. */
export const multivariantPlaylist: fc.Arbitrary<MultivariantPlaylist> = fc.record(
  {
    ...base,
    type: fc.constant("multivariant" as const),
    variants: fc.array(variant, some),
    iFrameVariants: fc.array(iFrameVariant, some),
    renditions: fc.array(rendition, some),
    sessionData: fc.array(sessionData, some),
    sessionKeys: fc.array(key, some),
    contentSteering: fc.record({ serverUri: text, pathwayId: word }, { requiredKeys: ["serverUri"] }),
  },
  { requiredKeys: ["version", "type", "variants"] },
);
