/** How the playlists of a presentation belong together, and what their segments measure. */
import type { Rendition, Variant } from "../multivariant-playlist.ts";
import type { AuthoringMedia, AuthoringPresentation } from "./rule.ts";

/** A media playlist's URI, as messages name it. */
export function nameOf(media: AuthoringMedia): string {
  return media.uri ?? "media";
}

/** The media playlist of a URI, where it is at hand. */
export function mediaOf(presentation: AuthoringPresentation, uri: string | undefined): AuthoringMedia | undefined {
  return uri === undefined ? undefined : presentation.media.find((media) => media.uri === uri);
}

/** The renditions of a group. */
export function groupOf(
  presentation: AuthoringPresentation,
  type: Rendition["type"],
  groupId: string | undefined,
): readonly Rendition[] {
  return presentation.multivariant.renditions?.filter((item) => item.type === type && item.groupId === groupId) ?? [];
}

/** The playlists that a variant plays together: its own, and one for each group where that is another. */
export function combinationsOf(
  presentation: AuthoringPresentation,
  variant: Variant,
): readonly (readonly AuthoringMedia[])[] {
  const own = mediaOf(presentation, variant.uri);
  let combinations: AuthoringMedia[][] = [own === undefined ? [] : [own]];
  for (const [type, groupId] of [
    ["AUDIO", variant.audio],
    ["VIDEO", variant.video],
  ] as const) {
    const media = groupOf(presentation, type, groupId).map((item) => mediaOf(presentation, item.uri));
    const others = media.filter((item) => item !== undefined && item !== own);
    if (others.length > 0) combinations = combinations.flatMap((list) => others.map((item) => [...list, item!]));
  }
  return combinations;
}

/** Bits per second of a playlist, as far as the sizes of its segments are known. */
export interface MeasuredBitrate {
  /** Largest of any run of segments that lasts between a half and one and a half target durations (RFC 8216bis §4.4.6.2). */
  readonly peak: number;
  readonly average: number;
}

/** Undefined when no size is known. */
export function measureBitrate({ playlist, segmentBytes }: AuthoringMedia): MeasuredBitrate | undefined {
  if (segmentBytes === undefined) return undefined;
  const known: { readonly seconds: number; readonly bits: number }[] = [];
  const sizeOf = (key: string): number | undefined =>
    Object.hasOwn(segmentBytes, key) ? segmentBytes[key] : undefined;
  for (const { uri, byteRange, duration } of playlist.segments) {
    const bytes =
      byteRange === undefined ? sizeOf(uri) : (sizeOf(`${uri}@${byteRange.offset ?? 0}`) ?? byteRange.length);
    if (bytes !== undefined) known.push({ seconds: duration, bits: bytes * 8 });
  }
  const seconds = known.reduce((sum, item) => sum + item.seconds, 0);
  if (seconds === 0) return undefined;
  const average = known.reduce((sum, item) => sum + item.bits, 0) / seconds;
  let peak = 0;
  for (let start = 0; start < known.length; start += 1) {
    let run = 0;
    let bits = 0;
    for (let end = start; end < known.length; end += 1) {
      run += known[end]!.seconds;
      bits += known[end]!.bits;
      if (run > 1.5 * playlist.targetDuration) break;
      if (run >= 0.5 * playlist.targetDuration) peak = Math.max(peak, bits / run);
    }
  }
  return { peak: Math.max(peak, average), average };
}

/** The path that a reference leads to, seen from a document: enough of RFC 3986 §5 to compare URIs of one presentation. */
export function resolvePath(base: string, reference: string): string {
  const path = reference.split(/[?#]/, 1)[0]!;
  if (/^[a-z][a-z0-9+.-]*:/i.test(path) || path.startsWith("/")) return path;
  const segments = base.split(/[?#]/, 1)[0]!.split("/").slice(0, -1);
  for (const segment of path.split("/")) {
    if (segment === "..") segments.pop();
    else if (segment !== ".") segments.push(segment);
  }
  return segments.join("/");
}
