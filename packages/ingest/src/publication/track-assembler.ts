/** One track of a publication: its configuration as it changes, its clock, and the packet that waits for its duration. */

import type { Packet, Track } from "@ami-streams/media";
import type { AudioTag, VideoTag } from "../rtmp/flv/tag.ts";
import { AudioClock } from "./audio-clock.ts";
import { VIDEO_TIMESCALE } from "./frame-grid.ts";
import type { RepairKind } from "./repairs.ts";
import { createSampleFormat, type SampleFormat } from "./sample-format.ts";
import { VideoClock } from "./video-clock.ts";

/** A frame whose time on the publication's timeline is known, and whose track's configuration is too. */
export interface Frame {
  readonly assembler: TrackAssembler;
  readonly format: SampleFormat;
  /** Continuous milliseconds. */
  readonly time: number;
  /** Milliseconds. */
  readonly compositionTime: number;
  readonly keyframe: boolean;
  readonly data: Uint8Array;
  /** Milliseconds since the Unix epoch. */
  readonly receivedAt: number;
}

/** Where a track puts what it makes. */
export interface TrackSink {
  packet(packet: Packet): void;
  repaired(kind: RepairKind, count: number): void;
}

const DEFAULT_FRAME_TICKS = VIDEO_TIMESCALE / 25;

/** Ids of tracks: 1 and 2 for the first video and audio, then alternating. */
export function trackIdOf(kind: "video" | "audio", trackId: number): number {
  return 2 * trackId + (kind === "video" ? 1 : 2);
}

/** See the module comment. */
export class TrackAssembler {
  readonly id: number;
  readonly kind: "video" | "audio";
  readonly #sink: TrackSink;
  #format: SampleFormat | undefined;
  #videoClock: VideoClock | undefined;
  #audioClock: AudioClock | undefined;
  #audioTimescale = 0;
  #held: Omit<Packet, "duration"> | undefined;
  #lastDuration = 0;

  constructor(kind: "video" | "audio", id: number, sink: TrackSink) {
    this.kind = kind;
    this.id = id;
    this.#sink = sink;
  }

  /** The configuration of what comes next; undefined until there is one. */
  get format(): SampleFormat | undefined {
    return this.#format;
  }

  /**
   * Takes a decoder configuration, or a frame of a codec that has none.
   *
   * @param frameRate - what `onMetaData` says.
   * @returns whether it is a new one.
   * @throws {MediaError} when it cannot be read; the one before stays.
   */
  configure(tag: VideoTag | AudioTag, frameRate: number | undefined): boolean {
    if (this.#format?.matches(tag) === true) return false;
    this.#format = createSampleFormat(tag, this.id, frameRate);
    return true;
  }

  /** Takes a frame whose turn has come. `origin` is the publication's, in continuous milliseconds. */
  write(frame: Frame, origin: number): void {
    const { track } = frame.format;
    if (this.#held !== undefined && this.#held.track !== track) this.flush();
    if (track.kind === "video") this.#writeVideo(frame, track, origin);
    else this.#writeAudio(frame, track, origin);
  }

  /** Takes the next configuration for a new one. */
  forget(): void {
    this.flush();
    this.#format = undefined;
  }

  /** Lets go of the packet that waits for the next one. */
  flush(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#emit(held, this.#lastDuration || DEFAULT_FRAME_TICKS);
  }

  #writeVideo(frame: Frame, track: Track, origin: number): void {
    this.#videoClock ??= new VideoClock(frame.format.frameRate);
    const clock = this.#videoClock;
    const { nonMonotonic, negativeComposition, implausibleComposition } = clock;
    const { dts, pts, duration } = clock.next(frame.time - origin, frame.compositionTime);
    if (clock.nonMonotonic !== nonMonotonic) this.#sink.repaired("nonMonotonic", 1);
    if (clock.negativeComposition !== negativeComposition) this.#sink.repaired("negativeComposition", 1);
    if (clock.implausibleComposition !== implausibleComposition) this.#sink.repaired("implausibleComposition", 1);
    const held = this.#held;
    if (held !== undefined) {
      this.#held = undefined;
      this.#emit(held, dts - held.dts);
    }
    const packet = { track, dts, pts, keyframe: frame.keyframe, data: frame.data, receivedAt: frame.receivedAt };
    if (duration === undefined) this.#held = packet;
    else this.#emit(packet, duration);
  }

  #writeAudio(frame: Frame, track: Track, origin: number): void {
    if (this.#audioClock === undefined || this.#audioTimescale !== track.timescale) {
      this.#audioClock = new AudioClock(track.timescale);
      this.#audioTimescale = track.timescale;
    }
    const clock = this.#audioClock;
    const { resyncs } = clock;
    const { dts, duration } = clock.next(frame.time - origin, frame.format.duration(frame.data));
    if (clock.resyncs !== resyncs) this.#sink.repaired("audioResync", 1);
    const { data, receivedAt } = frame;
    this.#sink.packet({ track, dts, pts: dts, duration, keyframe: true, data, receivedAt });
  }

  #emit(packet: Omit<Packet, "duration">, duration: number): void {
    this.#lastDuration = duration;
    const { track, dts, pts, keyframe, data, receivedAt } = packet;
    this.#sink.packet({
      track,
      dts,
      pts,
      duration,
      keyframe,
      data,
      ...(receivedAt === undefined ? {} : { receivedAt }),
    });
  }
}
