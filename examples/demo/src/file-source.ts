/** A media file as a live source: read in real time, again and again. */

import { access } from "node:fs/promises";
import {
  audioTrackFromConfig,
  createPacketBroadcast,
  type Packet,
  type PacketSource,
  type Track,
  videoTrackFromConfig,
} from "@ami-streams/media";
import { Demuxer } from "node-av/api";
import {
  AV_CODEC_ID_AAC,
  AV_CODEC_ID_AV1,
  AV_CODEC_ID_H264,
  AV_CODEC_ID_HEVC,
  AV_CODEC_ID_OPUS,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
} from "node-av/constants";
import { avGetCodecName, type Stream } from "node-av/lib";

/** A file that is played. Its time starts at 0 and goes on from one round to the next. */
export interface FileSource extends PacketSource, AsyncDisposable {
  /** Ends packets, closes the file. Idempotent. */
  close(): Promise<void>;
}

/** How far packets may be given before their time, in milliseconds. */
const aheadMilliseconds = 40;

interface Taken {
  readonly track: Track;
  readonly stream: Stream;
}

/**
 * Plays the first video and the first audio of a file as they are: nothing is encoded again. H.264, HEVC or AV1, and AAC or Opus.
 *
 * @param options.loop - starts again at the end. Default false: the source ends.
 * @throws when there is no such file, or nothing in it that RTMP carries, with what to do about it.
 */
export async function createFileSource(path: string, { loop = false }: { loop?: boolean } = {}): Promise<FileSource> {
  await access(path).catch((cause: unknown) => {
    throw new Error(`there is no file ${path}`, { cause });
  });
  const demuxer = await open(path);
  const taken = chooseTracks(demuxer, path);
  return new PlayingFile(path, loop, demuxer, taken);
}

async function open(path: string): Promise<Demuxer> {
  try {
    return await Demuxer.open(path, { copyTs: true });
  } catch (cause) {
    throw new Error(`${path} is no media file that FFmpeg can read`, { cause });
  }
}

function chooseTracks(demuxer: Demuxer, path: string): Taken[] {
  const taken: Taken[] = [];
  for (const type of [AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO]) {
    const stream = demuxer.streams.find(({ codecpar }) => codecpar.codecType === type);
    if (stream === undefined) continue;
    const track = describe(stream, taken.length + 1);
    if (track === null) {
      demuxer.closeSync();
      throw new Error(
        `${path} has ${avGetCodecName(stream.codecpar.codecId) ?? "something"} in it, which RTMP does not carry: convert it first, ` +
          "e.g. ffmpeg -i in -c:v libx264 -c:a aac out.mp4",
      );
    }
    taken.push({ stream, track });
  }
  if (taken.length > 0) return taken;
  demuxer.closeSync();
  throw new Error(`${path} has neither video nor audio`);
}

/** Null for a codec that RTMP, enhanced or not, has no way to carry. */
function describe({ codecpar, timeBase, avgFrameRate }: Stream, id: number): Track | null {
  const config = new Uint8Array(codecpar.getDecoderConfigurationRecord() ?? codecpar.extradata ?? []);
  const base = { id, config, timescale: timeBase.den };
  const rate = avgFrameRate.toDouble();
  const frameRate = rate > 0 ? { frameRate: rate } : {};
  switch (codecpar.codecId) {
    case AV_CODEC_ID_H264:
      return videoTrackFromConfig({ ...base, ...frameRate, codec: "h264" });
    case AV_CODEC_ID_HEVC:
      return videoTrackFromConfig({ ...base, ...frameRate, codec: "hevc" });
    case AV_CODEC_ID_AV1:
      return videoTrackFromConfig({ ...base, ...frameRate, codec: "av1" });
    case AV_CODEC_ID_AAC:
      return audioTrackFromConfig({ ...base, codec: "aac" });
    case AV_CODEC_ID_OPUS:
      return audioTrackFromConfig({ ...base, codec: "opus" });
    default:
      return null;
  }
}

class PlayingFile implements FileSource {
  readonly tracks: readonly Track[];
  readonly #path: string;
  readonly #loop: boolean;
  readonly #broadcast;
  readonly #stop = new AbortController();
  /** Where the next packet of sound may begin, in ticks of its track. */
  readonly #reached = new Map<Track, number>();
  readonly #playing: Promise<void>;

  constructor(path: string, loop: boolean, demuxer: Demuxer, taken: readonly Taken[]) {
    this.#path = path;
    this.#loop = loop;
    this.tracks = taken.map(({ track }) => track);
    this.#broadcast = createPacketBroadcast({ tracks: this.tracks });
    this.#playing = this.#play(demuxer, taken).then(
      () => this.#broadcast.end(),
      (error: unknown) => this.#broadcast.fail(error),
    );
  }

  packets(options?: { signal?: AbortSignal }): AsyncIterable<Packet> {
    return this.#broadcast.packets(options);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#playing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #play(first: Demuxer, taken: readonly Taken[]): Promise<void> {
    const start = performance.now();
    const byIndex = new Map(taken.map(({ stream, track }) => [stream.index, { track, unit: stream.timeBase.num }]));
    let offset = 0;
    for (let demuxer = first; ; demuxer = await open(this.#path)) {
      const end = await this.#playOnce(demuxer, byIndex, offset, start).finally(() => demuxer.close());
      if (this.#stop.signal.aborted || !this.#loop) return;
      if (end <= offset) throw new Error(`${this.#path} has no packets`);
      offset = end;
    }
  }

  /**
   * Plays from `offset` seconds on the source's clock, and gives the time at which the next round is due: where the pictures end, so that they go on
   * frame by frame. Sound that lasts longer stands in for the first of the next round.
   */
  async #playOnce(
    demuxer: Demuxer,
    tracks: ReadonlyMap<number, { track: Track; unit: number }>,
    offset: number,
    start: number,
  ): Promise<number> {
    const lead = [...tracks.values()].find(({ track }) => track.kind === "video") ?? [...tracks.values()][0];
    let origin: number | undefined;
    let begun: number | undefined;
    let end = offset;
    for await (const packet of demuxer.packets()) {
      if (packet === null || this.#stop.signal.aborted) break;
      const found = tracks.get(packet.streamIndex);
      if (found === undefined || packet.data === null) {
        packet.free();
        continue;
      }
      const data = new Uint8Array(packet.data);
      const { track, unit } = found;
      const { timescale } = track;
      // Files begin below or above zero, for B-frames and priming: the first packet is the origin of both tracks.
      origin ??= (Number(packet.dts) * unit) / timescale;
      const shift = Math.round((offset - origin) * timescale);
      const dts = Number(packet.dts) * unit + shift;
      const pts = Number(packet.pts) * unit + shift;
      const duration = Math.max(1, Number(packet.duration) * unit);
      const keyframe = packet.isKeyframe || track.kind === "audio";
      packet.free();
      if (dts < 0 || (track.kind === "audio" && dts < (this.#reached.get(track) ?? 0))) continue;
      await this.#until(start + (dts * 1000) / timescale - aheadMilliseconds);
      if (this.#stop.signal.aborted) break;
      this.#broadcast.write({ track, dts, pts, duration, keyframe, data, receivedAt: Date.now() });
      this.#reached.set(track, dts + duration);
      if (track !== lead?.track) continue;
      begun ??= dts / timescale;
      end = offset + (dts + duration) / timescale - begun;
    }
    return end;
  }

  async #until(time: number): Promise<void> {
    const wait = time - performance.now();
    if (wait <= 0) return;
    const { signal } = this.#stop;
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, wait);
      signal.addEventListener("abort", done);
    });
  }
}
