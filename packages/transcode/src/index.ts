/**
 * From a publication to what players fetch: ladder, encoders, and one packager for LL-HLS, HLS, LL-DASH and DASH.
 *
 * @module
 */

// Time and logs, as arguments.
export { type Clock, systemClock, type WallClock } from "./clock.ts";
// Encoder: one source in, a rendition for each rung out.
export { createEncoder } from "./encoder/create-encoder.ts";
export {
  DEFAULT_HANG_TIMEOUT,
  DEFAULT_MAX_QUEUE_BYTES,
  DEFAULT_MAX_RENDITION_BYTES,
  type EncoderBackend,
  type EncoderOptions,
  type Encoding,
  type EncodingEnd,
  type EncodingStats,
  type Rendition,
} from "./encoder/encoding.ts";
export type { HardwareEncoder } from "./encoder/hardware.ts";
export { DEFAULT_RESTART_POLICY, type RestartPolicy } from "./encoder/restart-policy.ts";
// Errors.
export { TranscodeError, type TranscodeErrorCode } from "./errors.ts";
// Ladder: which renditions a source gets.
export { checkLadder, createLadder, type LadderOptions } from "./ladder/ladder.ts";
export { MEASURED_SECONDS, measureTracks } from "./ladder/measure.ts";
export type { AudioCodec, AudioSettings, Rung, VideoCodec, VideoSettings } from "./ladder/rung.ts";
// Live stream: ladder, encoder and packager together.
export { createLiveStream, type LiveStream, type LiveStreamOptions, type LiveStreamStats } from "./live-stream.ts";
export type { Logger } from "./logger.ts";
// Packager: one set of CMAF parts and segments for LL-HLS, HLS, LL-DASH and DASH.
export {
  createPackager,
  DEFAULT_DASH_LATENCY,
  DEFAULT_DRAIN_TIMEOUT,
  DEFAULT_MAX_WAITING,
  DEFAULT_MAX_WINDOW_BYTES,
  DEFAULT_WINDOW,
  type FinishedSegment,
  type Packager,
  type PackagerOptions,
  type PackagerSource,
  type PackagerStats,
  type RenditionStats,
} from "./packager/packager.ts";
export type { InitSegment } from "./packager/segment.ts";
export {
  DEFAULT_MAX_DRIFT,
  DEFAULT_MAX_LAG,
  DEFAULT_MAX_PENDING_BYTES,
  DEFAULT_MAX_SEGMENT_DURATION,
  DEFAULT_PART_DURATION,
  DEFAULT_SEGMENT_DURATION,
  type SegmenterOptions,
  type SegmenterStats,
} from "./packager/segmenter-options.ts";
