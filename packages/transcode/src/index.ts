/**
 * From a publication to what players fetch: ladder, encoders, and one packager for LL-HLS, HLS, LL-DASH and DASH.
 *
 * @module
 */

// Errors.
export { TranscodeError, type TranscodeErrorCode } from "./errors.ts";

// Ladder: which renditions a source gets.
export { checkLadder, createLadder, type LadderOptions } from "./ladder/ladder.ts";
export type { AudioCodec, AudioSettings, Rung, VideoCodec, VideoSettings } from "./ladder/rung.ts";

// Encoder: one source in, a rendition for each rung out.
export { type Clock, systemClock } from "./encoder/clock.ts";
export {
  DEFAULT_HANG_TIMEOUT,
  DEFAULT_MAX_QUEUE_BYTES,
  DEFAULT_MAX_RENDITION_BYTES,
  type EncoderBackend,
  type EncoderOptions,
  type Encoding,
  type EncodingEnd,
  type EncodingStats,
  type Logger,
  type Rendition,
} from "./encoder/encoding.ts";
export type { HardwareEncoder } from "./encoder/hardware.ts";
export { DEFAULT_RESTART_POLICY, type RestartPolicy } from "./encoder/restart-policy.ts";
