/**
 * One writer, many readers that keep up: packets delivered per second, and memory of readers that do not.
 *
 * Peer: an array for each reader, which is what one writes first. It has no bound, so its memory with stalled readers is what it is.
 */

import { createPacketBroadcast, type Packet, type PacketSource, type VideoTrack } from "../src/index.ts";

const ROUNDS = 5;
const DELIVERIES = 1_000_000;
/** Packets per turn of the event loop, as a read from a socket brings several. */
const BATCH = 8;
const GOP = 60;

const track: VideoTrack = {
  kind: "video",
  id: 1,
  codec: "avc1.64001f",
  timescale: 90_000,
  config: new Uint8Array(),
  width: 1280,
  height: 720,
};
const data = new Uint8Array(10_000);

function packet(index: number): Packet {
  const dts = index * 3000;
  return { track, dts, pts: dts, duration: 3000, keyframe: index % GOP === 0, data };
}

interface Source extends PacketSource {
  write(packet: Packet): void;
  end(): void;
}

/** An array and a promise for each reader. */
function createQueues(): Source {
  const readers = new Set<{ queue: Packet[]; wake: () => void }>();
  let ended = false;
  return {
    tracks: [track],
    write(packet) {
      for (const reader of readers) {
        reader.queue.push(packet);
        reader.wake();
      }
    },
    end() {
      ended = true;
      for (const { wake } of readers) wake();
    },
    async *packets() {
      const reader = { queue: [] as Packet[], wake: () => {} };
      readers.add(reader);
      while (true) {
        const queue = reader.queue;
        reader.queue = [];
        yield* queue;
        if (reader.queue.length > 0) continue;
        if (ended) return;
        await new Promise<void>((resolve) => {
          reader.wake = resolve;
        });
      }
    },
  };
}

async function deliver(source: Source, readers: number, packets: number): Promise<number> {
  let delivered = 0;
  const read = async () => {
    for await (const _ of source.packets()) delivered += 1;
  };
  const all = Array.from({ length: readers }, read);
  const started = performance.now();
  for (let index = 0; index < packets; index++) {
    source.write(packet(index));
    if (index % BATCH === BATCH - 1) await new Promise((resolve) => setImmediate(resolve));
  }
  source.end();
  await Promise.all(all);
  const seconds = (performance.now() - started) / 1000;
  if (delivered !== packets * readers) throw new Error(`delivered ${delivered} of ${packets * readers}`);
  return delivered / seconds / 1e6;
}

console.log(`best of ${ROUNDS} rounds of ${DELIVERIES / 1e6} million deliveries, millions per second`);
const rows: Record<string, Record<string, string>> = {};
for (const readers of [1, 10, 100, 1000]) {
  let ours = 0;
  let queues = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const packets = Math.ceil(DELIVERIES / readers);
    ours = Math.max(ours, await deliver(createPacketBroadcast({ tracks: [track] }), readers, packets));
    queues = Math.max(queues, await deliver(createQueues(), readers, packets));
  }
  const ratio = (ours / queues).toFixed(2);
  rows[`${readers} readers`] = { broadcast: ours.toFixed(2), queues: queues.toFixed(2), ratio };
}
console.table(rows);

const stalled = createPacketBroadcast({ tracks: [track] });
for (let reader = 0; reader < 1000; reader++) void stalled.packets()[Symbol.asyncIterator]().next();
const started = performance.now();
let most = 0;
for (let index = 0; index < 100_000; index++) {
  stalled.write(packet(index));
  most = Math.max(most, stalled.stats.heldBytes);
}
const microseconds = ((performance.now() - started) / 100_000) * 1000;
const { disconnects, drops } = stalled.stats;
console.log(
  `1000 stalled readers, 100,000 packets (1 GB): at most ${(most / 1e6).toFixed(1)} MB held, ${microseconds.toFixed(2)} µs per write, ` +
    `${drops} drops, ${disconnects} readers disconnected`,
);
