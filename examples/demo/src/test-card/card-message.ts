/** What a test card and its process say to each other. */

/** The process's only argument, as JSON. */
export interface CardProcessOptions {
  readonly width: number;
  readonly height: number;
  readonly frameRate: number;
  /** Seconds. */
  readonly keyframeInterval: number;
  /** Bits per second. */
  readonly videoBitrate: number;
  /** Bits per second. */
  readonly audioBitrate: number;
  /** Ticks per second. */
  readonly videoTimescale: number;
  /** Hz. */
  readonly sampleRate: number;
  readonly caption: string;
}

/** From the process, by IPC with structured clones. */
export type CardMessage =
  | {
      readonly kind: "tracks";
      /** Wall clock at time 0, milliseconds since the Unix epoch: a full second. */
      readonly epoch: number;
      /** SPS and PPS in Annex B. */
      readonly h264: Uint8Array;
      /** AudioSpecificConfig. */
      readonly aac: Uint8Array;
    }
  | {
      readonly kind: "packet";
      readonly track: "video" | "audio";
      readonly pts: number;
      readonly keyframe: boolean;
      /** Annex B for video. */
      readonly data: Uint8Array;
    };
