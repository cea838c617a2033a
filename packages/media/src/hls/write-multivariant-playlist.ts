/** Writes a Multivariant Playlist (RFC 8216bis §4.4.6). */
import type { MultivariantPlaylist, Rendition, Variant, VariantBase } from "./multivariant-playlist.ts";
import { multivariantPlaylistVersion } from "./version.ts";
import { decimal, enumerated, integer, quoted, quotedList, uriLine } from "./write-attributes.ts";
import { writeHead, writeKeyAttributes, writeUnknownTags } from "./write-common.ts";

/**
 * Writes a Multivariant Playlist.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a value cannot be written, e.g. a quotation mark in a name.
 */
export function writeMultivariantPlaylist(playlist: MultivariantPlaylist): string {
  let text = writeHead(playlist, playlist.version ?? multivariantPlaylistVersion(playlist));
  if (playlist.unknownTags !== undefined) text += writeUnknownTags(playlist.unknownTags);
  const steering = playlist.contentSteering;
  if (steering !== undefined) {
    text += `#EXT-X-CONTENT-STEERING:SERVER-URI=${quoted(steering.serverUri, "serverUri")}`;
    text += steering.pathwayId === undefined ? "\n" : `,PATHWAY-ID=${quoted(steering.pathwayId, "pathwayId")}\n`;
  }
  for (const data of playlist.sessionData ?? []) {
    text += `#EXT-X-SESSION-DATA:DATA-ID=${quoted(data.dataId, "dataId")}`;
    if (data.value !== undefined) text += `,VALUE=${quoted(data.value, "sessionData.value")}`;
    if (data.uri !== undefined) text += `,URI=${quoted(data.uri, "sessionData.uri")}`;
    if (data.format !== undefined) text += `,FORMAT=${enumerated(data.format, "sessionData.format")}`;
    if (data.language !== undefined) text += `,LANGUAGE=${quoted(data.language, "sessionData.language")}`;
    text += "\n";
  }
  for (const key of playlist.sessionKeys ?? []) text += `#EXT-X-SESSION-KEY:${writeKeyAttributes(key)}\n`;
  for (const rendition of playlist.renditions ?? []) text += writeRendition(rendition);
  for (const variant of playlist.variants) text += writeVariant(variant);
  for (const variant of playlist.iFrameVariants ?? []) {
    text += `#EXT-X-I-FRAME-STREAM-INF:${writeVariantBase(variant)},URI=${quoted(variant.uri, "variant.uri")}\n`;
  }
  return text;
}

function writeRendition(rendition: Rendition): string {
  let text = `#EXT-X-MEDIA:TYPE=${enumerated(rendition.type, "rendition.type")},GROUP-ID=${quoted(rendition.groupId, "groupId")}`;
  text += `,NAME=${quoted(rendition.name, "rendition.name")}`;
  if (rendition.language !== undefined) text += `,LANGUAGE=${quoted(rendition.language, "language")}`;
  if (rendition.assocLanguage !== undefined)
    text += `,ASSOC-LANGUAGE=${quoted(rendition.assocLanguage, "assocLanguage")}`;
  if (rendition.stableRenditionId !== undefined) {
    text += `,STABLE-RENDITION-ID=${quoted(rendition.stableRenditionId, "stableRenditionId")}`;
  }
  if (rendition.default) text += ",DEFAULT=YES";
  if (rendition.autoselect) text += ",AUTOSELECT=YES";
  if (rendition.forced) text += ",FORCED=YES";
  if (rendition.instreamId !== undefined) text += `,INSTREAM-ID=${quoted(rendition.instreamId, "instreamId")}`;
  if (rendition.bitDepth !== undefined) text += `,BIT-DEPTH=${integer(rendition.bitDepth, "bitDepth")}`;
  if (rendition.sampleRate !== undefined) text += `,SAMPLE-RATE=${integer(rendition.sampleRate, "sampleRate")}`;
  if (rendition.characteristics !== undefined) {
    text += `,CHARACTERISTICS=${quotedList(rendition.characteristics, ",", "characteristics")}`;
  }
  if (rendition.channels !== undefined) text += `,CHANNELS=${quoted(rendition.channels, "channels")}`;
  if (rendition.uri !== undefined) text += `,URI=${quoted(rendition.uri, "rendition.uri")}`;
  return `${text}\n`;
}

function writeVariantBase(variant: VariantBase): string {
  let text = `BANDWIDTH=${integer(variant.bandwidth, "bandwidth")}`;
  if (variant.averageBandwidth !== undefined)
    text += `,AVERAGE-BANDWIDTH=${integer(variant.averageBandwidth, "averageBandwidth")}`;
  if (variant.score !== undefined) text += `,SCORE=${decimal(variant.score, "score")}`;
  if (variant.codecs !== undefined) text += `,CODECS=${quotedList(variant.codecs, ",", "codecs")}`;
  if (variant.supplementalCodecs !== undefined) {
    text += `,SUPPLEMENTAL-CODECS=${quotedList(variant.supplementalCodecs, ",", "supplementalCodecs")}`;
  }
  const resolution = variant.resolution;
  if (resolution !== undefined) {
    text += `,RESOLUTION=${integer(resolution.width, "resolution.width")}x${integer(resolution.height, "resolution.height")}`;
  }
  if (variant.hdcpLevel !== undefined) text += `,HDCP-LEVEL=${enumerated(variant.hdcpLevel, "hdcpLevel")}`;
  if (variant.allowedCpc !== undefined) text += `,ALLOWED-CPC=${quotedList(variant.allowedCpc, ",", "allowedCpc")}`;
  if (variant.videoRange !== undefined) text += `,VIDEO-RANGE=${enumerated(variant.videoRange, "videoRange")}`;
  if (variant.reqVideoLayout !== undefined)
    text += `,REQ-VIDEO-LAYOUT=${quotedList(variant.reqVideoLayout, ",", "reqVideoLayout")}`;
  if (variant.stableVariantId !== undefined)
    text += `,STABLE-VARIANT-ID=${quoted(variant.stableVariantId, "stableVariantId")}`;
  if (variant.video !== undefined) text += `,VIDEO=${quoted(variant.video, "video")}`;
  if (variant.pathwayId !== undefined) text += `,PATHWAY-ID=${quoted(variant.pathwayId, "pathwayId")}`;
  return text;
}

function writeVariant(variant: Variant): string {
  let text = `#EXT-X-STREAM-INF:${writeVariantBase(variant)}`;
  if (variant.frameRate !== undefined) text += `,FRAME-RATE=${decimal(variant.frameRate, "frameRate").toFixed(3)}`;
  if (variant.audio !== undefined) text += `,AUDIO=${quoted(variant.audio, "audio")}`;
  if (variant.subtitles !== undefined) text += `,SUBTITLES=${quoted(variant.subtitles, "subtitles")}`;
  if (variant.closedCaptions !== undefined) {
    text += `,CLOSED-CAPTIONS=${variant.closedCaptions === null ? "NONE" : quoted(variant.closedCaptions, "closedCaptions")}`;
  }
  if (variant.name !== undefined) text += `,NAME=${quoted(variant.name, "variant.name")}`;
  return `${text}\n${uriLine(variant.uri)}\n`;
}
