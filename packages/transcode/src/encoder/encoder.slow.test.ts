import { type Packet, parseOpusConfig, type Track, type VideoTrack } from "@ami-streams/media";
import { footage, peer } from "@ami-streams/testing";
import { afterEach, describe, expect, test } from "vitest";
import { createLadder } from "../ladder/ladder.ts";
import type { Rung } from "../ladder/rung.ts";
import { encodeClip } from "../packager/testing/encoded-packets.ts";
import { createEncoder } from "./create-encoder.ts";
import type { EncoderBackend, EncoderOptions, Encoding, Rendition } from "./encoding.ts";
import { judge } from "./testing/judge.ts";
import { readFile, sourceOf } from "./testing/read-file.ts";
import { interleave, receivedAtOrigin, synthesizeAudio, synthesizeVideo } from "./testing/synthesize.ts";

const backends: { backend: EncoderBackend; missing: boolean }[] = [
  { backend: "libav", missing: false },
  { backend: "ffmpeg", missing: peer("ffmpeg") === null },
];

const small: Rung = {
  name: "180p",
  video: { codec: "h264", width: 320, height: 180, frameRate: 25, bitrate: 300_000 },
};
const smaller: Rung = {
  name: "90p",
  video: { codec: "h264", width: 160, height: 90, frameRate: 25, bitrate: 100_000 },
};
const sound: Rung = { name: "audio", audio: { codec: "aac", sampleRate: 48_000, channels: 2, bitrate: 96_000 } };
const copiedSound: Rung = { name: "audio", audio: "copy" };

let open: Encoding | undefined;
afterEach(async () => {
  const pids = open?.stats.pids ?? [];
  await open?.close();
  open = undefined;
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow();
});

async function encode(options: Omit<EncoderOptions, "hardware">): Promise<Encoding> {
  open = await createEncoder({ hardware: "off", whenSlow: "wait", ...options });
  return open;
}

/** Everything that a rendition gives. */
async function collect(rendition: Rendition): Promise<Packet[]> {
  const packets: Packet[] = [];
  for await (const packet of rendition.packets()) packets.push(packet);
  return packets;
}

async function collectAll(encoding: Encoding): Promise<Packet[][]> {
  return Promise.all(encoding.renditions.map(collect));
}

const presentation = (packets: readonly Packet[]) => packets.map(({ pts }) => pts).sort((a, b) => a - b);
const keyframes = (packets: readonly Packet[]) => packets.filter(({ keyframe }) => keyframe).map(({ pts }) => pts);

/** What holds for every packet of every encoder. */
function expectSound(packets: readonly Packet[], tracks: readonly Track[]): void {
  let last = -1;
  for (const { track, dts, pts, duration, data } of packets) {
    expect(tracks).toContain(track);
    expect(dts).toBeGreaterThan(last);
    expect(pts).toBeGreaterThanOrEqual(dts);
    expect(duration).toBeGreaterThan(0);
    expect(data.length).toBeGreaterThan(0);
    last = dts;
  }
}

/** A source that waits until it is told to go on. */
function pausable(tracks: readonly Track[]) {
  const waiting: Packet[] = [];
  let wake = () => {};
  let ended = false;
  return {
    tracks,
    give(...packets: readonly Packet[]) {
      waiting.push(...packets);
      wake();
    },
    end() {
      ended = true;
      wake();
    },
    async *packets({ signal }: { signal?: AbortSignal } = {}) {
      signal?.addEventListener("abort", () => wake());
      for (;;) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else if (ended || signal?.aborted === true) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}

/** Plays packets over and over, times going on, as fast as a camera would, until stopped. */
function live(tracks: readonly Track[], packets: readonly Packet[], speed = 1) {
  const first = packets[0]!;
  const last = packets.at(-1)!;
  const seconds = Math.ceil((last.dts + last.duration - first.dts) / last.track.timescale);
  return {
    tracks,
    async *packets({ signal }: { signal?: AbortSignal } = {}) {
      const start = performance.now();
      for (let round = 0; !signal?.aborted; round += 1) {
        for (const packet of packets) {
          const shift = round * seconds * packet.track.timescale;
          const due = ((packet.dts + shift) / packet.track.timescale - 1) * 1000;
          const wait = due / speed - (performance.now() - start);
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          if (signal?.aborted) return;
          yield { ...packet, dts: packet.dts + shift, pts: packet.pts + shift };
        }
      }
    },
  };
}

describe.each(backends)("encoder contract: $backend", ({ backend, missing }) => {
  describe.skipIf(missing)("", () => {
    test("H.264 with B-frames and AAC at 48 kHz: same times, same keyframes, sound in step", async () => {
      const video = synthesizeVideo({ bFrames: 2 });
      const audio = synthesizeAudio();
      const tracks = [video.track, audio.track];
      const source = sourceOf(tracks, interleave(video.packets, audio.packets));
      const encoding = await encode({ backend, source, rungs: [small, smaller, sound] });
      const [large, little, heard] = await collectAll(encoding);
      for (const [index, packets] of [large!, little!].entries()) {
        expectSound(packets, encoding.renditions[index]!.tracks);
        expect(presentation(packets)).toEqual(presentation(video.packets));
        expect(keyframes(packets)).toEqual(keyframes(video.packets));
        expect(packets.map(({ dts, pts }) => pts - dts)).toEqual(packets.map(() => 0));
        expect(packets.map(({ duration }) => duration)).toEqual(packets.map(() => 1000));
        expect(packets.map(({ receivedAt }) => receivedAt)).toEqual(
          packets.map(({ pts }) => receivedAtOrigin - 1000 + pts / 25),
        );
        const seen = await judge(encoding.renditions[index]!.tracks[0]!, packets);
        expect(seen).toEqual({
          pts: presentation(packets),
          sizes: new Set([index === 0 ? "320x180" : "160x90"]),
          errors: [],
        });
      }
      expectSound(heard!, encoding.renditions[2]!.tracks);
      expect(heard![0]!.pts).toBe(audio.packets[0]!.pts);
      expect(heard!.every(({ pts }, index) => pts === heard![0]!.pts + index * 1024)).toBe(true);
      expect(Math.abs(heard!.at(-1)!.pts - audio.packets.at(-1)!.pts)).toBeLessThanOrEqual(1024);
      expect((await judge(encoding.renditions[2]!.tracks[0]!, heard!)).errors).toEqual([]);
      expect(await encoding.closed).toEqual({ reason: "source-ended" });
      expect(encoding.stats).toMatchObject({ pids: [], restarts: 0, dropped: 0, overloads: 0, decodeErrors: 0 });
    });

    test("copied tracks are the source's own packets, never an encoder's", async () => {
      const video = synthesizeVideo({ frames: 30 });
      const audio = synthesizeAudio({ seconds: 1.2 });
      const source = sourceOf([video.track, audio.track], interleave(video.packets, audio.packets));
      const rungs: Rung[] = [{ name: "source", video: "copy" }, { ...smaller, audio: "copy" }, copiedSound];
      const encoding = await encode({ backend, source, rungs });
      const [copied, mixed, heard] = await collectAll(encoding);
      expect(copied).toEqual(video.packets);
      expect(copied![0]).toBe(video.packets[0]);
      expect(heard).toEqual(audio.packets);
      expect(
        mixed!.filter(({ track }) => track === audio.track).every((packet) => audio.packets.includes(packet)),
      ).toBe(true);
      expect(encoding.renditions[1]!.tracks.map(({ id, kind }) => [id, kind])).toEqual([
        [1, "video"],
        [2, "audio"],
      ]);
      expect(presentation(mixed!.filter(({ track }) => track.kind === "video"))).toEqual(presentation(video.packets));
    });

    test("29.97 frames per second stay exact, and 44.1 kHz stays in its own ticks", async () => {
      const video = synthesizeVideo({ rate: [30_000, 1001], frames: 45, keyframes: [0, 30] });
      const audio = synthesizeAudio({ sampleRate: 44_100, seconds: 1.5 });
      const source = sourceOf([video.track, audio.track], interleave(video.packets, audio.packets));
      const rungs: Rung[] = [
        { name: "v", video: { codec: "h264", width: 160, height: 90, frameRate: 30_000 / 1001, bitrate: 100_000 } },
        { name: "a", audio: { codec: "aac", sampleRate: 44_100, channels: 1, bitrate: 64_000 } },
      ];
      const encoding = await encode({ backend, source, rungs });
      const [seen, heard] = await collectAll(encoding);
      expect(presentation(seen!)).toEqual(presentation(video.packets));
      expect(keyframes(seen!)).toEqual(keyframes(video.packets));
      expect(encoding.renditions[0]!.tracks[0]).toMatchObject({ timescale: 30_000, width: 160, height: 90 });
      expect(encoding.renditions[1]!.tracks[0]).toMatchObject({
        timescale: 44_100,
        sampleRate: 44_100,
        channels: 1,
        codec: "mp4a.40.2",
      });
      expect(heard![0]!.pts).toBe(audio.packets[0]!.pts);
    });

    test("half the frames are left out where a rung asks for half the rate, keyframes never", async () => {
      const video = synthesizeVideo({ rate: [50, 1], frames: 50, keyframes: [0, 21] });
      const source = sourceOf([video.track], video.packets);
      const rungs: Rung[] = [
        smaller,
        { name: "full", video: { codec: "h264", width: 160, height: 90, frameRate: 50, bitrate: 100_000 } },
      ];
      const encoding = await encode({ backend, source, rungs });
      const [halved, full] = await collectAll(encoding);
      const wanted = video.packets.filter((_, index) => (index < 21 ? index % 2 === 0 : index % 2 === 1));
      expect(presentation(halved!)).toEqual(presentation(wanted));
      expect(keyframes(halved!)).toEqual(keyframes(video.packets));
      expect(full).toHaveLength(50);
    });

    test("HEVC is decoded, and becomes H.264", async () => {
      const video = synthesizeVideo({ codec: "hevc", width: 640, height: 360, frames: 40, keyframes: [0, 20] });
      const rungs = createLadder([video.track], { minHeight: 180 });
      const encoding = await encode({ backend, source: sourceOf([video.track], video.packets), rungs });
      const all = await collectAll(encoding);
      expect(encoding.renditions.map(({ name }) => name)).toEqual(["360p", "240p"]);
      for (const [index, packets] of all.entries()) {
        expect(encoding.renditions[index]!.tracks[0]!.codec).toMatch(/^avc1\.64/);
        expect(presentation(packets)).toEqual(presentation(video.packets));
        expect(keyframes(packets)).toEqual(keyframes(video.packets));
      }
    });

    test.skipIf(peer("ffmpeg") === null)("AV1 and Opus are decoded, and become H.264 and AAC", async () => {
      // Not by SVT-AV1 in this process: as root it gives its threads, and what they start, real-time priority.
      const { tracks, packets } = await encodeClip([
        ...["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=25:duration=1.6"],
        ...["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=1.6"],
        ...["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime", "-g", "20", "-b:v", "300k"],
        ...["-c:a", "libopus", "-ac", "2"],
      ]);
      const [video, audio] = ["video", "audio"].map((kind) => packets.filter(({ track }) => track.kind === kind));
      const encoding = await encode({ backend, source: sourceOf(tracks, packets), rungs: [small, sound] });
      const [seen, heard] = await collectAll(encoding);
      expect(encoding.renditions.map(({ tracks: [track] }) => track!.codec.slice(0, 5))).toEqual(["avc1.", "mp4a."]);
      expect(presentation(seen!)).toEqual(presentation(video!));
      expect(keyframes(seen!)).toEqual(keyframes(video!));
      expectSound(heard!, encoding.renditions[1]!.tracks);
      // What an Opus stream begins with is its encoder's priming, which decoders leave out (RFC 7845 §4.2).
      expect(heard![0]!.pts).toBe(audio![0]!.pts + parseOpusConfig(audio![0]!.track.config).preSkip);
      expect(heard!.at(-1)!.pts).toBeGreaterThan(audio!.at(-1)!.pts - 2 * 1024);
      expect(encoding.stats).toMatchObject({ decodeErrors: 0, restarts: 0 });
    });

    // FFmpeg 5.1 takes no forced keyframes for SVT-AV1.
    test.skipIf(backend === "ffmpeg")("H.264 becomes AV1, with the same times and keyframes", async () => {
      const video = synthesizeVideo({ frames: 60, keyframes: [0, 25, 50] });
      const rung: Rung = {
        name: "av1",
        video: { codec: "av1", width: 320, height: 180, frameRate: 25, bitrate: 300_000 },
      };
      const encoding = await encode({ backend, source: sourceOf([video.track], video.packets), rungs: [rung] });
      const [packets] = await collectAll(encoding);
      const [track] = encoding.renditions[0]!.tracks;
      expect(track!.codec).toMatch(/^av01\.0\./);
      expectSound(packets!, [track!]);
      expect(presentation(packets!)).toEqual(presentation(video.packets));
      expect(keyframes(packets!)).toEqual(keyframes(video.packets));
      expect(await judge(track!, packets!)).toMatchObject({ errors: [], sizes: new Set(["320x180"]) });
    });

    test("MP3, which players do not take in MP4, becomes AAC", async () => {
      const audio = synthesizeAudio({ codec: "mp3", sampleRate: 44_100, seconds: 1.5 });
      const rungs = createLadder([audio.track]);
      const encoding = await encode({ backend, source: sourceOf([audio.track], audio.packets), rungs });
      const [heard] = await collectAll(encoding);
      const [track] = encoding.renditions[0]!.tracks;
      expect(track).toMatchObject({ codec: "mp4a.40.2", sampleRate: 44_100, timescale: 44_100 });
      expectSound(heard!, [track!]);
      expect((await judge(track!, heard!)).errors).toEqual([]);
      expect(heard![0]!.pts).toBe(audio.packets[0]!.pts);
      expect(heard!.at(-1)!.pts).toBeGreaterThan(audio.packets.at(-1)!.pts - 2 * 1152);
    });

    test("another codec, mid-stream, is a new track at its keyframe", async () => {
      const before = synthesizeVideo({ frames: 25, keyframes: [0] });
      const after = synthesizeVideo({ codec: "hevc", frames: 25, keyframes: [0], from: 25 });
      const source = sourceOf([before.track], [...before.packets, ...after.packets]);
      const encoding = await encode({ backend, source, rungs: [small] });
      const [packets] = await collectAll(encoding);
      expect(presentation(packets!)).toEqual(presentation([...before.packets, ...after.packets]));
      const tracks = [...new Set(packets!.map(({ track }) => track))];
      expect(tracks.map(({ codec }) => codec.slice(0, 5))).toEqual(["avc1.", "avc1."]);
      expect(packets!.find(({ track }) => track === tracks[1])).toMatchObject({
        keyframe: true,
        pts: after.packets[0]!.pts,
      });
      expect(encoding.stats).toMatchObject({ reconfigurations: 1, restarts: 0 });
    });

    test("sound alone", async () => {
      const audio = synthesizeAudio({ seconds: 1 });
      const encoding = await encode({ backend, source: sourceOf([audio.track], audio.packets), rungs: [sound] });
      const [heard] = await collectAll(encoding);
      expect(heard![0]!.pts).toBe(audio.packets[0]!.pts);
      expect(heard!.length).toBeGreaterThanOrEqual(audio.packets.length - 1);
    });

    test("a picture of another size, mid-stream, is fitted to the same rungs after a new track", async () => {
      const before = synthesizeVideo({ frames: 25, keyframes: [0] });
      const after = synthesizeVideo({ frames: 25, keyframes: [0], width: 240, height: 240, from: 25 });
      const source = sourceOf([before.track], [...before.packets, ...after.packets]);
      const encoding = await encode({ backend, source, rungs: [small] });
      const [packets] = await collectAll(encoding);
      expect(presentation(packets!)).toEqual(presentation([...before.packets, ...after.packets]));
      const tracks = [...new Set(packets!.map(({ track }) => track))];
      expect(tracks.map(({ id }) => id)).toEqual([1, 1]);
      expect(tracks.every((track) => (track as VideoTrack).width === 320)).toBe(true);
      expect(packets!.find(({ track }) => track === tracks[1])).toMatchObject({
        keyframe: true,
        pts: after.packets[0]!.pts,
      });
      expect(encoding.stats).toMatchObject({ reconfigurations: 1, restarts: 0 });
      const seen = await judge(
        tracks[1]!,
        packets!.filter(({ track }) => track === tracks[1]),
      );
      expect(seen.sizes).toEqual(new Set(["320x180"]));
    });

    test("a killed process is replaced: the stream goes on at a keyframe, with a new track", async () => {
      const video = synthesizeVideo({ frames: 50, keyframes: [0, 10, 20, 30, 40] });
      const source = live([video.track], video.packets);
      const encoding = await encode({
        backend,
        source,
        rungs: [smaller],
        whenSlow: "drop",
        restart: { initialDelay: 10 },
      });
      const tracks: Track[] = [];
      for await (const packet of encoding.renditions[0]!.packets()) {
        if (tracks.includes(packet.track)) continue;
        expect(packet.keyframe).toBe(true);
        tracks.push(packet.track);
        if (tracks.length === 3) break;
        process.kill(encoding.stats.pids[0]!, "SIGKILL");
      }
      expect(encoding.stats.restarts).toBe(2);
      expect(encoding.failure).toBeNull();
    });

    test("a process that hangs is killed and replaced", async () => {
      const video = synthesizeVideo({ frames: 50, keyframes: [0, 10, 20, 30, 40] });
      const source = live([video.track], video.packets);
      const warnings: unknown[] = [];
      const logger = { debug() {}, info() {}, error() {}, warn: (event: object) => warnings.push(event) };
      const encoding = await encode({
        backend,
        source,
        rungs: [smaller],
        whenSlow: "drop",
        hangTimeout: 3,
        restart: { initialDelay: 10 },
        logger,
      });
      const [stopped] = encoding.stats.pids;
      let first: Track | undefined;
      for await (const packet of encoding.renditions[0]!.packets()) {
        if (first === undefined) process.kill(stopped!, "SIGSTOP");
        first ??= packet.track;
        if (packet.track !== first) break;
      }
      expect(() => process.kill(stopped!, 0)).toThrow();
      expect(encoding.stats.restarts).toBe(1);
      expect(warnings).toContainEqual(
        expect.objectContaining({ err: expect.objectContaining({ code: "ENCODER_HUNG" }) }),
      );
    });

    test("garbage between good pictures costs those pictures only", async () => {
      const video = synthesizeVideo({ frames: 50, keyframes: [0, 25] });
      const broken = video.packets.map((packet, index) =>
        index > 5 && index < 12 ? { ...packet, data: packet.data.map((_, at) => (at * 73 + index) & 0xff) } : packet,
      );
      const encoding = await encode({ backend, source: sourceOf([video.track], broken), rungs: [smaller] });
      const [packets] = await collectAll(encoding);
      expectSound(packets!, encoding.renditions[0]!.tracks);
      expect(keyframes(packets!)).toEqual(keyframes(video.packets));
      expect(presentation(packets!).filter((pts) => pts >= video.packets[25]!.pts)).toEqual(
        presentation(video.packets.slice(25)),
      );
      expect(encoding.stats).toMatchObject({ restarts: 0 });
    });

    test("nothing but garbage ends in ENCODER_GAVE_UP, and copied rungs go on", async () => {
      const video = synthesizeVideo({ frames: 25, keyframes: [0] });
      const garbage = video.packets.map((packet) => ({ ...packet, data: new Uint8Array(200).fill(0xff) }));
      const source = live([video.track], garbage, 4);
      const encoding = await encode({
        backend,
        source,
        rungs: [{ name: "source", video: "copy" }, smaller],
        whenSlow: "drop",
        hangTimeout: 1,
        restart: { initialDelay: 1, maxFailures: 2 },
      });
      expect(encoding.failure).toMatchObject({ code: "ENCODER_GAVE_UP" });
      expect(encoding.renditions.map(({ name }) => name)).toEqual(["source"]);
      for await (const packet of encoding.renditions[0]!.packets()) {
        expect(packet.track).toBe(video.track);
        break;
      }
    });

    test("too much to encode is dropped up to a keyframe, and counted", async () => {
      const video = synthesizeVideo({ frames: 50, keyframes: [0, 10, 20, 30, 40] });
      const source = live([video.track], video.packets, 60);
      const huge: Rung = {
        name: "huge",
        video: { codec: "h264", width: 1920, height: 1080, frameRate: 25, bitrate: 6_000_000 },
      };
      const encoding = await encode({
        backend,
        source,
        rungs: [huge],
        whenSlow: "drop",
        preset: "slow",
        maxQueueBytes: 64 << 10,
      });
      let last: Packet | undefined;
      let gaps = 0;
      for await (const packet of encoding.renditions[0]!.packets()) {
        if (last !== undefined && packet.pts - last.pts > 1000) {
          gaps += 1;
          expect(packet.keyframe).toBe(true);
        }
        last = packet;
        expect(encoding.stats.queuedBytes).toBeLessThanOrEqual(64 << 10);
        if (gaps === 2) break;
      }
      expect(encoding.stats.overloads).toBeGreaterThan(0);
      expect(encoding.stats.dropped).toBeGreaterThan(0);
      expect(encoding.stats.restarts).toBe(0);
    });

    test("a frame comes out while at most two more have gone in", async () => {
      const video = synthesizeVideo({ frames: 40, keyframes: [0] });
      const source = pausable([video.track]);
      source.give(...video.packets.slice(0, 10));
      const encoding = await encode({ backend, source, rungs: [smaller] });
      let given = 10;
      const delays: number[] = [];
      for await (const packet of encoding.renditions[0]!.packets()) {
        const index = video.packets.findIndex(({ pts }) => pts === packet.pts);
        if (index >= 10) delays.push(given - 1 - index);
        // One more goes in for each that comes out: a deeper pipeline would stand still.
        if (index >= 7 && given < 40) source.give(video.packets[given++]!);
        if (given === 40) source.end();
      }
      expect(delays.length).toBeGreaterThan(25);
      expect(Math.max(...delays)).toBeLessThanOrEqual(3);
    });

    test.skipIf(footage("h264-1080p25-bframes-aac48.mp4") === null)(
      "a camera's own file: same times, decodable",
      async () => {
        const { tracks, packets } = await readFile(footage("h264-1080p25-bframes-aac48.mp4")!);
        const rungs = createLadder(tracks, { maxEncodedHeight: 360 });
        const encoding = await encode({ backend, source: sourceOf(tracks, packets), rungs, preset: "ultrafast" });
        const all = await collectAll(encoding);
        expect(encoding.renditions.map(({ name }) => name)).toEqual(["1080p", "360p", "audio"]);
        const video = packets.filter(({ track }) => track.kind === "video");
        expect(presentation(all[1]!)).toEqual(presentation(video));
        expect(keyframes(all[1]!)).toEqual(keyframes(video));
        expect(await judge(encoding.renditions[1]!.tracks[0]!, all[1]!)).toMatchObject({
          errors: [],
          sizes: new Set(["640x360"]),
        });
      },
    );
  });
});
