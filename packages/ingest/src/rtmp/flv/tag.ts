/** What a video or audio message holds, once its header is understood. */

import type { AudioCodec, VideoCodec } from "./codec.ts";

interface TagBase {
  /** 0 without multitrack. */
  readonly trackId: number;
  /** What the sender calls the codec. */
  readonly codecName: string;
  /** Nanoseconds, below one millisecond, to add to the message's time (ModEx of Enhanced RTMP v2). */
  readonly nanoOffset: number;
  /** View of the message. */
  readonly data: Uint8Array;
}

/**
 * `config`: decoder configuration (avcC, hvcC or av1C). `frame`: one access unit. `end`: no more for now.
 * `metadata`: AMF about the picture. `other`: known, and of no use here.
 */
export interface VideoTag extends TagBase {
  readonly kind: "video";
  readonly type: "config" | "frame" | "end" | "metadata" | "other";
  readonly codec: VideoCodec | null;
  /** The sender says that decoding can start here. */
  readonly keyframe: boolean;
  /** Milliseconds from decoding to presentation. Negative ones exist. */
  readonly compositionTime: number;
}

/** `config`: AudioSpecificConfig or OpusHead. `frame`: one access unit, or several MP3 frames. */
export interface AudioTag extends TagBase {
  readonly kind: "audio";
  readonly type: "config" | "frame" | "end" | "other";
  readonly codec: AudioCodec | null;
}

/** One track's part of an audio or video message. */
export type FlvTag = VideoTag | AudioTag;
