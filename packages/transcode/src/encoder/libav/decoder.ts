/** One decoder of FFmpeg, fed with packets of a track. Runs in the encoder process. */

import { parseOpusConfig, type Track, writeOpusHead } from "@ami-streams/media";
import {
  AV_CODEC_FLAG_LOW_DELAY,
  AV_CODEC_ID_AAC,
  AV_CODEC_ID_AV1,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_MP3,
  AV_CODEC_ID_OPUS,
  AVERROR_EAGAIN,
  AVERROR_EOF,
  FF_THREAD_SLICE,
} from "node-av/constants";
import { Codec, CodecContext, FFmpegError, Frame, Packet, Rational } from "node-av/lib";
import { TranscodeError } from "../../errors.ts";
import { audioCodecOf, videoCodecOf } from "../../ladder/codec.ts";
import type { PacketMessage } from "./protocol.ts";

/** Slices decode side by side without delay; frames would each cost one frame of delay per thread. */
const sliceThreads = 2;

/** Decodes one track. One call at a time. */
export class Decoder {
  readonly #context: CodecContext;
  readonly #packet = new Packet();

  /** @throws {TranscodeError} `UNSUPPORTED_CODEC`. */
  constructor(track: Track) {
    const id = codecId(track);
    // The native AV1 decoder of FFmpeg wants hardware: dav1d is the one in software.
    const codec = id === AV_CODEC_ID_AV1 ? Codec.findDecoderByName("libdav1d" as never) : id && Codec.findDecoder(id);
    if (!codec) throw new TranscodeError("UNSUPPORTED_CODEC", `no decoder for ${track.codec} in this build of node-av`);
    const context = new CodecContext();
    context.allocContext3(codec);
    context.pktTimebase = new Rational(1, track.timescale);
    const config = id === AV_CODEC_ID_OPUS ? writeOpusHead(parseOpusConfig(track.config)) : track.config;
    if (config.length > 0) context.extraData = Buffer.from(config.buffer, config.byteOffset, config.byteLength);
    if (track.kind === "video") {
      context.threadType = FF_THREAD_SLICE;
      context.threadCount = sliceThreads;
      if (id === AV_CODEC_ID_AV1) context.setFlags(AV_CODEC_FLAG_LOW_DELAY);
    } else {
      context.sampleRate = track.sampleRate;
      context.channels = track.channels;
    }
    const result = context.open2Sync(codec);
    if (result < 0) throw new TranscodeError("UNSUPPORTED_CODEC", `cannot decode ${track.codec}: ${describe(result)}`);
    this.#context = context;
    this.#packet.alloc();
  }

  /** Decodes; null flushes. The frames are the caller's to free. A refused packet is a message, and the decoder goes on. */
  async decode(packet: PacketMessage | null): Promise<{ frames: Frame[]; error: string | null }> {
    if (packet !== null) {
      this.#packet.unref();
      this.#packet.data = Buffer.from(packet.data.buffer, packet.data.byteOffset, packet.data.byteLength);
      this.#packet.pts = BigInt(packet.pts);
      this.#packet.dts = BigInt(packet.dts);
      this.#packet.duration = BigInt(packet.duration);
      this.#packet.isKeyframe = packet.keyframe;
    }
    // Work is done while sending: what follows only fetches results.
    const sent = await this.#context.sendPacket(packet === null ? null : this.#packet);
    const frames: Frame[] = [];
    let error = sent < 0 && sent !== AVERROR_EAGAIN && sent !== AVERROR_EOF ? describe(sent) : null;
    for (;;) {
      const frame = new Frame();
      frame.alloc();
      const received = this.#context.receiveFrameSync(frame);
      if (received >= 0) {
        frames.push(frame);
        continue;
      }
      frame.free();
      if (received === AVERROR_EAGAIN || received === AVERROR_EOF) return { frames, error };
      error = describe(received);
    }
  }

  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}

function codecId(track: Track) {
  if (track.kind === "video") {
    const codec = videoCodecOf(track);
    return codec && { h264: AV_CODEC_ID_H264, hevc: AV_CODEC_ID_HEVC, av1: AV_CODEC_ID_AV1 }[codec];
  }
  const codec = audioCodecOf(track);
  if (codec !== null) return codec === "aac" ? AV_CODEC_ID_AAC : AV_CODEC_ID_OPUS;
  return /^mp4a\.(6b|69|40\.34)$|^mp3$/i.test(track.codec) ? AV_CODEC_ID_MP3 : null;
}

/** FFmpeg's words for one of its error numbers. */
export function describe(error: number): string {
  return FFmpegError.strerror(error);
}
