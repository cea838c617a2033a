/** One encoded picture stream: scale, then encode. Lanes of a job work side by side. Runs in the encoder process. */

import { AV_CODEC_FLAG_GLOBAL_HEADER, AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE } from "node-av/constants";
import {
  avGetHardwareDeviceTypeFromName,
  avGetPixFmtFromName,
  Codec,
  CodecContext,
  type FilterContext,
  FilterGraph,
  Frame,
  HardwareDeviceContext,
  Packet,
  Rational,
} from "node-av/lib";
import type { VideoSettings } from "../../ladder/rung.ts";
import { type CodecOptions, frameStep, scaleFilter } from "../codec-options.ts";
import { toRational } from "../frame-rate.ts";
import { describe } from "./decoder.ts";
import { check, createFilter, findFilter } from "./filters.ts";
import { setOptions } from "./options.ts";
import { receivePackets } from "./receive.ts";

/** Frames that wait in a lane, besides the one it works on: bounds memory, and lets the next frame be decoded meanwhile. */
const maxWaiting = 1;

/** What a lane is told about its source and rung. */
export interface VideoLaneOptions {
  readonly settings: VideoSettings;
  readonly codec: CodecOptions;
  /** Ticks per second of frames in and packets out. */
  readonly timescale: number;
  /** Nominal, where known. */
  readonly sourceFrameRate: number | undefined;
  /** The packet is only valid during the call. */
  readonly onPacket: (packet: Packet, encoder: CodecContext) => Promise<void>;
}

/** Scales and encodes. */
export class VideoLane {
  readonly #options: VideoLaneOptions;
  readonly #step: number;
  readonly #packet = new Packet();
  #scaler: Scaler | undefined;
  #encoder: CodecContext | undefined;
  /** Counts frames since the last keyframe, so that those which are left out are the same in each group of pictures. */
  #phase = 0;
  #started = false;
  #tail: Promise<void> = Promise.resolve();
  readonly #waiting: Promise<void>[] = [];

  constructor(options: VideoLaneOptions) {
    this.#options = options;
    this.#step = frameStep(options.sourceFrameRate, options.settings.frameRate);
    this.#packet.alloc();
  }

  /** Takes a reference of the frame. Resolves when there is room for the next; rejects once encoding has failed. */
  async push(frame: Frame, keyframe: boolean): Promise<void> {
    // A rendition starts with a keyframe: pictures that a decoder gives before it lean on what nobody has.
    if (!this.#started && !keyframe) return;
    this.#started = true;
    this.#phase = keyframe ? 0 : this.#phase + 1;
    if (this.#phase % this.#step !== 0) return;
    const own = frame.clone();
    if (own === null) throw new Error("out of memory: no reference to a frame");
    const done = this.#tail.then(() => this.#encode(own, keyframe));
    this.#tail = done;
    this.#waiting.push(done);
    if (this.#waiting.length > maxWaiting) await this.#waiting.shift();
  }

  /** Gives what is left, and ends. */
  async flush(): Promise<void> {
    await this.#tail;
    if (this.#encoder !== undefined) await this.#give(await this.#encoder.sendFrame(null));
  }

  close(): void {
    this.#scaler?.close();
    this.#encoder?.freeContext();
    this.#packet.free();
  }

  async #encode(source: Frame, keyframe: boolean): Promise<void> {
    const frame = await this.#scale(source);
    try {
      frame.pictType = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
      frame.keyFrame = keyframe ? 1 : 0;
      this.#encoder ??= await this.#open(frame);
      await this.#give(await this.#encoder.sendFrame(frame));
    } finally {
      frame.free();
    }
  }

  async #scale(source: Frame): Promise<Frame> {
    if (this.#scaler?.fits(source) !== true) {
      this.#scaler?.close();
      this.#scaler = new Scaler(source, this.#options);
    }
    return this.#scaler.scale(source);
  }

  async #open(frame: Frame): Promise<CodecContext> {
    const { settings, codec: wanted, timescale } = this.#options;
    const codec = Codec.findEncoderByName(wanted.encoder as never);
    if (codec === null) throw new Error(`this build of node-av has no encoder ${wanted.encoder}`);
    const encoder = new CodecContext();
    encoder.allocContext3(codec);
    encoder.width = frame.width;
    encoder.height = frame.height;
    encoder.pixelFormat = frame.format as CodecContext["pixelFormat"];
    encoder.timeBase = new Rational(1, timescale);
    const { num, den } = toRational(settings.frameRate);
    encoder.framerate = new Rational(num, den);
    encoder.sampleAspectRatio = frame.sampleAspectRatio;
    encoder.colorRange = frame.colorRange;
    encoder.colorPrimaries = frame.colorPrimaries;
    encoder.colorTrc = frame.colorTrc;
    encoder.colorSpace = frame.colorSpace;
    encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    if (frame.hwFramesCtx !== null) encoder.hwFramesCtx = frame.hwFramesCtx;
    setOptions(encoder, wanted.options);
    // Not on the main thread: as root, SVT-AV1 gives the thread that opens it real-time priority, and keeps all others of Node waiting.
    const result = await encoder.open2(codec);
    if (result < 0) throw new Error(`${wanted.encoder} does not open: ${describe(result)}`);
    return encoder;
  }

  #give(sent: number): Promise<void> {
    const encoder = this.#encoder!;
    return receivePackets(encoder, sent, this.#packet, (packet) => this.#options.onPacket(packet, encoder));
  }
}

/** A filter graph for frames of one size and format. */
class Scaler {
  readonly #width: number;
  readonly #height: number;
  readonly #format: Frame["format"];
  readonly #graph: FilterGraph | null;
  readonly #source: FilterContext | undefined;
  readonly #sink: FilterContext | undefined;
  readonly #device: HardwareDeviceContext | undefined;

  constructor(frame: Frame, { settings, codec, timescale }: VideoLaneOptions) {
    this.#width = frame.width;
    this.#height = frame.height;
    this.#format = frame.format;
    const filters = scaleFilter(frame, settings);
    const onDevice = codec.format === "vaapi";
    const format = onDevice ? "nv12" : codec.format;
    if (frame.format !== avGetPixFmtFromName(format)) filters.push(`format=${format}`);
    if (onDevice) filters.push("hwupload");
    if (filters.length === 0) {
      this.#graph = null;
      return;
    }
    this.#graph = new FilterGraph();
    this.#graph.alloc();
    this.#graph.nbThreads = 1;
    const { num, den } = frame.sampleAspectRatio;
    const parameters = `video_size=${frame.width}x${frame.height}:pix_fmt=${frame.format}:time_base=1/${timescale}:pixel_aspect=${num}/${Math.max(den, 1)}:colorspace=${frame.colorSpace}:range=${frame.colorRange}`;
    this.#source = createFilter(this.#graph, "buffer", "in", parameters);
    let last = this.#source;
    if (onDevice) {
      this.#device = new HardwareDeviceContext();
      const result = this.#device.create(avGetHardwareDeviceTypeFromName("vaapi" as never), null);
      if (result < 0) throw new Error(`no VAAPI device: ${describe(result)}`);
    }
    for (const [index, filter] of filters.entries()) {
      const [name = "", args = ""] = split(filter);
      const next = this.#graph.allocFilter(findFilter(name), `f${index}`);
      if (next === null) throw new Error(`filter ${filter} cannot be made`);
      if (name === "hwupload") next.hwDeviceCtx = this.#device!;
      check(next.initStr(args), filter);
      check(last.link(0, next, 0), filter);
      last = next;
    }
    this.#sink = createFilter(this.#graph, "buffersink", "out", null);
    check(last.link(0, this.#sink, 0), "buffersink");
    check(this.#graph.configSync(), "filter graph");
  }

  fits(frame: Frame): boolean {
    return frame.width === this.#width && frame.height === this.#height && frame.format === this.#format;
  }

  /** Takes the frame over, and gives another or the same. */
  async scale(frame: Frame): Promise<Frame> {
    if (this.#source === undefined || this.#sink === undefined) return frame;
    const result = await this.#source.buffersrcAddFrame(frame);
    frame.free();
    check(result, "scale");
    const scaled = new Frame();
    scaled.alloc();
    check(await this.#sink.buffersinkGetFrame(scaled), "scale");
    return scaled;
  }

  close(): void {
    this.#graph?.free();
    this.#device?.free();
  }
}

function split(filter: string): [string, string] {
  const at = filter.indexOf("=");
  return at < 0 ? [filter, ""] : [filter.slice(0, at), filter.slice(at + 1)];
}
