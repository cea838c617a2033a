/** Sources for encoder tests, made by FFmpeg's own encoders: pictures that move, a tone that does not stop. */

import { audioTrackFromConfig, type Packet, type Track, videoTrackFromConfig } from "@ami-streams/media";
import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_LOG_ERROR,
  AV_PICTURE_TYPE_I,
  AV_PICTURE_TYPE_NONE,
  AVERROR_EAGAIN,
  AVERROR_EOF,
} from "node-av/constants";
import { Codec, CodecContext, Filter, FilterGraph, Frame, Log, Packet as NativePacket, Rational } from "node-av/lib";
import { setOptions } from "../libav/options.ts";
import { createPacketizer } from "../libav/packetizer.ts";

Log.setLevel(AV_LOG_ERROR);

/** Seconds that every source starts after 0, for B-frames. */
const start = 1;
/** What `receivedAt` of a packet at time 0 would be. */
export const receivedAtOrigin = 1_700_000_000_000;

/** A picture source. */
export interface VideoRecipe {
  readonly codec?: "h264" | "hevc";
  readonly width?: number;
  readonly height?: number;
  /** Frames per second, as a fraction. */
  readonly rate?: readonly [number, number];
  readonly frames?: number;
  /** Numbers of frames that are keyframes. */
  readonly keyframes?: readonly number[];
  readonly bFrames?: number;
  /** First frame's number: pictures and times start there. */
  readonly from?: number;
  readonly id?: number;
  /** FFmpeg filters after the pattern, e.g. noise. */
  readonly filters?: string;
}

const videoEncoders = { h264: "libx264", hevc: "libx265" };

/** Makes a track and its packets, in decoding order. */
export function synthesizeVideo(recipe: VideoRecipe = {}): { track: Track; packets: Packet[] } {
  const {
    codec = "h264",
    width = 320,
    height = 180,
    rate = [25, 1],
    frames = 60,
    bFrames = 0,
    from = 0,
    id = 1,
  } = recipe;
  const filters = recipe.filters === undefined ? "" : `${recipe.filters},`;
  const keyframes = new Set(recipe.keyframes ?? [0, 25, 50]);
  const [timescale, ticks] = rate[1] === 1 ? [rate[0] * 1000, 1000] : rate;
  const source = graphOf(
    `testsrc2=size=${width}x${height}:rate=${rate[0]}/${rate[1]},${filters}format=yuv420p`,
    "buffersink",
  );
  const bitrate = String(Math.max(400_000, width * height * 4));
  const encoder = openEncoder(videoEncoders[codec], (context) => {
    context.width = width;
    context.height = height;
    context.pixelFormat = 0 as CodecContext["pixelFormat"];
    context.timeBase = new Rational(1, timescale);
    context.framerate = new Rational(rate[0], rate[1]);
    const common = { preset: "ultrafast", b: bitrate, g: "1000", bf: String(bFrames), "forced-idr": "1", threads: "1" };
    return codec === "h264"
      ? { ...common, sc_threshold: "0" }
      : { ...common, "x265-params": `log-level=error:scenecut=0:pools=1:bframes=${bFrames}` };
  });
  const packets: { pts: number; dts: number; keyframe: boolean; data: Uint8Array }[] = [];
  for (let number = 0; number < frames; number += 1) {
    const frame = source();
    frame.pts = BigInt((from + number) * ticks);
    frame.pictType = keyframes.has(number) ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    packets.push(...encode(encoder, frame));
    frame.free();
  }
  packets.push(...encode(encoder, null));
  const packetizer = createPacketizer(codec, encoder.extraData ?? new Uint8Array(), packets[0]!.data);
  const track = videoTrackFromConfig({ codec, id, config: packetizer.config, timescale, frameRate: rate[0] / rate[1] });
  encoder.freeContext();
  return {
    track,
    packets: packets.map(({ pts, dts, keyframe, data }) => ({
      track,
      pts: pts + start * timescale,
      dts: dts + start * timescale,
      duration: ticks,
      keyframe,
      data: packetizer.sample(data),
      receivedAt: receivedAtOrigin + Math.round((pts * 1000) / timescale),
    })),
  };
}

/** A tone source. */
export interface AudioRecipe {
  readonly codec?: "aac" | "mp3";
  readonly sampleRate?: number;
  readonly seconds?: number;
  readonly id?: number;
}

const audioEncoders = {
  aac: { name: "aac", samples: 1024 },
  mp3: { name: "libmp3lame", samples: 1152 },
};

/** Makes a track and its packets. */
export function synthesizeAudio(recipe: AudioRecipe = {}): { track: Track; packets: Packet[] } {
  const { codec = "aac", sampleRate = 48_000, seconds = 2.4, id = 2 } = recipe;
  const { name, samples } = audioEncoders[codec];
  const source = graphOf(
    `sine=frequency=440:sample_rate=${sampleRate},aformat=sample_fmts=fltp:channel_layouts=stereo,asetnsamples=n=${samples}:p=0`,
    "abuffersink",
  );
  let encoder: CodecContext | undefined;
  const packets: { pts: number; data: Uint8Array }[] = [];
  for (let sample = 0; sample < seconds * sampleRate; sample += samples) {
    const frame = source();
    encoder ??= openEncoder(name, (context) => {
      context.sampleRate = sampleRate;
      context.sampleFormat = frame.format as CodecContext["sampleFormat"];
      context.channelLayout = frame.channelLayout;
      context.timeBase = new Rational(1, sampleRate);
      return { b: "96000" };
    });
    frame.pts = BigInt(sample);
    packets.push(...encode(encoder, frame));
    frame.free();
  }
  const header = new Uint8Array(encoder!.extraData ?? []);
  const track =
    codec === "mp3"
      ? audioTrackFromConfig({ codec, id, frame: packets[0]!.data })
      : audioTrackFromConfig({ codec, id, config: header });
  return {
    track,
    packets: packets
      .filter(({ pts }) => pts >= 0)
      .map(({ pts, data }) => {
        const time = pts + start * sampleRate;
        const receivedAt = receivedAtOrigin + Math.round((pts * 1000) / sampleRate);
        return { track, pts: time, dts: time, duration: samples, keyframe: true, data, receivedAt };
      }),
  };
}

/** Packets of several tracks, by time. */
export function interleave(...tracks: readonly (readonly Packet[])[]): Packet[] {
  return tracks.flat().sort((a, b) => a.dts / a.track.timescale - b.dts / b.track.timescale);
}

function graphOf(chain: string, sinkName: string): () => Frame {
  const graph = new FilterGraph();
  graph.alloc();
  let last: ReturnType<FilterGraph["createFilter"]> = null;
  for (const [index, text] of [...chain.split(","), sinkName].entries()) {
    const at = text.indexOf("=");
    const [name, args] = at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + 1)];
    const next = graph.createFilter(Filter.getByName(name)!, `f${index}`, args);
    if (next === null) throw new Error(`no filter ${text}`);
    last?.link(0, next, 0);
    last = next;
  }
  if (graph.configSync() < 0) throw new Error(`bad filters ${chain}`);
  const sink = last!;
  return () => {
    const frame = new Frame();
    frame.alloc();
    if (sink.buffersinkGetFrameSync(frame) < 0) throw new Error(`${chain} gave no frame`);
    return frame;
  };
}

function openEncoder(name: string, configure: (context: CodecContext) => Record<string, string>): CodecContext {
  const codec = Codec.findEncoderByName(name as never)!;
  const context = new CodecContext();
  context.allocContext3(codec);
  const options = configure(context);
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  setOptions(context, options);
  if (context.open2Sync(codec) < 0) throw new Error(`${name} does not open`);
  return context;
}

function encode(encoder: CodecContext, frame: Frame | null) {
  const packets: { pts: number; dts: number; keyframe: boolean; data: Uint8Array }[] = [];
  if (encoder.sendFrameSync(frame) < 0) throw new Error("the fixture's encoder failed");
  const packet = new NativePacket();
  packet.alloc();
  for (;;) {
    const result = encoder.receivePacketSync(packet);
    if (result === AVERROR_EAGAIN || result === AVERROR_EOF) break;
    if (result < 0) throw new Error("the fixture's encoder failed");
    packets.push({
      pts: Number(packet.pts),
      dts: Number(packet.dts),
      keyframe: packet.isKeyframe,
      data: new Uint8Array(packet.data ?? []),
    });
    packet.unref();
  }
  packet.free();
  return packets;
}
