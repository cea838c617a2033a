/**
 * The shared words of AMI Streams. No I/O, no dependencies, the same in Node and in browsers.
 *
 * @module
 */

// Broadcast: one writer, many readers
export * from "./broadcast/index.ts";
// CMAF: initialisation segments, fragments and the boxes beside them (ISO/IEC 14496-12, ISO/IEC 23000-19)
export * from "./cmaf/index.ts";
// Codecs: bitstreams, decoder configurations and codec strings of H.264, HEVC, AV1, AAC, Opus and MP3
export * from "./codecs/index.ts";
// DASH documents (ISO/IEC 23009-1)
export * from "./dash/index.ts";
// Errors
export { MediaError, type MediaErrorCode, type MediaErrorOptions } from "./errors.ts";
// HLS playlists (RFC 8216bis)
export * from "./hls/index.ts";
// Time
export {
  compareTimes,
  createTimestampUnwrapper,
  type Rounding,
  rescale,
  secondsToTicks,
  type TimestampUnwrapper,
  ticksToSeconds,
} from "./time.ts";
// Tracks and packets: the second seam of the suite
export type { AudioTrack, Packet, PacketSource, ReadOptions, Track, TrackKind, VideoTrack } from "./track.ts";
