/** Real players watch what the server serves: every frame's presentation time is compared. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Packet, PacketSource } from "@ami-streams/media";
import { libavPublisher, peer } from "@ami-streams/testing";
import { describe, expect, test } from "vitest";
import { createRtmpClient, createRtmpServer, type Publication } from "../index.ts";
import { runProgram } from "../testing/program.ts";

const ffmpeg = peer("ffmpeg") ?? "";
const ffprobe = peer("ffprobe") ?? "";

interface Probed {
  readonly codec_type: string;
  readonly pts_time: string;
  readonly flags: string;
}

/** Presentation times in milliseconds of what ffprobe reads. */
async function probe(input: string, extra: readonly string[] = []): Promise<{ video: number[]; audio: number[] }> {
  const entries = ["-show_entries", "packet=codec_type,pts_time,flags"];
  await using program = runProgram(ffprobe, ["-v", "error", ...extra, "-of", "json", ...entries, input]);
  const { stdout, stderr } = await program.exit;
  const { packets } = JSON.parse(stdout.toString() || "{}") as { packets?: Probed[] };
  if (packets === undefined) throw new Error(`ffprobe read nothing: ${stderr}`);
  const times = (kind: string) =>
    packets.filter(({ codec_type }) => codec_type === kind).map(({ pts_time }) => Math.round(1000 * Number(pts_time)));
  return { video: times("video"), audio: times("audio") };
}

function milliseconds(packets: readonly Packet[], kind: "video" | "audio"): number[] {
  return packets.filter(({ track }) => track.kind === kind).map(({ pts, track }) => (1000 * pts) / track.timescale);
}

/** The viewer saw a run of the packets, without a hole, each within a millisecond. */
function expectRun(seen: readonly number[], sent: readonly number[], shift: number): void {
  const start = sent.findIndex((time) => Math.abs(time - (seen[0]! + shift)) <= 1.01);
  expect(start).toBeGreaterThanOrEqual(0);
  const wrong = seen.findIndex((time, index) => Math.abs(sent[start + index]! - (time + shift)) > 1.01);
  expect(wrong).toBe(-1);
}

/** Publishes with ffmpeg in real time and hands the publication over, with all its packets collected. */
async function watch(
  use: (url: string, publication: Publication) => Promise<void>,
  options: readonly string[] = ["-c:a", "aac"],
): Promise<Packet[]> {
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1" });
  const url = `${server.url}/live/test`;
  await using publisher = runProgram(ffmpeg, [
    ...["-v", "error", "-re", "-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30000/1001:duration=7"],
    ...["-re", "-f", "lavfi", "-i", "sine=sample_rate=44100:duration=7", "-c:v", "libx264", "-preset", "ultrafast"],
    ...["-pix_fmt", "yuv420p", "-bf", "2", "-g", "30", ...options, "-f", "flv", url],
  ]);
  for await (const publication of server.publications()) {
    const packets: Packet[] = [];
    const collecting = (async () => {
      for await (const packet of publication.packets()) packets.push(packet);
    })();
    await use(url, publication);
    await collecting;
    await publisher.exit;
    return packets;
  }
  throw new Error("nothing was published");
}

describe.skipIf(ffmpeg === "" || ffprobe === "")("viewers", () => {
  test("ffprobe plays: every frame from the keyframe on, at its time", async () => {
    let seen = { video: [0], audio: [0] };
    const packets = await watch(async (url) => {
      seen = await probe(url, ["-analyzeduration", "500000", "-fflags", "nobuffer"]);
    });
    expect(seen.video.length).toBeGreaterThan(120);
    expect(seen.audio.length).toBeGreaterThan(180);
    expectRun(seen.video, milliseconds(packets, "video"), 0);
    expectRun(seen.audio, milliseconds(packets, "audio"), 0);
  });

  test.skipIf(peer("rtmpdump") === null)("rtmpdump plays: its file holds every frame, at its time", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ingest-"));
    try {
      const file = join(folder, "dump.flv");
      const packets = await watch(async (url) => {
        await using program = runProgram(peer("rtmpdump") ?? "", ["-q", "--live", "-r", url, "-o", file]);
        await program.exit;
      });
      const seen = await probe(file);
      expect(seen.video.length).toBeGreaterThan(120);
      const sent = milliseconds(packets, "video");
      // rtmpdump lets time begin at its first packet.
      const shift = sent[sent.length - 1]! - seen.video[seen.video.length - 1]!;
      expectRun(seen.video, sent, shift);
      expectRun(seen.audio, milliseconds(packets, "audio"), shift);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test.skipIf(peer("gst-launch-1.0") === null)("GStreamer's rtmpsrc plays and demuxes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "ingest-"));
    try {
      const file = join(folder, "dump.flv");
      await watch(async (url) => {
        const pipeline = `-q rtmpsrc location=${url} ! filesink location=${file}`.split(" ");
        await using program = runProgram(peer("gst-launch-1.0") ?? "", pipeline);
        await program.exit;
      });
      expect((await probe(file)).video.length).toBeGreaterThan(100);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("our client", () => {
  test("relays HEVC and AAC of FFmpeg 8 to another server by Enhanced RTMP, packet by packet", async () => {
    await using first = await createRtmpServer({ port: 0, host: "127.0.0.1" });
    await using second = await createRtmpServer({ port: 0, host: "127.0.0.1" });
    const relayed = second.publications()[Symbol.asyncIterator]();
    const options = { url: `${first.url}/live/a`, video: "libx265", audio: "libfdk_aac", size: "320x180", duration: 4 };
    await using publisher = runProgram(process.execPath, [libavPublisher, JSON.stringify(options)]);
    for await (const publication of first.publications()) {
      await using client = createRtmpClient({ url: `${second.url}/live/b`, reconnect: false });
      const source = keep(publication);
      const published = client.publish(source);
      const { value } = await relayed.next();
      const copies: Packet[] = [];
      for await (const packet of (value as Publication).packets()) copies.push(packet);
      await published;
      await publisher.exit;
      expect((value as Publication).tracks).toEqual(publication.tracks);
      const sent = source.packetsSeen.filter(({ track }) => track.kind === "video");
      const got = copies.filter(({ track }) => track.kind === "video");
      expect(got.map(({ data }) => data)).toEqual(sent.map(({ data }) => data));
      expect(got.map(({ dts }) => dts - got[0]!.dts)).toEqual(sent.map(({ dts }) => dts - sent[0]!.dts));
      break;
    }
  });
});

/** A source that remembers what was read of it. */
function keep(source: PacketSource): PacketSource & { readonly packetsSeen: Packet[] } {
  const packetsSeen: Packet[] = [];
  return {
    tracks: source.tracks,
    packetsSeen,
    async *packets(options) {
      for await (const packet of source.packets(options)) {
        packetsSeen.push(packet);
        yield packet;
      }
    },
  };
}
