/**
 * Makes tracks and packets of RTMP's audio, video and data messages. No I/O, no timers: the caller brings the time.
 *
 * ```
 * message ─► tags ─► timeline (ms, continuous) ─► held until the tracks are known ─► clocks (ticks, exact) ─► packets
 * ```
 */

import {
  av1ConfigFromTemporalUnit,
  MediaError,
  type Packet,
  type Track,
  writeAv1Config,
  writeOpusHead,
} from "@ami-streams/media";
import { IngestError } from "../errors.ts";
import type { AmfLimits } from "../rtmp/amf0/amf-value.ts";
import { readData } from "../rtmp/command/command.ts";
import { readAudioTags } from "../rtmp/flv/audio-tag.ts";
import type { FlvTag } from "../rtmp/flv/tag.ts";
import { readVideoTags } from "../rtmp/flv/video-tag.ts";
import { MessageType, type RtmpMessage } from "../rtmp/message/message.ts";
import { HeldFrames } from "./held-frames.ts";
import { type MediaHint, readMediaHint } from "./media-hint.ts";
import { noRepairs, type RepairKind, type Repairs } from "./repairs.ts";
import type { Samples } from "./sample-format.ts";
import { Timeline } from "./timeline.ts";
import { type Frame, TrackAssembler, trackIdOf } from "./track-assembler.ts";

/** How long the first track waits for the other kind when nothing is known of it. Milliseconds, of the clock or of media. */
const DEFAULT_TRACK_WAIT = 1_000;

/** The same when `onMetaData` announces the other kind. */
const ANNOUNCED_TRACK_WAIT = 3_000;

/** The same when `onMetaData` names only one kind. */
const UNANNOUNCED_TRACK_WAIT = 300;

/** Bytes of frames, with their overhead, held until the tracks are known. A publication that passes it starts with the tracks it has. */
const MAX_HELD_BYTES = 8 * 1024 * 1024;

/** Audio held while the first keyframe of the video is awaited. Milliseconds. */
const MAX_HELD_AUDIO = 2_000;

/** Audio packets that wait until the duration of the first picture is known: a second or so. */
const MAX_LEADING_PACKETS = 64;

/** Tracks of one publication: multitrack messages could name 512. */
const MAX_TRACKS = 16;

/** The OpusHead of senders that give none: decoders make stereo of mono packets too. */
const STEREO_OPUS = writeOpusHead({
  channels: 2,
  preSkip: 0,
  inputSampleRate: 0,
  outputGain: 0,
  mappingFamily: 0,
});

/** Takes what an assembler makes. */
export interface AssemblerSink {
  /** Once, before the first packet. */
  start(tracks: readonly Track[]): void;
  /** A track was configured anew. */
  retrack(tracks: readonly Track[]): void;
  packet(packet: Packet): void;
  /** Something was put right, or dropped. */
  repaired(kind: RepairKind, detail: string): void;
}

/** See the module comment. */
export class PublicationAssembler {
  readonly #sink: AssemblerSink;
  readonly #amf: AmfLimits;
  readonly #timeline = new Timeline();
  readonly #assemblers = new Map<number, TrackAssembler>();
  readonly #tracks = new Map<number, Track>();
  /** Video tracks that must not be passed on until a keyframe comes. */
  readonly #awaitingKeyframe = new Set<number>();
  #held: HeldFrames | null = new HeldFrames();
  #heldSince: number | undefined;
  /** Audio that waits for the first picture to go first: readers start there. Null once it has. */
  #leading: Packet[] | null = [];
  #hint: MediaHint | undefined;
  #origin = 0;
  #repairs = noRepairs();

  constructor(sink: AssemblerSink, amf: AmfLimits = {}) {
    this.#sink = sink;
    this.#amf = amf;
  }

  /** The tracks are known and packets flow. */
  get started(): boolean {
    return this.#held === null;
  }

  /** Counts so far. */
  get repairs(): Readonly<Repairs> {
    return this.#repairs;
  }

  /**
   * Takes an audio, video or data message; others do nothing.
   *
   * @param now - milliseconds of a monotonic clock.
   * @param receivedAt - milliseconds since the Unix epoch.
   * @throws {IngestError} `UNSUPPORTED_CODEC`; `INVALID_MEDIA` when the first configuration of a track cannot be read.
   */
  push(message: RtmpMessage, now: number, receivedAt: number): void {
    switch (message.typeId) {
      case MessageType.Video:
      case MessageType.Audio:
        this.#media(message, now, receivedAt);
        break;
      case MessageType.DataAmf0:
      case MessageType.DataAmf3: {
        const hint = readMediaHint(readData(message, this.#amf));
        if (hint !== undefined) this.#hint = hint;
        break;
      }
      default:
    }
    if (this.#held !== null) this.poll(now);
  }

  /** Starts with the tracks there are when the others have been waited for long enough. */
  poll(now: number): void {
    const held = this.#held;
    if (held === null || held.empty || this.#awaitingKeyframe.size > 0) return;
    const { missing } = held;
    if (missing !== undefined && held.bytes < MAX_HELD_BYTES) {
      const elapsed = now - (this.#heldSince ?? now);
      if (Math.max(elapsed, held.span) < this.#patience(missing)) return;
    }
    this.#start(held.frames);
  }

  /** Another connection goes on with the same stream: its configurations are new ones, whatever they say. */
  restart(): void {
    for (const assembler of this.#assemblers.values()) assembler.forget();
  }

  /** No more messages come: lets go of what is held. */
  finish(): void {
    const held = this.#held;
    if (held !== null && !held.empty && this.#awaitingKeyframe.size === 0) this.#start(held.frames);
    if (this.#held === null) for (const assembler of this.#assemblers.values()) assembler.flush();
  }

  #patience(missing: "video" | "audio"): number {
    for (const assembler of this.#assemblers.values()) if (assembler.kind === missing) return ANNOUNCED_TRACK_WAIT;
    if (this.#hint === undefined) return DEFAULT_TRACK_WAIT;
    return this.#hint[missing] ? ANNOUNCED_TRACK_WAIT : UNANNOUNCED_TRACK_WAIT;
  }

  #media(message: RtmpMessage, now: number, receivedAt: number): void {
    let tags: FlvTag[];
    try {
      tags = message.typeId === MessageType.Video ? readVideoTags(message.payload) : readAudioTags(message.payload);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    for (const tag of tags) this.#tag(tag, message.timestamp, now, receivedAt);
  }

  #tag(tag: FlvTag, timestamp: number, now: number, receivedAt: number): void {
    if (tag.type !== "config" && tag.type !== "frame") return;
    if (tag.codec === null) {
      this.#unknownCodec(tag);
      return;
    }
    const assembler = this.#assemblerOf(tag);
    if (assembler === undefined) return;
    this.#configure(assembler, tag);
    if (tag.type === "frame") this.#frame(assembler, tag, timestamp, now, receivedAt);
  }

  #unknownCodec(tag: FlvTag): void {
    if (tag.trackId !== 0) {
      this.#repair("unknownCodec", `${tag.kind} track ${tag.trackId} is ${tag.codecName}`);
      return;
    }
    const known = tag.kind === "video" ? "H.264, HEVC or AV1" : "AAC, Opus or MP3";
    throw new IngestError("UNSUPPORTED_CODEC", `${tag.kind} codec ${tag.codecName} is not supported: send ${known}`);
  }

  #assemblerOf(tag: FlvTag): TrackAssembler | undefined {
    const id = trackIdOf(tag.kind, tag.trackId);
    const existing = this.#assemblers.get(id);
    if (existing !== undefined) return existing;
    if (this.#held === null || this.#assemblers.size >= MAX_TRACKS) {
      this.#repair("lateTrack", `${tag.kind} track ${tag.trackId} came after the publication had started`);
      return undefined;
    }
    const assembler = new TrackAssembler(tag.kind, id, {
      packet: (packet) => this.#packet(packet),
      repaired: (kind) => this.#repair(kind, `track ${id}`),
    });
    this.#assemblers.set(id, assembler);
    return assembler;
  }

  #configure(assembler: TrackAssembler, tag: FlvTag): void {
    try {
      const config = configOf(tag, assembler.format !== undefined);
      if (config === undefined) return;
      const changed = assembler.configure(config, this.#hint?.frameRate);
      if (changed && tag.kind === "video") this.#awaitingKeyframe.add(assembler.id);
    } catch (error) {
      if (assembler.format !== undefined || tag.type === "frame") {
        this.#malformed(error);
        return;
      }
      throw new IngestError("INVALID_MEDIA", `the ${tag.codecName} configuration cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  #frame(assembler: TrackAssembler, tag: FlvTag, timestamp: number, now: number, receivedAt: number): void {
    const { format } = assembler;
    if (format === undefined) {
      this.#repair("withoutConfig", `${tag.kind} before its configuration`);
      return;
    }
    const { rebases } = this.#timeline;
    const time = this.#timeline.place(assembler.id, timestamp, now) + tag.nanoOffset / 1e6;
    if (this.#timeline.rebases !== rebases) this.#repair("rebased", `track ${assembler.id} at ${timestamp} ms`);
    let samples: Samples;
    try {
      samples = format.read(tag);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    let keyframe = true;
    if (tag.kind === "video") {
      keyframe = tag.keyframe && samples.keyframe;
      if (tag.keyframe && !keyframe) this.#repair("falseKeyframe", `track ${assembler.id}`);
      if (!keyframe && this.#awaitingKeyframe.has(assembler.id)) return;
      this.#awaitingKeyframe.delete(assembler.id);
    }
    const compositionTime = tag.kind === "video" ? tag.compositionTime : 0;
    let start = time;
    for (const sample of samples.data) {
      const data = unpinned(sample);
      this.#place({ assembler, format, time: start, compositionTime, keyframe, data, receivedAt }, now);
      start += (1000 * format.duration(data)) / format.track.timescale;
    }
  }

  #place(frame: Frame, now: number): void {
    const held = this.#held;
    if (held === null) {
      this.#write(frame);
      return;
    }
    this.#heldSince ??= now;
    held.push(frame);
    // With video to come, old audio is of no use: nothing can be shown before the first keyframe.
    if (this.#awaitingKeyframe.size === 0) return;
    while (held.span > MAX_HELD_AUDIO || held.bytes > MAX_HELD_BYTES) if (!held.dropFirst()) return;
  }

  #start(held: readonly Frame[]): void {
    this.#held = null;
    this.#origin = held.reduce((earliest, frame) => Math.min(earliest, frame.time), Number.POSITIVE_INFINITY);
    for (const { assembler, format } of held) {
      if (!this.#tracks.has(assembler.id)) this.#tracks.set(assembler.id, format.track);
    }
    // A track without a frame yet still is one; its configuration says all.
    for (const assembler of this.#assemblers.values()) {
      if (assembler.format !== undefined && !this.#tracks.has(assembler.id)) {
        this.#tracks.set(assembler.id, assembler.format.track);
      }
    }
    const tracks = this.#trackList();
    if (tracks.every(({ kind }) => kind === "audio")) this.#leading = null;
    this.#sink.start(tracks);
    for (const frame of held) this.#write(frame);
  }

  #write(frame: Frame): void {
    const { assembler, format, time } = frame;
    if (!this.#tracks.has(assembler.id)) {
      this.#repair("lateTrack", `track ${assembler.id}`);
      return;
    }
    if (time < this.#origin) this.#repair("beforeOrigin", `track ${assembler.id}`);
    if (this.#tracks.get(assembler.id) !== format.track) {
      assembler.flush();
      this.#tracks.set(assembler.id, format.track);
      this.#sink.retrack(this.#trackList());
    }
    assembler.write(frame, this.#origin);
  }

  #packet(packet: Packet): void {
    const leading = this.#leading;
    if (leading !== null && packet.track.kind === "audio") {
      leading.push(packet);
      if (leading.length >= MAX_LEADING_PACKETS) for (const assembler of this.#assemblers.values()) assembler.flush();
      return;
    }
    this.#leading = null;
    this.#sink.packet(packet);
    if (leading !== null) for (const audio of leading) this.#sink.packet(audio);
  }

  #trackList(): Track[] {
    return [...this.#tracks.values()].sort((a, b) => a.id - b.id);
  }

  #malformed(error: unknown): void {
    if (!(error instanceof MediaError) && !(error instanceof IngestError && error.code === "INVALID_MEDIA"))
      throw error;
    this.#repair("malformed", error.message);
  }

  #repair(kind: RepairKind, detail: string): void {
    this.#repairs[kind] += 1;
    this.#sink.repaired(kind, detail);
  }
}

/** A view of a much larger message, an aggregate or one of many tracks, would keep all of it in memory and count only itself. */
function unpinned(sample: Uint8Array): Uint8Array {
  return sample.byteLength * 2 < sample.buffer.byteLength ? sample.slice() : sample;
}

/**
 * The tag that configures the track, if this one does. FFmpeg may send an empty sequence header before it knows better, an empty one of Opus means
 * stereo (Enhanced RTMP v2, ExAudioTagBody); MP3 has none; AV1 carries its own in every keyframe, for senders that give no other.
 */
function configOf(tag: FlvTag, configured: boolean): FlvTag | undefined {
  if (tag.type === "config") {
    if (tag.data.length > 0) return tag;
    return tag.codec === "opus" && !configured ? { ...tag, data: STEREO_OPUS } : undefined;
  }
  if (tag.codec === "mp3") return tag;
  if (tag.kind !== "video" || tag.codec !== "av1" || configured || !tag.keyframe) return undefined;
  const config = av1ConfigFromTemporalUnit(tag.data);
  return config === undefined ? undefined : { ...tag, type: "config", data: writeAv1Config(config) };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
