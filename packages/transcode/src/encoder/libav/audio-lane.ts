/** One encoded sound stream: resample, cut into the encoder's frames, encode. Runs in the encoder process. */

import { AV_CODEC_FLAG_GLOBAL_HEADER, AVERROR_EAGAIN, AVERROR_EOF } from "node-av/constants";
import {
  avGetSampleFmtName,
  Codec,
  CodecContext,
  type FilterContext,
  FilterGraph,
  Frame,
  Packet,
  Rational,
} from "node-av/lib";
import type { AudioSettings } from "../../ladder/rung.ts";
import { audioCodecOptions, audioFilter } from "../codec-options.ts";
import { describe } from "./decoder.ts";
import { check, createFilter } from "./filters.ts";
import { setOptions } from "./options.ts";
import { receivePackets } from "./receive.ts";

/** What a lane is told about its source and rung. */
export interface AudioLaneOptions {
  readonly settings: AudioSettings;
  /** Ticks per second of frames in. Packets out count samples. */
  readonly timescale: number;
  /** The packet is only valid during the call. */
  readonly onPacket: (packet: Packet, encoder: CodecContext) => Promise<void>;
}

/** Resamples and encodes. One call at a time. */
export class AudioLane {
  readonly #options: AudioLaneOptions;
  readonly #packet = new Packet();
  #input: string | undefined;
  #graph: FilterGraph | undefined;
  #source: FilterContext | undefined;
  #sink: FilterContext | undefined;
  #encoder: CodecContext | undefined;
  /** Time of the first sample, in samples: what an encoder gives before is its priming, which no one shall hear. */
  #start: bigint | undefined;

  constructor(options: AudioLaneOptions) {
    this.#options = options;
    this.#packet.alloc();
  }

  /** Takes the frame over. */
  async push(frame: Frame): Promise<void> {
    const { order, mask, nbChannels } = frame.channelLayout;
    const layout = order === 1 && mask !== 0n ? `0x${mask.toString(16)}` : `${nbChannels}c`;
    const format = avGetSampleFmtName(frame.format as Parameters<typeof avGetSampleFmtName>[0]);
    const input = `sample_rate=${frame.sampleRate}:sample_fmt=${format}:channel_layout=${layout}:time_base=1/${this.#options.timescale}`;
    try {
      if (input !== this.#input) {
        await this.#drainGraph();
        this.#configure(input);
      }
      check(await this.#source!.buffersrcAddFrame(frame), "audio filter");
    } finally {
      frame.free();
    }
    await this.#encodeReady();
  }

  /** Gives what is left, and ends. */
  async flush(): Promise<void> {
    await this.#drainGraph();
    if (this.#encoder !== undefined) await this.#give(await this.#encoder.sendFrame(null));
  }

  close(): void {
    this.#graph?.free();
    this.#encoder?.freeContext();
    this.#packet.free();
  }

  #configure(input: string): void {
    this.#graph?.free();
    const graph = new FilterGraph();
    graph.alloc();
    graph.nbThreads = 1;
    this.#source = createFilter(graph, "abuffer", "in", input);
    let last = this.#source;
    for (const [index, text] of audioFilter(this.#options.settings).entries()) {
      const at = text.indexOf("=");
      const next = createFilter(graph, text.slice(0, at), `f${index}`, text.slice(at + 1));
      check(last.link(0, next, 0), text);
      last = next;
    }
    this.#sink = createFilter(graph, "abuffersink", "out", null);
    check(last.link(0, this.#sink, 0), "abuffersink");
    check(graph.configSync(), "audio filter graph");
    this.#graph = graph;
    this.#input = input;
  }

  async #drainGraph(): Promise<void> {
    if (this.#source === undefined) return;
    check(await this.#source.buffersrcAddFrame(null), "audio filter");
    await this.#encodeReady();
  }

  async #encodeReady(): Promise<void> {
    for (;;) {
      const frame = new Frame();
      frame.alloc();
      try {
        const result = this.#sink!.buffersinkGetFrameSync(frame);
        if (result === AVERROR_EAGAIN || result === AVERROR_EOF) return;
        check(result, "audio filter");
        this.#encoder ??= this.#open(frame);
        this.#start ??= frame.pts;
        await this.#give(await this.#encoder.sendFrame(frame));
      } finally {
        frame.free();
      }
    }
  }

  #open(frame: Frame): CodecContext {
    const { encoder: name, options } = audioCodecOptions(this.#options.settings);
    const codec = Codec.findEncoderByName(name as never);
    if (codec === null) throw new Error(`this build of node-av has no encoder ${name}`);
    const encoder = new CodecContext();
    encoder.allocContext3(codec);
    encoder.sampleRate = frame.sampleRate;
    encoder.sampleFormat = frame.format as CodecContext["sampleFormat"];
    encoder.channelLayout = frame.channelLayout;
    encoder.timeBase = new Rational(1, frame.sampleRate);
    encoder.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
    setOptions(encoder, options);
    const result = encoder.open2Sync(codec);
    if (result < 0) throw new Error(`${name} does not open: ${describe(result)}`);
    return encoder;
  }

  #give(sent: number): Promise<void> {
    const encoder = this.#encoder!;
    return receivePackets(encoder, sent, this.#packet, async (packet) => {
      if (packet.pts >= this.#start!) await this.#options.onPacket(packet, encoder);
    });
  }
}
