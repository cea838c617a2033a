/** Peers that behave badly by the thousand, or slowly: other streams go on, and nothing is left of them. */

import { connect, type Socket } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Packet } from "@ami-streams/media";
import { expect, test, vi } from "vitest";
import { createRtmpClient, createRtmpServer, type Publication, type RtmpServer } from "../index.ts";
import { liveSource, madePackets } from "../testing/made-source.ts";
import { RawPeer } from "../testing/raw-peer.ts";
import { ClientHandshake } from "./handshake/client-handshake.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

function handles(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind.includes("Socket") || kind.includes("TCP")).length;
}

/** A stream that goes on in real time, and a count of what one reader has got. */
async function steadyStream(server: RtmpServer) {
  const source = liveSource();
  const client = createRtmpClient({ url: `${server.url}/live/steady` });
  const published = client.publish(source);
  const packets = madePackets({ duration: 600, frameSize: 4000 });
  let index = 0;
  const write = (count: number) => {
    for (const packet of packets.slice(index, index + count)) source.write(packet);
    index += count;
  };
  write(50);
  const timer = setInterval(() => write(4), 40);
  const { value } = await server.publications()[Symbol.asyncIterator]().next();
  const publication = value as Publication;
  const reader = publication.packets()[Symbol.asyncIterator]();
  return {
    publication,
    /** Reads until the stream has moved on by some seconds of media. */
    async advance(seconds: number): Promise<void> {
      let first: Packet | undefined;
      for (let { value: packet, done } = await reader.next(); !done; { value: packet, done } = await reader.next()) {
        if (packet.track.kind !== "video") continue;
        first ??= packet;
        if (packet.dts - (first as Packet).dts >= seconds * 120_000) return;
      }
      throw new Error("the steady stream ended");
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      source.end();
      await published;
      await client.close();
    },
  };
}

test("2,000 half-open connections: refused beyond the limit, forgotten after their time, the stream goes on", async () => {
  await using server = await createRtmpServer({
    port: 0,
    host: "127.0.0.1",
    limits: { halfOpenPerAddress: 500 },
    timeouts: { handshake: 4000 },
  });
  await using stream = await steadyStream(server);
  const before = handles();
  const sockets: Socket[] = [];
  const half = new ClientHandshake(0).opening.subarray(0, 700);
  for (let count = 0; count < 2000; count += 1) {
    const socket = connect(server.port, "127.0.0.1");
    socket.on("error", () => socket.destroy());
    socket.on("connect", () => socket.write(half));
    socket.resume();
    sockets.push(socket);
  }
  await vi.waitFor(() => expect(server.stats.refused).toBeGreaterThan(1000), { timeout: 20_000 });
  expect(server.stats.halfOpen).toBeLessThanOrEqual(500);
  await stream.advance(1);
  await vi.waitFor(() => expect(sockets.every((socket) => socket.closed)).toBe(true), { timeout: 20_000 });
  await vi.waitFor(() => expect(server.stats).toMatchObject({ halfOpen: 0, connections: 1 }), { timeout: 10_000 });
  await vi.waitFor(() => expect(handles()).toBeLessThanOrEqual(before));
  await stream.advance(1);
});

test("a viewer that stops reading costs a bounded number of bytes, is dropped to keyframes, then disconnected", async () => {
  await using server = await createRtmpServer({
    port: 0,
    host: "127.0.0.1",
    limits: { publicationBytes: 1024 * 1024 },
    timeouts: { idle: 60_000 },
  });
  const source = liveSource();
  await using client = createRtmpClient({ url: `${server.url}/live/fat` });
  const published = client.publish(source);
  const packets = madePackets({ duration: 300, frameSize: 40_000 });
  let index = 0;
  const timer = setInterval(() => {
    for (let count = 0; count < 8; count += 1) source.write(packets[index++]!);
  }, 5);
  try {
    const { value } = await server.publications()[Symbol.asyncIterator]().next();
    const publication = value as Publication;
    await using quick = createRtmpClient({ url: `${server.url}/live/fat`, reconnect: false });
    const playback = await quick.play();
    let seen = 0;
    const reading = (async () => {
      for await (const packet of playback.packets()) seen += packet.data.length;
    })();
    await using slow = await RawPeer.ask(server.port, "play", "live", "fat");
    slow.socket.pause();
    await vi.waitFor(() => expect(publication.stats.disconnects).toBe(1), { timeout: 60_000 });
    expect(publication.stats.drops).toBeGreaterThanOrEqual(3);
    expect(publication.stats.heldBytes).toBeLessThanOrEqual(1024 * 1024);
    await vi.waitFor(() => expect(server.stats.connections).toBe(2), { timeout: 10_000 });
    const then = seen;
    await vi.waitFor(() => expect(seen).toBeGreaterThan(then + 1_000_000), { timeout: 10_000 });
    clearInterval(timer);
    source.end();
    await published;
    await reading;
  } finally {
    clearInterval(timer);
  }
});

test("a publisher that stops reading is cut off once its answers pile up, others never notice", async () => {
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1", limits: { writeBufferBytes: 16 * 1024 } });
  await using stream = await steadyStream(server);
  await using rude = await RawPeer.open(server.port);
  rude.command("connect", { app: "live" });
  await rude.until(() => rude.commands.length > 0);
  rude.socket.pause();
  let closed = false;
  rude.socket.on("close", () => {
    closed = true;
  });
  const flood = setInterval(() => {
    for (let count = 0; count < 500 && !closed; count += 1) rude.command("noSuchCommand", null, "x".repeat(50));
  }, 5);
  try {
    await vi.waitFor(() => expect(server.stats.connections).toBe(1), { timeout: 60_000 });
  } finally {
    clearInterval(flood);
  }
  await stream.advance(1);
});

test("two hundred publishers that come and go leave no memory and no handles", async () => {
  await using server = await createRtmpServer({ port: 0, host: "127.0.0.1" });
  const publications = server.publications()[Symbol.asyncIterator]();
  const round = async () => {
    const source = liveSource();
    await using client = createRtmpClient({ url: `${server.url}/live/key` });
    const published = client.publish(source);
    for (const packet of madePackets({ duration: 1, frameSize: 20_000 })) source.write(packet);
    const { value } = await publications.next();
    source.end();
    await published;
    await (value as Publication).closed;
  };
  for (let count = 0; count < 20; count += 1) await round();
  collect();
  const before = {
    heap: process.memoryUsage().heapUsed,
    buffers: process.memoryUsage().arrayBuffers,
    handles: handles(),
  };
  for (let count = 0; count < 200; count += 1) await round();
  await vi.waitFor(() => expect(server.stats).toMatchObject({ connections: 0, publications: 0 }));
  collect();
  await vi.waitFor(() => expect(handles()).toBeLessThanOrEqual(before.handles));
  // 200 publications of half a megabyte each: any that stayed would show.
  expect(process.memoryUsage().arrayBuffers - before.buffers).toBeLessThan(20_000_000);
  expect(process.memoryUsage().heapUsed - before.heap).toBeLessThan(20_000_000);
});
