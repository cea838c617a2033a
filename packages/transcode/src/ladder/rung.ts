/** One row of a ladder: what a rendition of the stream looks like. */

/** Video codecs that encoders make and that a ladder may pass through. */
export type VideoCodec = "h264" | "hevc" | "av1";

/** Audio codecs that encoders make and that a ladder may pass through. */
export type AudioCodec = "aac" | "opus";

/** What to encode a video track to. */
export interface VideoSettings {
  readonly codec: VideoCodec;
  /** Pixels, even. */
  readonly width: number;
  /** Pixels, even. */
  readonly height: number;
  /**
   * Nominal frames per second. Where the source has at least twice as many, every second (third, …) frame of it is left out;
   * otherwise every frame of the source becomes one of the rendition.
   */
  readonly frameRate: number;
  /** Average, bits per second. Peaks stay below 1.1 times this, measured over one second. */
  readonly bitrate: number;
}

/** What to encode an audio track to. */
export interface AudioSettings {
  readonly codec: AudioCodec;
  /** Bits per second. */
  readonly bitrate: number;
  /** Hz. 48000 for Opus. */
  readonly sampleRate: number;
  /** 1 or 2. */
  readonly channels: number;
}

/**
 * One rendition: `"copy"` passes the source's own packets through, settings encode, absence leaves that kind of media out.
 *
 * {@link createLadder} makes video-only rungs and one audio-only rung per audio track, because CMAF keeps tracks apart (ISO 23000-19 §7.3.2)
 * and one audio track then serves all video rungs and, alone, viewers without bandwidth for a picture. Ladders written by hand may mix.
 */
export interface Rung {
  /** Unique in the ladder; appears in URLs: letters, digits, `.`, `_`, `-`. */
  readonly name: string;
  readonly video?: VideoSettings | "copy";
  readonly audio?: AudioSettings | "copy";
  /** Id of the source's video track. Default: its first. */
  readonly videoTrack?: number;
  /** Id of the source's audio track. Default: its first. */
  readonly audioTrack?: number;
}
