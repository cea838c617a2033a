import type { Packet, Track } from "@ami-streams/media";
import { describe, expect, test } from "vitest";
import type { AmfValue } from "../rtmp/amf0/amf-value.ts";
import { writeAmf0 } from "../rtmp/amf0/amf0-writer.ts";
import { MessageType, type RtmpMessage } from "../rtmp/message/message.ts";
import { AAC_CONFIG, AAC_SILENCE, AVC_CONFIG, avcFrame, hex } from "../testing/made-source.ts";
import { PublicationAssembler } from "./assembler.ts";

/** An assembler with everything it gives. */
class Bench {
  readonly starts: (readonly Track[])[] = [];
  readonly retracks: (readonly Track[])[] = [];
  readonly packets: Packet[] = [];
  readonly assembler = new PublicationAssembler({
    start: (tracks) => this.starts.push(tracks),
    retrack: (tracks) => this.retracks.push(tracks),
    packet: (packet) => this.packets.push(packet),
    repaired: () => {},
  });
  now = 0;

  push(typeId: number, timestamp: number, ...parts: (Uint8Array | string)[]): void {
    const payload = Uint8Array.from(parts.flatMap((part) => [...(typeof part === "string" ? hex(part) : part)]));
    const message: RtmpMessage = { typeId, streamId: 1, timestamp: timestamp >>> 0, payload };
    this.assembler.push(message, this.now, 0);
  }

  video(timestamp: number, keyframe = false, composition = "000000"): void {
    this.push(MessageType.Video, timestamp, keyframe ? "17" : "27", "01", composition, avcFrame(keyframe));
  }

  audio(timestamp: number): void {
    this.push(MessageType.Audio, timestamp, "af01", AAC_SILENCE);
  }

  videoConfig(config: Uint8Array = AVC_CONFIG): void {
    this.push(MessageType.Video, 0, "1700000000", config);
  }

  audioConfig(config: Uint8Array = AAC_CONFIG): void {
    this.push(MessageType.Audio, 0, "af00", config);
  }

  metadata(...values: AmfValue[]): void {
    this.push(MessageType.DataAmf0, 0, writeAmf0(...values));
  }

  /** Half a second of both from here on. */
  run(start: number, seconds = 0.5): void {
    for (let time = 0; time < seconds * 1000; time += 40) {
      this.video(start + time, time === 0);
      this.audio(start + time);
      this.now += 40;
    }
  }

  times(id: number): number[] {
    return this.packets
      .filter(({ track }) => track.id === id)
      .map(({ dts, track }) => Math.round((1000 * dts) / track.timescale));
  }
}

function both(): Bench {
  const bench = new Bench();
  bench.videoConfig();
  bench.audioConfig();
  return bench;
}

describe("tracks", () => {
  test("onMetaData is never trusted for the tracks: sequence headers and media decide", () => {
    const bench = new Bench();
    bench.metadata("@setDataFrame", "onMetaData", { videocodecid: 7, audiocodecid: 10, width: 64 });
    bench.audioConfig();
    bench.audio(0);
    bench.now = 2900;
    bench.audio(2900);
    expect(bench.starts).toEqual([]);
    bench.now = 3100;
    bench.assembler.poll(bench.now);
    expect(bench.starts).toMatchObject([[{ kind: "audio", codec: "mp4a.40.2" }]]);
  });

  test("both kinds start at once; a kind that nobody announces is waited for a second", () => {
    const bench = both();
    bench.audio(0);
    bench.video(0, true);
    expect(bench.starts).toMatchObject([
      [
        { id: 1, kind: "video" },
        { id: 2, kind: "audio" },
      ],
    ]);
    const alone = new Bench();
    alone.videoConfig();
    alone.video(0, true);
    for (let time = 40; time < 1000; time += 40) alone.video(time);
    expect(alone.starts).toEqual([]);
    alone.video(1000);
    expect(alone.starts).toMatchObject([[{ kind: "video" }]]);
  });

  test("time passes by the clock too: a lone audio track starts without further messages", () => {
    const bench = new Bench();
    bench.metadata("onMetaData", { audiocodecid: 10 });
    bench.audioConfig();
    bench.audio(0);
    bench.assembler.poll(299);
    expect(bench.starts).toEqual([]);
    bench.assembler.poll(300);
    expect(bench.starts).toMatchObject([[{ kind: "audio" }]]);
    expect(bench.packets).toHaveLength(1);
  });

  test("nothing starts before a keyframe, and old audio is let go", () => {
    const bench = both();
    for (let time = 0; time < 60_000; time += 40) {
      bench.now = time;
      bench.video(time);
      bench.audio(time);
    }
    expect(bench.starts).toEqual([]);
    bench.video(60_000, true);
    bench.video(60_040);
    expect(bench.packets[0]).toMatchObject({ keyframe: true, track: { id: 1 } });
    expect(bench.times(2).length).toBeLessThan(60);
  });

  test("a sequence header that says the same is no new track; one that changes mid-stream is, from its keyframe on", () => {
    const bench = both();
    bench.run(0);
    bench.videoConfig();
    bench.audioConfig();
    bench.run(500);
    expect(bench.retracks).toEqual([]);
    const other = AVC_CONFIG.slice();
    other[3] = 0x0b;
    other[11] = 0x0b;
    bench.videoConfig(other);
    bench.video(1000);
    expect(bench.retracks).toEqual([]);
    bench.video(1040, true);
    bench.video(1080);
    expect(bench.retracks).toMatchObject([[{ id: 1, codec: "avc1.42c00b" }, { id: 2 }]]);
    const changed = bench.packets.findIndex(({ track }) => track.codec === "avc1.42c00b");
    expect(bench.packets[changed]).toMatchObject({ keyframe: true });
    expect(bench.times(1).at(-1)).toBeGreaterThanOrEqual(1040);
  });

  test("HEVC under the name of H.264, as OBS before 29.1 sends it, is seen by its configuration", () => {
    const hvcC = new Uint8Array(23);
    hvcC.set([1, 1, 0x60, 0, 0, 0, 0x90]);
    const bench = new Bench();
    // It is read as hvcC, and found to lack an SPS: that error shows which parser it went to.
    expect(() => bench.videoConfig(hvcC)).toThrow(/hvcC/);
  });

  test("lengths of NAL units become 4 bytes", () => {
    const short = AVC_CONFIG.slice();
    short[4] = 0xfd;
    const bench = new Bench();
    bench.videoConfig(short);
    bench.audioConfig();
    bench.audio(0);
    bench.push(MessageType.Video, 0, "1701000000", "0002 6501");
    bench.push(MessageType.Video, 40, "2701000000", "0002 4101");
    bench.assembler.finish();
    expect(bench.packets.filter(({ track }) => track.id === 1).map(({ data }) => data)).toEqual([
      hex("00000002 6501"),
      hex("00000002 4101"),
    ]);
    expect(bench.starts[0]?.[0]?.config[4]).toBe(0xff);
  });

  test("an empty sequence header of Opus means stereo, as Enhanced RTMP v2 has it", () => {
    const bench = new Bench();
    bench.metadata("onMetaData", { audiocodecid: 0x4f707573 });
    bench.push(MessageType.Audio, 0, "90 4f707573");
    bench.push(MessageType.Audio, 0, "91 4f707573 fc aa");
    bench.push(MessageType.Audio, 400, "91 4f707573 fc aa");
    expect(bench.starts).toMatchObject([[{ kind: "audio", codec: "opus", channels: 2, sampleRate: 48_000 }]]);
    expect(bench.assembler.repairs.withoutConfig).toBe(0);
  });

  test("a codec nobody knows is refused with its name", () => {
    const bench = new Bench();
    expect(() => bench.push(MessageType.Video, 0, "93 78797a21 aa")).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_CODEC", message: expect.stringContaining("xyz!") }),
    );
    expect(() => bench.push(MessageType.Audio, 0, "b2 aa")).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_CODEC" }),
    );
  });

  test("in an additional track it is left out and counted, as is a track that comes too late", () => {
    const bench = both();
    bench.push(MessageType.Audio, 0, "95 01 61632d33 01 aa");
    bench.run(0);
    expect(bench.starts).toHaveLength(1);
    bench.push(MessageType.Audio, 0, "95 00 6d703461 02", AAC_CONFIG);
    expect(bench.assembler.repairs).toMatchObject({ unknownCodec: 1, lateTrack: 1 });
  });
});

describe("timestamps", () => {
  test("all tracks share one origin, and no time is negative", () => {
    const bench = both();
    bench.audio(7000);
    bench.video(7030, true);
    bench.video(7070);
    bench.audio(7023);
    expect(bench.packets[0]).toMatchObject({ track: { id: 1 }, dts: 3600 });
    expect(bench.times(2)).toEqual([0, 23]);
  });

  test("the first picture goes before the audio beside it, so that readers who start there miss nothing", () => {
    const bench = both();
    bench.audio(0);
    bench.video(0, true);
    bench.audio(23);
    expect(bench.packets).toEqual([]);
    bench.video(40);
    expect(bench.packets.map(({ track, dts }) => [track.id, dts])).toEqual([
      [1, 0],
      [2, 0],
      [2, 1024],
    ]);
  });

  test("32-bit timestamps that wrap are no event", () => {
    const bench = both();
    bench.run(2 ** 32 - 200);
    expect(bench.times(1)).toEqual([0, 40, 80, 120, 160, 200, 240, 280, 320, 360, 400, 440, 480]);
    expect(bench.assembler.repairs.rebased).toBe(0);
  });

  test("a jump backward or by hours goes on where time was, and is counted once", () => {
    for (const jump of [0, 20 * 3_600_000]) {
      const bench = both();
      bench.run(1_000_000, 2);
      bench.run(jump, 2);
      const times = bench.times(1);
      expect(times.length).toBe(100);
      expect(times.every((time, index) => Math.abs(time - index * 40) <= 1)).toBe(true);
      expect(bench.assembler.repairs.rebased).toBe(1);
    }
  });

  test("a non-monotonic decoding time is clamped and counted, the stream goes on", () => {
    const bench = both();
    bench.run(0);
    bench.video(480);
    bench.video(470);
    bench.run(520);
    const times = bench.packets.filter(({ track }) => track.id === 1).map(({ dts }) => dts);
    expect([...times].sort((a, b) => a - b)).toEqual(times);
    expect(new Set(times).size).toBe(times.length);
    expect(bench.assembler.repairs.nonMonotonic).toBeGreaterThan(0);
  });

  test("a frame with a nonsensical composition time is counted, and the video goes on", () => {
    const bench = both();
    bench.run(0);
    bench.video(520, false, "800001");
    bench.run(560);
    expect(bench.assembler.repairs).toMatchObject({
      implausibleComposition: 1,
      negativeComposition: 0,
      nonMonotonic: 0,
    });
    expect(bench.times(1).at(-1)).toBe(1040);
  });

  test("durations reach exactly to the next packet of the track", () => {
    const bench = both();
    bench.metadata("onMetaData", { framerate: 25 });
    bench.run(0, 4);
    const packets = bench.packets.filter(({ track }) => track.id === 1);
    expect(packets.slice(1).map(({ dts }) => dts)).toEqual(
      packets.slice(0, -1).map(({ dts, duration }) => dts + duration),
    );
  });
});

describe("bad input", () => {
  test("tiny frames without end start the publication with what there is, long before they cost much", () => {
    const bench = new Bench();
    bench.audioConfig();
    let count = 0;
    for (; bench.starts.length === 0 && count < 100_000; count += 1) bench.push(MessageType.Audio, 0, "af01 00");
    expect(count).toBeLessThan(40_000);
  });

  test("a small part of a large message does not keep the large one in memory", () => {
    const bench = both();
    bench.run(0);
    const filler = new Uint8Array(50_000);
    bench.push(MessageType.Audio, 500, "95 11 6d703461 00 000004", AAC_SILENCE, "09 00c350", filler);
    bench.audio(520);
    const kept = bench.packets.filter(({ track }) => track.kind === "audio").map(({ data }) => data.buffer.byteLength);
    expect(Math.max(...kept)).toBeLessThan(100);
  });

  test("frames before their configuration, false keyframes and malformed samples are dropped or mended, and counted", () => {
    const bench = new Bench();
    bench.video(0, true);
    bench.audioConfig();
    bench.videoConfig();
    bench.video(0, true);
    bench.audio(0);
    bench.push(MessageType.Video, 40, "1701000000", avcFrame(false));
    bench.push(MessageType.Video, 80, "2701000000", "000000ff 41");
    bench.push(MessageType.Video, 120, "27");
    bench.video(160);
    expect(bench.assembler.repairs).toMatchObject({ withoutConfig: 1, falseKeyframe: 1, malformed: 2 });
    expect(bench.packets.filter(({ keyframe, track }) => keyframe && track.id === 1)).toHaveLength(1);
  });

  test("a first configuration that cannot be read ends the publication with a code; a later one is left out", () => {
    expect(() => new Bench().videoConfig(hex("0142"))).toThrow(expect.objectContaining({ code: "INVALID_MEDIA" }));
    const bench = both();
    bench.run(0);
    bench.videoConfig(hex("0142"));
    bench.run(520);
    expect(bench.assembler.repairs.malformed).toBe(1);
  });

  test("ffmpeg's 4-byte timecode data message and metadata without sense mean nothing", () => {
    const bench = both();
    bench.push(MessageType.DataAmf0, 0, "00000001");
    bench.push(MessageType.DataAmf3, 0, "00", writeAmf0("onMetaData", null));
    bench.metadata("onMetaData", { framerate: "thirty" });
    bench.run(0);
    expect(bench.starts).toHaveLength(1);
  });
});
