/**
 * Can mediabunny cut single-track fragments where a live packager decides, and at what cost per packet and per fragment?
 *
 * One 30 fps track of 2.5 Mb/s, a keyframe every 2 s. Rows "part" cut every 6 frames (0.2 s), rows "frame" every frame.
 */

import {
  BufferTarget,
  CmafOutputFormat,
  EncodedPacket,
  EncodedVideoPacketSource,
  Mp4OutputFormat,
  NullTarget,
  Output,
} from "mediabunny";
import { type Packet, type VideoTrack, writeFragment, writeFragmentChunks } from "../src/index.ts";

const FRAME_RATE = 30;
const TIMESCALE = 90_000;
const GOP = 60;
const COUNT = 60 * 300;
const ROUNDS = 3;
const CODEC = "avc1.64001f";
const config = Uint8Array.from(
  Buffer.from(
    "0164001fffe1001a6764001facd940500 5bb011000000300100000030 3c8f1831960010006 68ebe3cb22c0fdf8f800".replaceAll(
      " ",
      "",
    ),
    "hex",
  ),
);
const decoderConfig = { codec: CODEC, codedWidth: 1280, codedHeight: 720, description: config };
const track: VideoTrack = {
  id: 1,
  kind: "video",
  codec: CODEC,
  timescale: TIMESCALE,
  config,
  width: 1280,
  height: 720,
};
const keyframe = new Uint8Array(60_000);
const frames = [9_400, 9_100, 9_900, 9_700, 9_300, 9_600].map((size) => new Uint8Array(size));

const packets: Packet[] = Array.from({ length: COUNT }, (_, i) => ({
  track,
  dts: i * 3000,
  pts: i * 3000,
  duration: 3000,
  keyframe: i % GOP === 0,
  data: i % GOP === 0 ? keyframe : frames[i % frames.length]!,
}));

interface Outcome {
  readonly name: string;
  readonly size: number;
  readonly wanted: number;
  readonly cut: number;
  readonly microseconds: number;
  readonly retained: number;
  readonly note: string;
}

async function measure(
  name: string,
  size: number,
  count: number,
  note: string,
  run: (count: number) => Promise<{ cut: number; alive?: unknown }>,
): Promise<Outcome> {
  await run(Math.min(count, GOP * 20));
  let microseconds = Number.POSITIVE_INFINITY;
  let retained = 0;
  let cut = 0;
  for (let round = 0; round < ROUNDS; round++) {
    globalThis.gc?.();
    const before = process.memoryUsage().heapUsed;
    const start = process.cpuUsage();
    const result = await run(count);
    const { user, system } = process.cpuUsage(start);
    // Processor time, and the best round: other work on the machine only ever adds.
    microseconds = Math.min(microseconds, (user + system) / count);
    globalThis.gc?.();
    const kept = (process.memoryUsage().heapUsed - before) / count;
    // Asked for after the collection, so that the long-lived output was still there during it.
    if (result.alive !== undefined) retained = Math.max(retained, kept);
    cut = result.cut;
  }
  return { name, size, wanted: Math.ceil(count / size), cut, microseconds, retained, note };
}

/** Ours: the caller has the packets of the part in hand, and gets bytes. */
function ours(write: typeof writeFragment | typeof writeFragmentChunks, size: number) {
  return async (count: number) => {
    let cut = 0;
    for (let i = 0; i < count; i += size) {
      const bytes = write({ track, packets: packets.slice(i, Math.min(i + size, count)), sequenceNumber: cut + 1 });
      if (bytes.length > 0) cut++;
    }
    return { cut };
  };
}

type Keyframes = "as coded" | "forged at every cut";

/** What a minimumFragmentDuration of `size` frames gives, by the documented interface alone. */
function longOutput(size: number, keyframes: Keyframes) {
  return async (count: number) => {
    let cut = 0;
    const output = new Output({
      format: new Mp4OutputFormat({
        fastStart: "fragmented",
        minimumFragmentDuration: (size - 0.5) / FRAME_RATE,
        onMoof: () => cut++,
        onMdat: () => {},
      }),
      target: new NullTarget(),
    });
    const source = new EncodedVideoPacketSource("avc");
    output.addVideoTrack(source, { frameRate: FRAME_RATE });
    await output.start();
    for (let i = 0; i < count; i++) {
      const key = keyframes === "as coded" ? packets[i]!.keyframe : i % size === 0;
      await source.add(toMediabunny(packets[i]!, key), i === 0 ? { decoderConfig } : undefined);
    }
    return { cut, alive: output };
  };
}

/** The muxer's internal "force" hook, which mediabunny's own HLS writer calls and its types do not have. */
function forcedOutput(size: number) {
  return async (count: number) => {
    let cut = 0;
    const output = new Output({
      format: new Mp4OutputFormat({
        fastStart: "fragmented",
        minimumFragmentDuration: Number.POSITIVE_INFINITY,
        onMoof: () => cut++,
        onMdat: () => {},
      }),
      target: new NullTarget(),
    });
    const source = new EncodedVideoPacketSource("avc");
    output.addVideoTrack(source, { frameRate: FRAME_RATE });
    await output.start();
    const muxer: unknown = Reflect.get(output, "_muxer");
    const force: unknown =
      typeof muxer === "object" && muxer !== null && Reflect.get(muxer, "forceFragmentFinalization");
    if (typeof force !== "function") throw new Error("mediabunny has no forceFragmentFinalization any more");
    for (let i = 0; i < count; i++) {
      await source.add(toMediabunny(packets[i]!, packets[i]!.keyframe), i === 0 ? { decoderConfig } : undefined);
      if ((i + 1) % size === 0) await force.call(muxer);
    }
    return { cut, alive: output };
  };
}

/** One Output per part, which is what CmafOutputFormat ("a single CMAF segment") is made for. */
function outputPerPart(size: number) {
  return async (count: number) => {
    let cut = 0;
    for (let i = 0; i < count; i += size) {
      const target = new BufferTarget();
      const output = new Output({ format: new CmafOutputFormat(), target, initTarget: new NullTarget() });
      const source = new EncodedVideoPacketSource("avc");
      output.addVideoTrack(source, { frameRate: FRAME_RATE });
      await output.start();
      for (let j = i; j < Math.min(i + size, count); j++) {
        await source.add(toMediabunny(packets[j]!, j === i), j === i ? { decoderConfig } : undefined);
      }
      await output.finalize();
      if (target.buffer !== null) cut++;
    }
    return { cut };
  };
}

function toMediabunny(packet: Packet, key: boolean): EncodedPacket {
  return new EncodedPacket(packet.data, key ? "key" : "delta", packet.pts / TIMESCALE, packet.duration / TIMESCALE);
}

const outcomes: Outcome[] = [];
for (const [unit, size] of [
  ["part", 6],
  ["frame", 1],
] as const) {
  outcomes.push(await measure(`${unit}: ours, one allocation`, size, COUNT, "", ours(writeFragment, size)));
  outcomes.push(
    await measure(`${unit}: ours, header + packets' own bytes`, size, COUNT, "", ours(writeFragmentChunks, size)),
  );
  outcomes.push(
    await measure(
      `${unit}: mediabunny, documented`,
      size,
      COUNT,
      "cuts at keyframes only, when the next one is in",
      longOutput(size, "as coded"),
    ),
  );
  outcomes.push(
    await measure(
      `${unit}: mediabunny, forged keyframes`,
      size,
      COUNT,
      "sample flags are wrong",
      longOutput(size, "forged at every cut"),
    ),
  );
  outcomes.push(
    await measure(`${unit}: mediabunny, internal force`, size, COUNT, "not in its types", forcedOutput(size)),
  );
  outcomes.push(
    await measure(`${unit}: mediabunny, Output per part`, size, COUNT / 10, "forged keyframes", outputPerPart(size)),
  );
}

const base = new Map<number, number>();
console.log(
  "| writer | fragments cut / wanted | CPU µs per packet | CPU µs per fragment | × ours | heap kept, B per packet | |",
);
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const { name, size, wanted, cut, microseconds, retained, note } of outcomes) {
  if (!base.has(size)) base.set(size, microseconds);
  const figures = [
    name,
    `${cut} / ${wanted}`,
    microseconds.toFixed(2),
    ((microseconds * wanted * size) / cut).toFixed(1),
    (microseconds / base.get(size)!).toFixed(2),
    retained.toFixed(0),
    note,
  ];
  console.log(`| ${figures.join(" | ")} |`);
}
