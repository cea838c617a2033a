import { describe, expect, test } from "vitest";
import { hex } from "../../testing/made-source.ts";
import { readStreamRequest } from "../command/stream-request.ts";
import { ClientHandshake } from "../handshake/client-handshake.ts";
import { ServerHandshake } from "../handshake/server-handshake.ts";
import { splitAggregate } from "../message/aggregate.ts";
import { readUserControl, setPeerBandwidth, UserControlEvent, userControl, windowAckSize } from "../message/control.ts";
import { MessageType, type RtmpMessage } from "../message/message.ts";
import { type ClientEvent, ClientSession } from "./client-session.ts";
import { type ServerEvent, ServerSession } from "./server-session.ts";
import { Wire } from "./wire.ts";

/** A client and a server that hand each other their bytes until both are silent. */
function pair(mode: "publish" | "play") {
  const client = new ClientSession({ mode, app: "live", tcUrl: "rtmp://h/live", streamName: "key?a=1", now: 0 });
  const server = new ServerSession({ now: 0 });
  const clientEvents: ClientEvent[] = [];
  const serverEvents: ServerEvent[] = [];
  const settle = () => {
    for (let busy = true; busy; ) {
      busy = false;
      for (const bytes of client.takeOutput()) {
        serverEvents.push(...server.receive(bytes));
        busy = true;
      }
      for (const bytes of server.takeOutput()) {
        clientEvents.push(...client.receive(bytes));
        busy = true;
      }
    }
  };
  settle();
  return { client, server, clientEvents, serverEvents, settle };
}

describe("client and server without a socket", () => {
  test("publish: asked, accepted, media, deleteStream", () => {
    const { client, server, clientEvents, serverEvents, settle } = pair("publish");
    expect(serverEvents).toMatchObject([{ type: "publish", streamId: 1, request: { app: "live", streamKey: "key" } }]);
    server.acceptPublish(1);
    settle();
    expect(clientEvents).toEqual([{ type: "started", streamId: 1 }]);
    client.send(MessageType.Video, 7, hex("1700"));
    client.stop();
    settle();
    expect(serverEvents.slice(1)).toEqual([
      { type: "media", streamId: 1, message: { typeId: 9, streamId: 1, timestamp: 7, payload: hex("1700") } },
      { type: "stop", streamId: 1 },
    ]);
  });

  test("play: asked, accepted, ended", () => {
    const { server, clientEvents, serverEvents, settle } = pair("play");
    expect(serverEvents).toMatchObject([{ type: "play", streamId: 1, request: { streamKey: "key" } }]);
    server.acceptPlay(1, "live/key");
    settle();
    server.endPlay(1, "over");
    settle();
    expect(clientEvents.map(({ type }) => type)).toEqual(["started", "media", "ended"]);
  });

  for (const [code, expected] of [
    ["NetStream.Publish.BadName", "STREAM_IN_USE"],
    ["NetStream.Publish.Unauthorized", "UNAUTHORIZED"],
    ["NetStream.Failed", "REJECTED"],
  ] as const) {
    test(`${code} is ${expected} to the client`, () => {
      const { server, settle } = pair("publish");
      server.reject(1, code, "because");
      expect(settle).toThrow(expect.objectContaining({ code: expected, message: expect.stringContaining("because") }));
    });
  }
});

describe("below the commands", () => {
  /** Two wires after their handshake. */
  function wires(): [Wire, Wire] {
    const opening = new ClientHandshake(0);
    const a = new Wire(opening);
    const b = new Wire(new ServerHandshake(0));
    a.sendBytes(opening.opening);
    exchange(a, b);
    return [a, b];
  }

  function exchange(a: Wire, b: Wire): RtmpMessage[] {
    const received: RtmpMessage[] = [];
    for (let busy = true; busy; ) {
      busy = false;
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        for (const bytes of from.takeOutput()) {
          received.push(...to.receive(bytes));
          busy = true;
        }
      }
    }
    return received;
  }

  test("a ping is answered with its time", () => {
    const [a, b] = wires();
    a.send(userControl(UserControlEvent.PingRequest, 1234));
    const [answer] = exchange(a, b);
    expect(readUserControl(answer!.payload)).toEqual({ event: UserControlEvent.PingResponse, value: 1234 });
  });

  test("bytes are acknowledged twice a window, and a bandwidth is answered with a window", () => {
    const [a, b] = wires();
    a.send(windowAckSize(1000));
    exchange(a, b);
    const before = a.bytesReceived;
    for (let count = 0; count < 10; count += 1) {
      a.send({ typeId: MessageType.Video, streamId: 1, timestamp: 0, payload: new Uint8Array(480) });
      exchange(a, b);
    }
    // An acknowledgement is 16 bytes long.
    const acknowledged = (a.bytesReceived - before) / 16;
    expect(acknowledged).toBeGreaterThanOrEqual(5);
    expect(acknowledged).toBeLessThanOrEqual(12);
    a.send(setPeerBandwidth(5000, 2));
    const received = a.bytesReceived;
    exchange(a, b);
    expect(a.bytesReceived).toBeGreaterThan(received);
  });
});

test("an aggregate is taken apart, its times shifted to its own", () => {
  const payload = hex("08 000002 000064 00 000000 af01 0000000d 09 000003 000078 01 000000 270100 0000000e");
  const parts = splitAggregate({ typeId: MessageType.Aggregate, streamId: 1, timestamp: 1000, payload });
  expect(parts).toEqual([
    { typeId: 8, streamId: 1, timestamp: 1000, payload: hex("af01") },
    { typeId: 9, streamId: 1, timestamp: 1020 + 0x1000000, payload: hex("270100") },
  ]);
});

test("an address is cut before its last part, however the peer has cut it", () => {
  for (const [app, name] of [
    ["a/b", "c"],
    ["a", "b/c?x=1"],
    ["/a/", "/b/c/"],
  ] as const) {
    expect(readStreamRequest(app, "", name)).toMatchObject({ app: "a/b", streamKey: "c" });
  }
  expect(readStreamRequest("a", "", "/")).toMatchObject({ app: "a", streamKey: "" });
});

test("queries are found in the stream key, the application and the address", () => {
  const request = readStreamRequest("/live/?a=1", "rtmp://h/live?b=2&a=9", "/key?c=3&c=4");
  expect([request.app, request.streamKey, [...request.query]]).toEqual([
    "live",
    "key",
    [
      ["c", "3"],
      ["c", "4"],
      ["a", "1"],
      ["b", "2"],
    ],
  ]);
});
