/** The second seam of the suite: media is tracks and packets. Ingest makes them, transcode takes and gives them. */

/** What a track carries. */
export type TrackKind = "video" | "audio";

interface TrackBase {
  /** Unique within its source, from 1. The `track_ID` of ISO 14496-12 §8.3.2. */
  readonly id: number;
  /** RFC 6381 codec string, e.g. `avc1.64001f`, `hvc1.1.6.L93.B0`, `av01.0.04M.08`, `mp4a.40.2`, `opus`, `mp4a.6b`. */
  readonly codec: string;
  /** Ticks per second of every timestamp of this track. */
  readonly timescale: number;
  /**
   * Decoder configuration in the form CMAF stores: the body of `avcC`, `hvcC`, `av1C` or `dOps`, or an AudioSpecificConfig for AAC.
   * Empty for MP3, which needs none.
   */
  readonly config: Uint8Array;
  /** Bits per second if the source says so. A hint: BANDWIDTH is measured. */
  readonly bitrate?: number;
  /** BCP 47. */
  readonly language?: string;
  /** For people, e.g. `720p`. */
  readonly name?: string;
}

/** A video track. Samples are length-prefixed (4 bytes) NAL units for H.264 and HEVC, temporal units without temporal delimiters for AV1. */
export interface VideoTrack extends TrackBase {
  readonly kind: "video";
  /** Coded width in pixels after cropping. */
  readonly width: number;
  /** Coded height in pixels after cropping. */
  readonly height: number;
  /** Nominal frames per second, where it is known. */
  readonly frameRate?: number;
}

/** An audio track. A sample is one access unit of the codec (raw AAC frame, Opus packet, MP3 frame), without ADTS. */
export interface AudioTrack extends TrackBase {
  readonly kind: "audio";
  /** Hz. */
  readonly sampleRate: number;
  readonly channels: number;
}

/**
 * One elementary stream of a {@link PacketSource}.
 *
 * Tracks are immutable and compared by identity: when a source changes a track's configuration, or starts it anew (a restarted
 * encoder, a publisher that came back), its packets refer to a new `Track` object with the same `id`. A packager answers that
 * with a new initialisation segment and a discontinuity.
 */
export type Track = VideoTrack | AudioTrack;

/** One coded sample of one track, in decoding order. Treat it as immutable: many readers share it. */
export interface Packet {
  readonly track: Track;
  /** Decoding time in `track.timescale` ticks. A safe integer, ≥ 0, strictly increasing within a track. */
  readonly dts: number;
  /** Presentation time in ticks, ≥ `dts`. */
  readonly pts: number;
  /** Ticks until the next packet of the track, > 0. The source may have to guess the last one. */
  readonly duration: number;
  /** A decoder can start here: an IDR or CRA with parameter sets in `track.config`, any audio sample. */
  readonly keyframe: boolean;
  readonly data: Uint8Array;
  /** When the packet came in, milliseconds since the Unix epoch. Kept through transcoding, so that delay can be measured. */
  readonly receivedAt?: number;
}

/** How a reader of a {@link PacketSource} wants to read. */
export interface ReadOptions {
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal;
}

/**
 * Something that gives packets: a publication, an encoder's rendition, a file.
 *
 * Timestamps of all tracks share one origin: tick / timescale is the same instant in each.
 */
export interface PacketSource {
  /** The tracks as of now, complete before the first packet. */
  readonly tracks: readonly Track[];
  /**
   * Packets of all tracks, in decoding order per track and interleaved by time. Each call is a reader of its own: it starts at a keyframe of the
   * video (where there is one) and falls behind alone.
   */
  packets(options?: ReadOptions): AsyncIterable<Packet>;
}
