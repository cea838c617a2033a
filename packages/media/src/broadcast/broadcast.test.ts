import { describe, expect, test } from "vitest";
import { MediaError } from "../errors.ts";
import type { AudioTrack, Packet, Track, VideoTrack } from "../track.ts";
import { createPacketBroadcast, PACKET_OVERHEAD, type PacketBroadcastOptions, type PacketDrop } from "./index.ts";

const video: VideoTrack = {
  kind: "video",
  id: 1,
  codec: "avc1.64001f",
  timescale: 1000,
  config: new Uint8Array(),
  width: 1280,
  height: 720,
};
const audio: AudioTrack = {
  kind: "audio",
  id: 2,
  codec: "mp4a.40.2",
  timescale: 48000,
  config: new Uint8Array(),
  sampleRate: 48000,
  channels: 2,
};

function frame(dts: number, keyframe = false, size = 10, track: Track = video): Packet {
  return { track, dts, pts: dts, duration: 40, keyframe, data: new Uint8Array(size) };
}

function sound(milliseconds: number, size = 10, track: Track = audio): Packet {
  const dts = milliseconds * 48;
  return { track, dts, pts: dts, duration: 1024, keyframe: true, data: new Uint8Array(size) };
}

function broadcast(options: PacketBroadcastOptions = {}) {
  return createPacketBroadcast({ tracks: [video], ...options });
}

async function take(source: AsyncIterator<Packet>, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const { done, value } = await source.next();
    if (done) break;
    times.push(value.dts);
  }
  return times;
}

async function drain(source: AsyncIterable<Packet>): Promise<Packet[]> {
  const packets: Packet[] = [];
  for await (const packet of source) packets.push(packet);
  return packets;
}

const read = (source: AsyncIterable<Packet>) => source[Symbol.asyncIterator]();

describe("where a reader starts", () => {
  test("at the newest keyframe that is held", async () => {
    const source = broadcast();
    for (const [dts, keyframe] of [
      [0, true],
      [40, false],
      [80, true],
      [120, false],
    ] as const) {
      source.write(frame(dts, keyframe));
    }
    expect(await take(read(source.packets()), 2)).toEqual([80, 120]);
  });

  test("at the next keyframe, where none is held", async () => {
    const source = broadcast();
    source.write(frame(0));
    const times = take(read(source.packets()), 2);
    for (const dts of [40, 80, 120]) source.write(frame(dts, dts === 80));
    expect(await times).toEqual([80, 120]);
  });

  test("with the audio that is heard from that keyframe on, be it written sooner or later", async () => {
    const milliseconds = async (packets: Packet[]) => {
      const source = createPacketBroadcast({ tracks: [video, audio] });
      for (const packet of packets) source.write(packet);
      source.end();
      return (await drain(source.packets())).map(({ track, dts }) => `${track.kind} ${dts / (track.timescale / 1000)}`);
    };
    const before = frame(0, true);
    const keyframe = frame(100, true);
    expect(await milliseconds([before, sound(60), sound(85), sound(110), keyframe, sound(131), frame(140)])).toEqual([
      "audio 85",
      "audio 110",
      "video 100",
      "audio 131",
      "video 140",
    ]);
    expect(await milliseconds([before, sound(22), keyframe, sound(60), frame(140), sound(85), sound(106)])).toEqual([
      "video 100",
      "video 140",
      "audio 85",
      "audio 106",
    ]);
  });

  test("at the newest packet, where there is only audio", async () => {
    const source = createPacketBroadcast({ tracks: [audio] });
    source.write(sound(0));
    source.write(sound(20));
    const times = take(read(source.packets()), 2);
    source.write(sound(40));
    expect(await times).toEqual([20 * 48, 40 * 48]);
    expect(source.stats.heldPackets).toBe(1);
  });

  test("at the first keyframe of the new track, after the tracks were replaced", async () => {
    const source = broadcast();
    source.write(frame(0, true));
    const next = { ...video, width: 640 };
    source.setTracks([next]);
    const times = take(read(source.packets()), 2);
    source.write(frame(40, false, 10, next));
    source.write(frame(80, true, 10, next));
    source.write(frame(120, false, 10, next));
    expect(await times).toEqual([80, 120]);
  });
});

describe("where a reader starts after the audio was replaced", () => {
  test("is still the newest keyframe, and no packet of the old audio is seen", async () => {
    const source = createPacketBroadcast({ tracks: [video, audio] });
    source.write(frame(0, true));
    source.write(sound(0));
    const next = { ...audio, channels: 1 };
    source.setTracks([video, next]);
    source.write(sound(21, 10, next));
    source.write(frame(40));
    source.end();
    const packets = await drain(source.packets());
    expect(packets.map(({ track }) => track)).toEqual([video, next, video]);
  });
});

describe("readers", () => {
  test("each get every packet object, and none is copied", async () => {
    const source = broadcast();
    const packets = [frame(0, true), frame(40), frame(80)];
    const readers = [1, 2, 3].map(() => drain(source.packets()));
    for (const packet of packets) source.write(packet);
    source.end();
    for (const got of await Promise.all(readers)) {
      expect(got).toHaveLength(3);
      got.forEach((packet, index) => {
        expect(packet).toBe(packets[index]);
      });
    }
  });

  test("go on over new tracks and see them in the packets", async () => {
    const source = broadcast();
    const all = drain(source.packets());
    const next = { ...video, width: 640 };
    source.write(frame(0, true));
    source.setTracks([next]);
    source.write(frame(0, true, 10, next));
    source.end();
    expect((await all).map((packet) => packet.track)).toEqual([video, next]);
  });

  test("may ask for several packets at once", async () => {
    const source = broadcast();
    const reader = read(source.packets());
    const results = [reader.next(), reader.next(), reader.next()];
    source.write(frame(0, true));
    source.write(frame(40));
    source.end();
    expect((await Promise.all(results)).map(({ done }) => done)).toEqual([false, false, true]);
  });

  test("end without an error when their signal is aborted, waiting or not", async () => {
    const source = broadcast();
    const abort = new AbortController();
    const waiting = drain(source.packets({ signal: abort.signal }));
    abort.abort();
    expect(await waiting).toEqual([]);
    source.write(frame(0, true));
    expect(await drain(source.packets({ signal: abort.signal }))).toEqual([]);
    expect(source.stats.readers).toBe(0);
  });

  test("leave when their loop is broken", async () => {
    const source = broadcast();
    source.write(frame(0, true));
    for await (const _ of source.packets()) break;
    expect(source.stats.readers).toBe(0);
  });
});

describe("the end", () => {
  test("comes after what is held for the reader", async () => {
    const source = broadcast();
    const reader = read(source.packets());
    source.write(frame(0, true));
    source.write(frame(40));
    source.end();
    expect(await take(reader, 5)).toEqual([0, 40]);
    expect(source.ended).toBe(true);
  });

  test("with an error is thrown after what is held, and to new readers too", async () => {
    const source = broadcast();
    const reader = read(source.packets());
    source.write(frame(0, true));
    const error = new Error("the encoder died");
    source.fail(error);
    source.end();
    expect(await take(reader, 1)).toEqual([0]);
    await expect(reader.next()).rejects.toBe(error);
    expect(await reader.next()).toEqual({ done: true, value: undefined });
    await expect(drain(source.packets())).rejects.toBe(error);
  });

  test("reaches readers that never saw a keyframe", async () => {
    const source = broadcast();
    const reader = drain(source.packets());
    source.write(frame(0));
    source.end();
    expect(await reader).toEqual([]);
  });

  test("refuses what is written later", () => {
    const source = broadcast();
    source.end();
    expect(() => source.write(frame(0))).toThrow(expect.objectContaining({ code: "SOURCE_ENDED" }));
    expect(() => source.setTracks([])).toThrow(expect.objectContaining({ code: "SOURCE_ENDED" }));
  });
});

describe("a slow reader", () => {
  const size = 1000 - PACKET_OVERHEAD;

  test("is dropped to the newest keyframe, alone and counted", async () => {
    const drops: PacketDrop[] = [];
    const source = broadcast({ maxBytes: 4000, onDrop: (drop) => drops.push(drop) });
    const slow = read(source.packets());
    const quick = drain(source.packets());
    for (let index = 0; index < 6; index++) {
      source.write(frame(index * 40, index % 3 === 0, size));
      await Promise.resolve();
    }
    expect(drops).toEqual([{ packets: 3, drops: 1, disconnected: false }]);
    expect(source.stats).toMatchObject({ heldBytes: 3000, drops: 1, disconnects: 0 });
    source.end();
    expect(await take(slow, 9)).toEqual([120, 160, 200]);
    expect(await quick).toHaveLength(6);
  });

  test("is disconnected after too many drops in a row, at once and with a typed error", async () => {
    const drops: PacketDrop[] = [];
    const source = broadcast({ maxBytes: 2000, maxDrops: 1 });
    const slow = read(source.packets({ onDrop: (drop) => drops.push(drop) }));
    for (let index = 0; index < 9; index++) source.write(frame(index * 40, true, size));
    expect(drops.map(({ drops, disconnected }) => [drops, disconnected])).toEqual([
      [1, false],
      [2, true],
    ]);
    expect(source.stats).toMatchObject({ readers: 0, disconnects: 1 });
    const failure = await slow.next().catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(MediaError);
    expect(failure).toMatchObject({ code: "READER_TOO_SLOW" });
    expect(await slow.next()).toEqual({ done: true, value: undefined });
  });

  test("is dropped once by one write, however many packets that pushes out", async () => {
    const cost = 10 + PACKET_OVERHEAD;
    const source = broadcast({ tracks: [video, audio], maxBytes: 5 * cost, maxDrops: 1 });
    const reader = read(source.packets());
    for (const packet of [frame(0, true), frame(40), sound(60), sound(81), frame(80, true)]) source.write(packet);
    source.write(frame(120, false, 4 * cost - PACKET_OVERHEAD));
    expect(source.stats).toMatchObject({ heldPackets: 2, drops: 1, disconnects: 0 });
    expect(await take(reader, 2)).toEqual([80, 120]);
  });

  test("that catches up has its drops forgiven", async () => {
    const source = broadcast({ maxBytes: 2000, maxDrops: 1 });
    const reader = read(source.packets());
    for (let round = 0; round < 5; round++) {
      for (let index = 0; index < 3; index++) source.write(frame(round * 120 + index * 40, true, size));
      await take(reader, 2);
    }
    expect(source.stats).toMatchObject({ drops: 5, disconnects: 0, readers: 1 });
  });

  test("is dropped when it lags more seconds than allowed, but never back in time", () => {
    const source = broadcast({ maxLag: 1 });
    read(source.packets());
    for (let dts = 0; dts <= 1000; dts += 100) source.write(frame(dts, dts % 500 === 0));
    expect(source.stats.drops).toBe(0);
    source.write(frame(1100));
    expect(source.stats).toMatchObject({ drops: 1, heldPackets: 2 });
    for (let dts = 1200; dts <= 4000; dts += 100) source.write(frame(dts));
    expect(source.stats.drops).toBe(1);
  });
});

describe("memory", () => {
  test("holds what came since the newest keyframe when nobody reads", () => {
    const source = broadcast();
    for (let index = 0; index < 1000; index++) source.write(frame(index * 40, index % 50 === 0));
    expect(source.stats).toMatchObject({ heldPackets: 50, heldBytes: 50 * (10 + PACKET_OVERHEAD), packets: 1000 });
  });

  test("holds nothing when no keyframe ever comes and nobody reads", () => {
    const source = broadcast();
    read(source.packets());
    for (let index = 0; index < 1000; index++) source.write(frame(index * 40));
    expect(source.stats).toMatchObject({ heldPackets: 0, heldBytes: 0 });
  });

  test("is bounded when one keyframe begins an endless picture group, of empty packets even", () => {
    const source = broadcast({ maxBytes: 100 * PACKET_OVERHEAD });
    for (let index = 0; index < 1000; index++) source.write(frame(index * 40, index === 0, 0));
    expect(source.stats.heldBytes).toBeLessThanOrEqual(100 * PACKET_OVERHEAD);
    expect(source.stats.heldPackets).toBeLessThanOrEqual(100);
  });
});

test("a packet that alone exceeds the bound, or of an unknown track, is refused and changes nothing", async () => {
  const source = broadcast({ maxBytes: 1000 });
  source.write(frame(0, true));
  const stats = source.stats;
  expect(() => source.write(frame(40, true, 1000))).toThrow(expect.objectContaining({ code: "LIMIT_EXCEEDED" }));
  expect(() => source.write(sound(40))).toThrow(expect.objectContaining({ code: "UNKNOWN_TRACK" }));
  expect(source.stats).toEqual(stats);
});

test("tracks with the same id and senseless bounds are refused", () => {
  const refused = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  expect(() => createPacketBroadcast({ tracks: [video, { ...audio, id: 1 }] })).toThrow(refused);
  expect(() => createPacketBroadcast({ maxBytes: 0 })).toThrow(refused);
  expect(() => createPacketBroadcast({ maxLag: Number.NaN })).toThrow(refused);
  expect(() => createPacketBroadcast({ maxDrops: -1 })).toThrow(refused);
});
