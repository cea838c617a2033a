import { once } from "node:events";
import { connect } from "node:net";
import type { Packet } from "@ami-streams/media";
import { describe, expect, test, vi } from "vitest";
import {
  createRtmpClient,
  createRtmpServer,
  type Publication,
  type RtmpServer,
  type RtmpServerOptions,
} from "../index.ts";
import { AAC_CONFIG, AAC_SILENCE, AVC_CONFIG, avcFrame, hex, liveSource, madePackets } from "../testing/made-source.ts";
import { RawPeer } from "../testing/raw-peer.ts";
import { MessageType } from "./message/message.ts";

function start(options: RtmpServerOptions = {}): Promise<RtmpServer> {
  return createRtmpServer({ port: 0, host: "127.0.0.1", ...options });
}

async function next(publications: AsyncIterator<Publication>): Promise<Publication> {
  const { value, done } = await publications.next();
  if (done) throw new Error("the server closed");
  return value;
}

function iterate(server: RtmpServer): AsyncIterator<Publication> {
  return server.publications()[Symbol.asyncIterator]();
}

const avcHeader = Uint8Array.of(0x17, 0, 0, 0, 0, ...AVC_CONFIG);
const aacHeader = Uint8Array.of(0xaf, 0, ...AAC_CONFIG);
const keyframe = Uint8Array.of(0x17, 1, 0, 0, 0, ...avcFrame(true));
const interFrame = Uint8Array.of(0x27, 1, 0, 0, 0, ...avcFrame(false));
const silence = Uint8Array.of(0xaf, 1, ...AAC_SILENCE);

/** A publisher by hand whose publication has started. */
async function publishing(server: RtmpServer, key = "key"): Promise<RawPeer> {
  const peer = await RawPeer.ask(server.port, "publish", "live", key);
  begin(peer);
  return peer;
}

function begin(peer: RawPeer): void {
  peer.video(0, avcHeader);
  peer.audio(0, aacHeader);
  peer.audio(0, silence);
  peer.video(0, keyframe);
  peer.video(40, interFrame);
}

describe("authorization", () => {
  test("is asked for app, key, query and address, and a refusal reaches the publisher with its reason", async () => {
    const asked: unknown[] = [];
    await using server = await start({
      authorize: ({ action, app, streamKey, query, address }) => {
        asked.push({ action, app, streamKey, token: query.get("token"), address });
        return { denied: "this key has expired" };
      },
    });
    await using peer = await RawPeer.ask(server.port, "publish", "live?token=1", "key?other=2");
    expect(asked).toEqual([{ action: "publish", app: "live", streamKey: "key", token: "1", address: "127.0.0.1" }]);
    expect(peer.statuses).toMatchObject([
      { code: "NetStream.Publish.Unauthorized", description: "this key has expired" },
    ]);
    await peer.ended();
    expect(server.stats.publications).toBe(0);
  });

  test("that fails is a no, and is logged with its cause, which the peer is not shown", async () => {
    const down = new Error("the database is down");
    const warn = vi.fn();
    const logger = { debug() {}, info() {}, warn, error() {} };
    await using server = await start({ authorize: () => Promise.reject(down), logger });
    await using peer = await RawPeer.ask(server.port, "play", "live", "key");
    expect(peer.statuses).toMatchObject([
      { code: "NetStream.Play.Unauthorized", description: "the authorization failed" },
    ]);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ err: down }), "the authorization failed");
  });

  test("that takes too long is a no", async () => {
    const authorize = () => new Promise<boolean>(() => {});
    await using server = await start({ authorize, timeouts: { authorize: 20 } });
    await using peer = await RawPeer.ask(server.port, "play", "live", "key");
    expect(peer.status).toBe("NetStream.Play.Unauthorized");
  });

  test("sees one stream under one name, wherever the peer cut its address", async () => {
    const asked: string[] = [];
    await using server = await start({
      authorize: ({ app, streamKey }) => {
        asked.push(`${app} ${streamKey}`);
        return false;
      },
    });
    await using one = await RawPeer.ask(server.port, "play", "a/b", "c");
    await using other = await RawPeer.ask(server.port, "play", "a", "b/c");
    expect([one.status, other.status]).toEqual(["NetStream.Play.Unauthorized", "NetStream.Play.Unauthorized"]);
    expect(asked).toEqual(["a/b c", "a/b c"]);
  });

  test("media that a hasty publisher sends before the answer is kept for it", async () => {
    let allow: (decision: boolean) => void = () => {};
    const decision = new Promise<boolean>((resolve) => {
      allow = resolve;
    });
    await using server = await start({ authorize: () => decision });
    const publications = iterate(server);
    await using peer = await RawPeer.open(server.port);
    peer.command("connect", { app: "live" });
    peer.command("createStream", null);
    peer.command("publish", null, "key", "live");
    begin(peer);
    allow(true);
    const publication = await next(publications);
    expect(publication.tracks.map(({ kind }) => kind)).toEqual(["video", "audio"]);
  });
});

describe("a second publisher on a live key", () => {
  test("is refused, by default", async () => {
    await using server = await start();
    const publications = iterate(server);
    await using first = await publishing(server);
    await next(publications);
    await using second = await RawPeer.ask(server.port, "publish", "live", "key");
    expect(second.status).toBe("NetStream.Publish.BadName");
    await second.ended();
    expect(first.closed).toBe(false);
  });

  test("takes over, by option: the first ends with a reason, its key stays with the second", async () => {
    await using server = await start({ onSecondPublisher: "take-over" });
    const publications = iterate(server);
    await using first = await publishing(server);
    const before = await next(publications);
    await using second = await publishing(server);
    const after = await next(publications);
    expect(await before.closed).toEqual({ reason: "replaced" });
    await first.ended();
    expect(first.status).toBe("NetStream.Publish.BadName");
    expect(after.id).not.toBe(before.id);
    expect(server.get("live", "key")).toBe(after);
    expect(second.closed).toBe(false);
  });
});

describe("timeouts", () => {
  test("a connection that says nothing is closed", async () => {
    await using server = await start({ timeouts: { handshake: 40 } });
    const socket = connect(server.port, "127.0.0.1");
    socket.resume();
    await once(socket, "close");
    await vi.waitFor(() => expect(server.stats.connections).toBe(0));
  });

  test("no keyframe ever: the publisher is told so", async () => {
    await using server = await start({ timeouts: { firstMedia: 40 } });
    await using peer = await RawPeer.ask(server.port, "publish", "live", "key");
    peer.video(0, avcHeader);
    peer.video(0, interFrame);
    await peer.ended();
    expect(peer.statuses.at(-1)).toMatchObject({
      code: "NetStream.Failed",
      description: expect.stringContaining("FIRST_MEDIA_TIMEOUT"),
    });
  });

  test("a dead publisher frees its key", async () => {
    await using server = await start({ timeouts: { idle: 60 } });
    const publications = iterate(server);
    await using peer = await publishing(server);
    const publication = await next(publications);
    expect(await publication.closed).toMatchObject({ reason: "timeout", error: { code: "IDLE_TIMEOUT" } });
    await peer.ended();
    await using again = await publishing(server);
    expect(again.status).toBe("NetStream.Publish.Start");
  });
});

describe("how a publication ends", () => {
  test("deleteStream: unpublished; a broken connection: disconnected; close(): closed", async () => {
    await using server = await start();
    const publications = iterate(server);
    await using polite = await publishing(server, "a");
    const a = await next(publications);
    polite.command("deleteStream", null, 1);
    expect(await a.closed).toEqual({ reason: "unpublished" });
    const rude = await publishing(server, "b");
    const b = await next(publications);
    rude.socket.resetAndDestroy();
    expect(await b.closed).toMatchObject({ reason: "disconnected" });
    await using other = await publishing(server, "c");
    const c = await next(publications);
    c.close();
    expect(await c.closed).toEqual({ reason: "closed" });
    await other.ended();
    expect(server.stats).toMatchObject({ publications: 0 });
  });

  test("closing the server ends publications, viewers and iterations, and can be done twice", async () => {
    const server = await start();
    const publications = iterate(server);
    await using peer = await publishing(server);
    const publication = await next(publications);
    const waiting = publications.next();
    await Promise.all([server.close(), server.close()]);
    expect(await publication.closed).toEqual({ reason: "closed" });
    expect(await waiting).toMatchObject({ done: true });
    await peer.ended();
  });
});

test("a port that is taken is named", async () => {
  await using server = await start();
  await expect(start({ port: server.port })).rejects.toMatchObject({
    code: "PORT_TAKEN",
    message: expect.stringContaining(String(server.port)),
  });
});

describe("bad input", () => {
  /** What each peer sends after it has connected and published. */
  const attacks: readonly [name: string, attack: (peer: RawPeer) => void, code: string][] = [
    ["garbage after the handshake", (peer) => void peer.socket.write(new Uint8Array(5000).fill(0xc5)), "INVALID_CHUNK"],
    [
      "an oversized message",
      (peer) => void peer.socket.write(hex("06 000000 ffffff 09 01000000")),
      "MESSAGE_TOO_LARGE",
    ],
    [
      "an AMF bomb",
      (peer) =>
        peer.message({
          typeId: MessageType.CommandAmf0,
          streamId: 0,
          timestamp: 0,
          payload: hex(`020001 61 00 0000000000000000 ${"03000161".repeat(1000)}`),
        }),
      "AMF_TOO_DEEP",
    ],
    ["a codec nobody knows", (peer) => peer.video(80, hex("93 78797a21 aa")), "UNSUPPORTED_CODEC"],
    [
      "an aggregate that is cut off",
      (peer) =>
        peer.message({
          typeId: MessageType.Aggregate,
          streamId: 1,
          timestamp: 0,
          payload: hex("08 0000ff 000000 00 000000 aa"),
        }),
      "INVALID_MEDIA",
    ],
    ["connect, again", (peer) => peer.command("connect", { app: "live" }), "INVALID_COMMAND"],
    [
      "message streams without end",
      (peer) => {
        for (let count = 0; count < 20; count += 1) peer.command("createStream", null);
      },
      "TOO_MANY_STREAMS",
    ],
  ];

  for (const [name, attack, code] of attacks) {
    test(`${name}: that publisher is told and closed, others never notice`, async () => {
      await using server = await start({ limits: { chunkStreams: 8 } });
      const publications = iterate(server);
      await using victim = await publishing(server, "victim");
      const watched = await next(publications);
      const packets = watched.packets()[Symbol.asyncIterator]();
      await packets.next();
      await using peer = await publishing(server, "attacker");
      const attacked = await next(publications);
      attack(peer);
      expect(await attacked.closed).toMatchObject({ reason: "error", error: { code } });
      await peer.ended();
      expect(peer.statuses.at(-1)?.description).toContain(code);
      for (let time = 80; time < 480; time += 40) victim.video(time, interFrame);
      let last: Packet | undefined;
      while ((last?.pts ?? 0) < 400 * 120) last = (await packets.next()).value;
      expect(victim.closed).toBe(false);
    });
  }

  test("garbage before the handshake, and an HTTP request, are closed without an answer", async () => {
    await using server = await start();
    for (const bytes of [new Uint8Array(2000).fill(0xee), new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")]) {
      const socket = connect(server.port, "127.0.0.1");
      socket.write(bytes);
      socket.on("error", () => socket.destroy());
      let received = 0;
      socket.on("data", (data) => {
        received += data.length;
      });
      await once(socket, "close");
      expect(received).toBe(0);
    }
    await vi.waitFor(() => expect(server.stats.connections).toBe(0));
  });

  test("a viewer of what nobody publishes is told so", async () => {
    await using server = await start();
    await using peer = await RawPeer.ask(server.port, "play", "live", "nothing");
    expect(peer.statuses).toMatchObject([
      { code: "NetStream.Play.StreamNotFound", description: "nobody publishes live/nothing" },
    ]);
  });

  test("unknown commands, Haivision's _checkbw, releaseStream and FCPublish are answered, not judged", async () => {
    await using server = await start();
    await using peer = await RawPeer.open(server.port);
    peer.command("connect", { app: "live", fourCcList: ["hvc1"] });
    for (const name of ["_checkbw", "releaseStream", "FCPublish", "whatIsThis"]) peer.command(name, null, "key");
    await peer.until(() => peer.commands.some(({ name }) => name === "_error"));
    expect(peer.commands.map(({ name, transactionId }) => [name, transactionId])).toEqual([
      ["_result", 1],
      ["_result", 2],
      ["_result", 3],
      ["_result", 4],
      ["onFCPublish", 0],
      ["_error", 5],
    ]);
    expect(peer.commands[0]?.args[0]).toMatchObject({
      code: "NetConnection.Connect.Success",
      capsEx: 14,
      fourCcList: ["avc1", "hvc1", "av01", "mp4a", "Opus", ".mp3"],
      videoFourCcInfoMap: { avc1: 7, hvc1: 7, av01: 7 },
      audioFourCcInfoMap: { mp4a: 7, Opus: 7, ".mp3": 7 },
    });
  });

  test("messages of types 15 and 17 carry a leading format byte", async () => {
    await using server = await start();
    const publications = iterate(server);
    await using peer = await RawPeer.open(server.port);
    const amf3 = (name: string, payload: string) =>
      peer.message({
        typeId: MessageType.CommandAmf3,
        streamId: name === "publish" ? 1 : 0,
        timestamp: 0,
        payload: hex(`00 ${payload}`),
      });
    amf3("connect", "020007 636f6e6e656374 00 3ff0000000000000 03 0003 617070 020004 6c697665 000009");
    amf3("createStream", "02000c 63726561746553747265616d 00 4000000000000000 05");
    amf3("publish", "020007 7075626c697368 00 4008000000000000 05 020003 6b6579 020004 6c697665");
    await peer.until(() => peer.status === "NetStream.Publish.Start");
    begin(peer);
    expect(await next(publications)).toMatchObject({ app: "live", streamKey: "key" });
  });
});

test("a last packet that no reader can be given does not hurt the server", async () => {
  await using server = await start({ limits: { publicationBytes: 64 * 1024 } });
  const publications = iterate(server);
  await using peer = await RawPeer.ask(server.port, "publish", "live", "key");
  peer.video(0, avcHeader);
  peer.audio(0, aacHeader);
  peer.audio(0, silence);
  peer.video(0, Uint8Array.of(0x17, 1, 0, 0, 0, ...avcFrame(true, 100_000)));
  const publication = await next(publications);
  peer.command("deleteStream", null, 1);
  expect(await publication.closed).toEqual({ reason: "unpublished" });
  await using again = await publishing(server);
  expect(again.status).toBe("NetStream.Publish.Start");
});

test("names with control characters are refused: they end up in logs", async () => {
  await using server = await start();
  await using peer = await RawPeer.ask(server.port, "publish", "live", "key\r\nerror: forged");
  expect(peer.status).toBe("NetStream.Publish.BadName");
  expect(server.stats.publications).toBe(0);
});

describe("limits", () => {
  test("half-open connections of one address are counted; those that publish are not half-open", async () => {
    await using server = await start({ limits: { halfOpenPerAddress: 3 } });
    const publications = iterate(server);
    await using publisher = await publishing(server);
    await next(publications);
    const peers = await Promise.all([1, 2, 3].map(() => RawPeer.open(server.port)));
    expect(server.stats).toMatchObject({ connections: 4, halfOpen: 3 });
    await expect(RawPeer.open(server.port)).rejects.toThrow("the server closed");
    expect(server.stats.refused).toBe(1);
    for (const peer of peers) await peer[Symbol.asyncDispose]();
    await vi.waitFor(() => expect(server.stats).toMatchObject({ connections: 1, halfOpen: 0 }));
    await using again = await publishing(server, "other");
    expect([publisher.closed, again.closed]).toEqual([false, false]);
  });

  test("connections altogether are limited", async () => {
    await using server = await start({ limits: { connections: 1 } });
    await using peer = await RawPeer.open(server.port);
    await expect(RawPeer.open(server.port)).rejects.toThrow("the server closed");
    expect(peer.closed).toBe(false);
  });
});

test("viewers of a multitrack publication get its first tracks, not all of them as one", async () => {
  await using server = await start();
  const publications = iterate(server);
  await using peer = await RawPeer.ask(server.port, "publish", "live", "key");
  peer.video(0, avcHeader);
  peer.video(0, Uint8Array.of(...hex("96 00 61766331 01"), ...AVC_CONFIG));
  peer.audio(0, aacHeader);
  peer.audio(0, silence);
  for (const [time, first, second] of [
    [0, 0x17, 0x96],
    [40, 0x27, 0xa6],
    [80, 0x27, 0xa6],
    [120, 0x27, 0xa6],
  ] as const) {
    peer.video(time, Uint8Array.of(first, 1, 0, 0, 0, ...avcFrame(first === 0x17, 60)));
    peer.video(time, Uint8Array.of(second, ...hex("03 61766331 01"), ...avcFrame(second === 0x96, 90)));
  }
  const publication = await next(publications);
  expect(publication.tracks.map(({ id, kind }) => [id, kind])).toEqual([
    [1, "video"],
    [2, "audio"],
    [3, "video"],
  ]);
  await using viewer = await RawPeer.ask(server.port, "play", "live", "key");
  peer.command("deleteStream", null, 1);
  await viewer.until(() => viewer.status === "NetStream.Play.Stop");
  const video = viewer.media.filter(({ typeId }) => typeId === MessageType.Video);
  expect(video.slice(1).map(({ payload }) => payload.length)).toEqual([69, 69, 69, 69]);
});

test("viewers get metadata and sequence headers first, then packets from a keyframe, then the end", async () => {
  await using server = await start();
  await using client = createRtmpClient({ url: `${server.url}/live/key` });
  const source = liveSource();
  const publications = iterate(server);
  const published = client.publish(source);
  for (const packet of madePackets({ duration: 1.5 })) source.write(packet);
  await next(publications);
  await using viewer = await RawPeer.ask(server.port, "play", "live", "key");
  await viewer.until(() => viewer.media.filter(({ typeId }) => typeId === MessageType.Video).length > 1);
  const types = viewer.media.filter(({ typeId }) => typeId !== MessageType.UserControl).map(({ typeId }) => typeId);
  expect(types.slice(0, 4)).toEqual([MessageType.DataAmf0, MessageType.DataAmf0, MessageType.Video, MessageType.Video]);
  const video = viewer.media.filter(({ typeId }) => typeId === MessageType.Video);
  expect([...video[0]!.payload.subarray(0, 2)]).toEqual([0x17, 0]);
  expect([...video[1]!.payload.subarray(0, 2)]).toEqual([0x17, 1]);
  source.end();
  await published;
  await viewer.ended();
  expect(viewer.statuses.map(({ code }) => code)).toEqual([
    "NetStream.Play.Reset",
    "NetStream.Play.Start",
    "NetStream.Play.UnpublishNotify",
    "NetStream.Play.Stop",
  ]);
});
