/** Reads a Multivariant Playlist (RFC 8216bis §4.4.6). */
import { documentError } from "../document-error.ts";
import { type Mutable, put } from "../mutable.ts";
import { AttributeList, show } from "./attribute-list.ts";
import type { Key } from "./media-playlist.ts";
import type {
  ContentSteering,
  IFrameVariant,
  MultivariantPlaylist,
  Rendition,
  SessionData,
  Variant,
  VariantBase,
} from "./multivariant-playlist.ts";
import { CommonTags, readKey } from "./parse-common.ts";
import { MEDIA_TAGS, PlaylistLines, tagName } from "./playlist-lines.ts";
import { type ParsePlaylistOptions, Variables } from "./variables.ts";

/**
 * Reads a Multivariant Playlist. Unknown tags are kept, unknown attributes passed over.
 *
 * @throws {MediaError} `MALFORMED` when the text breaks the grammar or a rule on which the meaning hangs; `UNSUPPORTED` for a version above 13;
 * `LIMIT_EXCEEDED` for a number above 2^53 - 1 or variables that unfold without measure.
 */
export function parseMultivariantPlaylist(text: string, options: ParsePlaylistOptions = {}): MultivariantPlaylist {
  const lines = new PlaylistLines(text);
  const variables = new Variables(options);
  const common = new CommonTags(variables, false);
  const variants: Variant[] = [];
  const iFrameVariants: IFrameVariant[] = [];
  const renditions: Rendition[] = [];
  const sessionData: SessionData[] = [];
  const sessionKeys: Key[] = [];
  const unknownTags: string[] = [];
  let contentSteering: ContentSteering | undefined;

  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const number = lines.number;
    if (line.charCodeAt(0) !== 0x23)
      throw documentError("MALFORMED", number, `a URI without EXT-X-STREAM-INF before it: ${show(line)}`);
    const name = tagName(line);
    const list = (): AttributeList => new AttributeList(name.slice(1), line ?? "", name.length + 1, number, variables);
    switch (name) {
      case "#EXT-X-STREAM-INF": {
        const attributes = list();
        const uri = lines.next();
        if (uri === undefined || uri.charCodeAt(0) === 0x23) {
          throw documentError("MALFORMED", number, "EXT-X-STREAM-INF must be followed by a URI");
        }
        variants.push(readVariant(attributes, variables.substitute(uri, lines.number)));
        break;
      }
      case "#EXT-X-I-FRAME-STREAM-INF": {
        const attributes = list();
        iFrameVariants.push(readVariantBase(attributes, attributes.requiredString("URI")));
        break;
      }
      case "#EXT-X-MEDIA":
        renditions.push(readRendition(list()));
        break;
      case "#EXT-X-SESSION-DATA":
        sessionData.push(readSessionData(list()));
        break;
      case "#EXT-X-SESSION-KEY": {
        const key = readKey(list());
        if (key === null) throw documentError("MALFORMED", number, "EXT-X-SESSION-KEY must not have METHOD=NONE");
        sessionKeys.push(key);
        break;
      }
      case "#EXT-X-CONTENT-STEERING":
        common.once(name, number);
        contentSteering = readContentSteering(list());
        break;
      default:
        if (common.read(name, line, number)) break;
        if (MEDIA_TAGS.has(name)) {
          throw documentError(
            "MALFORMED",
            number,
            `${name.slice(1)} belongs to a Media Playlist, and this is a Multivariant Playlist`,
          );
        }
        unknownTags.push(line);
    }
  }
  const playlist: Mutable<MultivariantPlaylist> = { type: "multivariant", variants };
  if (common.version !== undefined) playlist.version = common.version;
  if (common.independentSegments) playlist.independentSegments = true;
  if (common.start !== undefined) playlist.start = common.start;
  if (common.defines.length > 0) playlist.defines = common.defines;
  if (unknownTags.length > 0) playlist.unknownTags = unknownTags;
  if (iFrameVariants.length > 0) playlist.iFrameVariants = iFrameVariants;
  if (renditions.length > 0) playlist.renditions = renditions;
  if (sessionData.length > 0) playlist.sessionData = sessionData;
  if (sessionKeys.length > 0) playlist.sessionKeys = sessionKeys;
  if (contentSteering !== undefined) playlist.contentSteering = contentSteering;
  return playlist;
}

function readVariantBase(attributes: AttributeList, uri: string): Mutable<VariantBase> {
  const variant: Mutable<VariantBase> = { uri, bandwidth: attributes.requiredInteger("BANDWIDTH") };
  put(variant, "averageBandwidth", attributes.integer("AVERAGE-BANDWIDTH"));
  put(variant, "score", attributes.decimal("SCORE"));
  put(variant, "codecs", attributes.strings("CODECS", ","));
  put(variant, "supplementalCodecs", attributes.strings("SUPPLEMENTAL-CODECS", ","));
  put(variant, "resolution", attributes.resolution("RESOLUTION"));
  put(variant, "hdcpLevel", attributes.enumerated("HDCP-LEVEL"));
  put(variant, "allowedCpc", attributes.strings("ALLOWED-CPC", ","));
  put(variant, "videoRange", attributes.enumerated("VIDEO-RANGE"));
  put(variant, "reqVideoLayout", attributes.strings("REQ-VIDEO-LAYOUT", ","));
  put(variant, "stableVariantId", attributes.string("STABLE-VARIANT-ID"));
  put(variant, "video", attributes.string("VIDEO"));
  put(variant, "pathwayId", attributes.string("PATHWAY-ID"));
  return variant;
}

function readVariant(attributes: AttributeList, uri: string): Variant {
  const variant: Mutable<Variant> = readVariantBase(attributes, uri);
  put(variant, "frameRate", attributes.decimal("FRAME-RATE"));
  put(variant, "audio", attributes.string("AUDIO"));
  put(variant, "subtitles", attributes.string("SUBTITLES"));
  put(variant, "name", attributes.string("NAME"));
  if (attributes.has("CLOSED-CAPTIONS")) variant.closedCaptions = readClosedCaptions(attributes);
  return variant;
}

/** The one attribute that is an enumerated-string or a quoted-string. */
function readClosedCaptions(attributes: AttributeList): string | null {
  if (attributes.isQuoted("CLOSED-CAPTIONS")) return attributes.requiredString("CLOSED-CAPTIONS");
  attributes.requiredOneOf("CLOSED-CAPTIONS", ["NONE"]);
  return null;
}

function readRendition(attributes: AttributeList): Rendition {
  const rendition: Mutable<Rendition> = {
    type: attributes.requiredOneOf("TYPE", ["AUDIO", "VIDEO", "SUBTITLES", "CLOSED-CAPTIONS"]),
    groupId: attributes.requiredString("GROUP-ID"),
    name: attributes.requiredString("NAME"),
  };
  put(rendition, "uri", attributes.string("URI"));
  put(rendition, "language", attributes.string("LANGUAGE"));
  put(rendition, "assocLanguage", attributes.string("ASSOC-LANGUAGE"));
  put(rendition, "stableRenditionId", attributes.string("STABLE-RENDITION-ID"));
  put(rendition, "default", attributes.yes("DEFAULT"));
  put(rendition, "autoselect", attributes.yes("AUTOSELECT"));
  put(rendition, "forced", attributes.yes("FORCED"));
  put(rendition, "instreamId", attributes.string("INSTREAM-ID"));
  put(rendition, "bitDepth", attributes.integer("BIT-DEPTH"));
  put(rendition, "sampleRate", attributes.integer("SAMPLE-RATE"));
  put(rendition, "characteristics", attributes.strings("CHARACTERISTICS", ","));
  put(rendition, "channels", attributes.string("CHANNELS"));
  if (rendition.type === "CLOSED-CAPTIONS" && rendition.uri !== undefined) {
    throw documentError("MALFORMED", attributes.line, "EXT-X-MEDIA of TYPE=CLOSED-CAPTIONS must not have URI");
  }
  if (rendition.type === "CLOSED-CAPTIONS") attributes.requiredString("INSTREAM-ID");
  if (rendition.type === "SUBTITLES") attributes.requiredString("URI");
  return rendition;
}

function readSessionData(attributes: AttributeList): SessionData {
  const data: Mutable<SessionData> = { dataId: attributes.requiredString("DATA-ID") };
  put(data, "value", attributes.string("VALUE"));
  put(data, "uri", attributes.string("URI"));
  put(data, "format", attributes.oneOf("FORMAT", ["JSON", "RAW"]));
  put(data, "language", attributes.string("LANGUAGE"));
  if ((data.value === undefined) === (data.uri === undefined)) {
    throw documentError("MALFORMED", attributes.line, "EXT-X-SESSION-DATA needs either VALUE or URI");
  }
  return data;
}

function readContentSteering(attributes: AttributeList): ContentSteering {
  const steering: Mutable<ContentSteering> = { serverUri: attributes.requiredString("SERVER-URI") };
  put(steering, "pathwayId", attributes.string("PATHWAY-ID"));
  return steering;
}
