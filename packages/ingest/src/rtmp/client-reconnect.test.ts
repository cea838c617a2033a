import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { Packet, PacketSource } from "@ami-streams/media";
import { expect, test, vi } from "vitest";
import { createRtmpClient, createRtmpServer, type Publication, type RtmpServer } from "../index.ts";
import { freePort } from "../testing/free-port.ts";
import { liveSource, madePackets, madeSource } from "../testing/made-source.ts";
import { parseRtmpUrl } from "./rtmp-url.ts";
import { ServerSession } from "./session/server-session.ts";

const quickly = { initialDelay: 5, maxDelay: 20 };

function start(options = {}): Promise<RtmpServer> {
  return createRtmpServer({ port: 0, host: "127.0.0.1", ...options });
}

test("an address is taken apart: port, nested app, query, IPv6, RTMPS", () => {
  expect(parseRtmpUrl("rtmp://example.com/live/key?a=b")).toEqual({
    secure: false,
    host: "example.com",
    port: 1935,
    app: "live",
    streamName: "key?a=b",
    tcUrl: "rtmp://example.com:1935/live",
  });
  expect(parseRtmpUrl("rtmps://[::1]:8443/a/b/c%20d")).toMatchObject({
    secure: true,
    host: "::1",
    port: 8443,
    app: "a/b",
    streamName: "c d",
  });
  for (const url of [
    "http://x/a/b",
    "rtmp://x/only",
    "rtmp:///a/b",
    "rtmp://x:99999/a/b",
    "rtmp://user:secret@x/a/b",
    "",
  ]) {
    expect(() => parseRtmpUrl(url)).toThrow(expect.objectContaining({ code: "INVALID_URL" }));
  }
});

test("a publisher comes back when its connection breaks, and starts at a keyframe", async () => {
  await using server = await start();
  await using client = createRtmpClient({ url: `${server.url}/live/key`, reconnect: quickly });
  const source = liveSource();
  const published = client.publish(source);
  const publications = server.publications()[Symbol.asyncIterator]();
  const packets = madePackets({ duration: 8 });
  let index = 0;
  const timer = setInterval(() => {
    const packet = packets[index++];
    if (packet !== undefined) source.write(packet);
  }, 1);
  const first = (await publications.next()).value as Publication;
  first.close();
  const second = (await publications.next()).value as Publication;
  expect(second.id).not.toBe(first.id);
  const { value } = await second.packets()[Symbol.asyncIterator]().next();
  expect(value).toMatchObject({ keyframe: true, track: { kind: "video" } });
  clearInterval(timer);
  source.end();
  await published;
});

test("a playback goes on over a reconnect: new tracks with the same ids, time that only goes forward", async () => {
  await using server = await start();
  await using player = createRtmpClient({ url: `${server.url}/live/key`, reconnect: quickly });
  const publish = async (seconds: number) => {
    await using client = createRtmpClient({ url: `${server.url}/live/key`, reconnect: false });
    const source = liveSource();
    const published = client.publish(source);
    for (const packet of madePackets({ duration: seconds })) {
      source.write(packet);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(server.get("live", "key")?.stats.readers).toBeGreaterThan(0));
    for (const packet of madePackets({ duration: seconds, start: seconds })) {
      source.write(packet);
      await new Promise((resolve) => setImmediate(resolve));
    }
    source.end();
    await published;
  };
  const playing = player.play();
  await publish(1);
  const playback = await playing;
  const seen: Packet[] = [];
  const reading = (async () => {
    for await (const packet of playback.packets()) seen.push(packet);
  })();
  await publish(1);
  await vi.waitFor(() => expect(new Set(seen.map(({ track }) => track)).size).toBe(4));
  playback.close();
  await reading;
  expect(await playback.closed).toBeUndefined();
  for (const id of [1, 2]) {
    const times = seen.filter(({ track }) => track.id === id).map(({ dts }) => dts);
    expect(times.every((time, index) => index === 0 || time > times[index - 1]!)).toBe(true);
  }
});

test("without reconnect the first failure is the last, with its code", async () => {
  const port = await freePort();
  const client = createRtmpClient({ url: `rtmp://127.0.0.1:${port}/live/key`, reconnect: false });
  await expect(client.publish(madeSource())).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  await expect(client.play()).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
  const limited = createRtmpClient({
    url: `rtmp://127.0.0.1:${port}/live/key`,
    reconnect: { ...quickly, attempts: 3 },
  });
  await expect(limited.publish(madeSource())).rejects.toMatchObject({ code: "CONNECTION_FAILED" });
});

test("a refusal by authorization is final, however often one may try", async () => {
  let asked = 0;
  await using server = await start({
    authorize: () => {
      asked += 1;
      return false;
    },
  });
  await using client = createRtmpClient({ url: `${server.url}/live/key`, reconnect: quickly });
  await expect(client.publish(madeSource())).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  await expect(client.play()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  expect(asked).toBe(2);
});

test("a key in use, and a stream that nobody publishes, have codes of their own", async () => {
  await using server = await start();
  await using first = createRtmpClient({ url: `${server.url}/live/key` });
  const source = liveSource();
  const published = first.publish(source);
  for (const packet of madePackets({ duration: 1 })) source.write(packet);
  await server.publications()[Symbol.asyncIterator]().next();
  await using second = createRtmpClient({ url: `${server.url}/live/key`, reconnect: false });
  await expect(second.publish(madeSource())).rejects.toMatchObject({ code: "STREAM_IN_USE" });
  await using viewer = createRtmpClient({ url: `${server.url}/live/nothing`, reconnect: false });
  await expect(viewer.play()).rejects.toMatchObject({ code: "STREAM_NOT_FOUND" });
  source.end();
  await published;
});

test("a server that resets after the goodbye has everything: no failure", async () => {
  const listener = createServer((socket) => {
    const session = new ServerSession({ now: 0 });
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes) => {
      for (const { type, streamId } of session.receive(bytes)) {
        if (type === "publish") session.acceptPublish(streamId);
        if (type === "stop") socket.resetAndDestroy();
      }
      for (const output of session.takeOutput()) if (!socket.destroyed) socket.write(output);
    });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  await using client = createRtmpClient({ url: `rtmp://127.0.0.1:${port}/a/b`, reconnect: false });
  await client.publish(madeSource());
  listener.close();
});

test("a server that accepts and says nothing is given up in time", async () => {
  const sockets: Socket[] = [];
  const listener = createServer((socket) => sockets.push(socket)).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as { port: number };
  await using client = createRtmpClient({ url: `rtmp://127.0.0.1:${port}/a/b`, connectTimeout: 30, reconnect: false });
  await expect(client.play()).rejects.toMatchObject({ code: "HANDSHAKE_TIMEOUT" });
  for (const socket of sockets) socket.destroy();
  listener.close();
});

test("closing the client, or aborting, ends what runs", async () => {
  await using server = await start();
  const client = createRtmpClient({ url: `${server.url}/live/key` });
  const closed = expect(client.publish(liveSource())).rejects.toMatchObject({ code: "CLOSED" });
  await client.close();
  await closed;
  await expect(client.publish(madeSource())).rejects.toMatchObject({ code: "CLOSED" });
  await using other = createRtmpClient({ url: `${server.url}/live/key` });
  const ending = new AbortController();
  const published = other.publish(liveSource(), { signal: ending.signal });
  ending.abort();
  await published;
});

test("a track that RTMP cannot carry is refused before anything is connected", async () => {
  const client = createRtmpClient({ url: "rtmp://127.0.0.1:1/a/b" });
  const [track] = madeSource().tracks;
  const source: PacketSource = { tracks: [{ ...track!, codec: "vp09.00.10.08" }], async *packets() {} };
  await expect(client.publish(source)).rejects.toMatchObject({ code: "UNSUPPORTED_CODEC" });
});
