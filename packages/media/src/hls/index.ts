/** HLS: Media and Multivariant Playlists as typed values, written, read and judged. */

export { type AuthoringRule, authoringRules, checkAuthoring, formatViolations } from "./authoring/check-authoring.ts";
export type {
  AuthoringMedia,
  AuthoringPresentation,
  Severity as AuthoringSeverity,
  Violation,
} from "./authoring/rule.ts";
export { applyDelta, createDelta } from "./delta.ts";
export type {
  AttributeValue as HlsAttributeValue,
  ByteRange as HlsByteRange,
  DateRange as HlsDateRange,
  Define as HlsDefine,
  InitSection as HlsInitSection,
  Key as HlsKey,
  MediaPlaylist,
  OpenSegment as HlsOpenSegment,
  Part as HlsPart,
  PlaylistBase as HlsPlaylistBase,
  PreloadHint as HlsPreloadHint,
  RenditionReport as HlsRenditionReport,
  Segment as HlsSegment,
  ServerControl as HlsServerControl,
  Skip as HlsSkip,
  StartPoint as HlsStartPoint,
} from "./media-playlist.ts";
export type {
  ContentSteering as HlsContentSteering,
  IFrameVariant as HlsIFrameVariant,
  MultivariantPlaylist,
  Rendition as HlsRendition,
  Resolution as HlsResolution,
  SessionData as HlsSessionData,
  Variant as HlsVariant,
  VariantBase as HlsVariantBase,
} from "./multivariant-playlist.ts";
export { parseMediaPlaylist } from "./parse-media-playlist.ts";
export { parseMultivariantPlaylist } from "./parse-multivariant-playlist.ts";
export { parsePlaylist } from "./parse-playlist.ts";
export { MAX_SUBSTITUTED_LENGTH, type ParsePlaylistOptions, playlistVariables } from "./variables.ts";
export { writeMediaPlaylist } from "./write-media-playlist.ts";
export { writeMultivariantPlaylist } from "./write-multivariant-playlist.ts";
