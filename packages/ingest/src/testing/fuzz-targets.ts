/** What is fuzzed: each target takes any bytes, and may answer with a typed error or a result, never with anything else. */

import { MediaError } from "@ami-streams/media";
import { IngestError } from "../errors.ts";
import { PublicationAssembler } from "../publication/assembler.ts";
import { readAmf0 } from "../rtmp/amf0/amf0-reader.ts";
import { readAmf3 } from "../rtmp/amf3/amf3-reader.ts";
import { ChunkReader } from "../rtmp/chunk/chunk-reader.ts";
import { writeChunks } from "../rtmp/chunk/chunk-writer.ts";
import { writeCommand } from "../rtmp/command/command.ts";
import { readAudioTags } from "../rtmp/flv/audio-tag.ts";
import { readVideoTags } from "../rtmp/flv/video-tag.ts";
import { ClientHandshake } from "../rtmp/handshake/client-handshake.ts";
import { ServerHandshake } from "../rtmp/handshake/server-handshake.ts";
import { MessageType } from "../rtmp/message/message.ts";
import { ServerSession } from "../rtmp/session/server-session.ts";
import { chunkStreamOf } from "../rtmp/session/wire.ts";
import { AAC_CONFIG, AVC_CONFIG, avcFrame, hex } from "./made-source.ts";

/** Runs a parser; returns a short description of what came of it, so that inputs with the same outcome can be told apart. */
export type FuzzTarget = (bytes: Uint8Array) => string;

const zero = (bytes: Uint8Array) => void bytes.fill(0);

/** After handshake, connect, createStream and publish: what follows is media, or an attack. */
function session(bytes: Uint8Array): string {
  const server = new ServerSession({ now: 0, random: zero });
  const client = new ClientHandshake(0, { kind: "simple", random: zero });
  server.receive(client.opening);
  server.receive(client.push(join(server.takeOutput())));
  for (const [name, streamId, object, args] of [
    ["connect", 0, { app: "live" }, []],
    ["createStream", 0, null, []],
    ["publish", 1, null, ["key", "live"]],
  ] as const) {
    const message = writeCommand({ name, transactionId: 1, object, args }, streamId);
    server.receive(writeChunks(message, chunkStreamOf(message), 128));
  }
  server.acceptPublish(1);
  const outcomes: string[] = [];
  const assembler = new PublicationAssembler({
    start: (tracks) => outcomes.push(`start ${tracks.length}`),
    retrack: () => outcomes.push("retrack"),
    packet: ({ dts, pts, duration }) => {
      if (!(dts >= 0 && pts >= dts && duration > 0 && Number.isSafeInteger(pts)))
        throw new Error(`${dts} ${pts} ${duration}`);
    },
    repaired: (kind) => outcomes.push(kind),
  });
  for (const event of server.receive(bytes)) {
    if (event.type === "media") assembler.push(event.message, 0, 0);
    else outcomes.push(event.type);
  }
  assembler.finish();
  return [...new Set(outcomes)].join(" ");
}

export const fuzzTargets: Readonly<Record<string, FuzzTarget>> = {
  session,
  chunk: (bytes) => {
    const reader = new ChunkReader({ maxMessageSize: 4096, maxChunkStreams: 4 });
    const count = reader.push(bytes.subarray(0, 40)).length + reader.push(bytes.subarray(40)).length;
    return `${count} messages`;
  },
  amf0: (bytes) =>
    readAmf0(bytes)
      .map((value) => typeof value)
      .join(" "),
  amf3: (bytes) =>
    readAmf3(bytes)
      .map((value) => typeof value)
      .join(" "),
  video: (bytes) =>
    readVideoTags(bytes)
      .map(({ type, codec }) => `${type} ${codec}`)
      .join(" "),
  audio: (bytes) =>
    readAudioTags(bytes)
      .map(({ type, codec }) => `${type} ${codec}`)
      .join(" "),
  handshake: (bytes) => String(new ServerHandshake(0, zero).push(bytes).length),
};

/** Where fuzzing starts from. */
export const fuzzSeeds: Readonly<Record<string, readonly Uint8Array[]>> = {
  session: [mediaSession()],
  chunk: [mediaSession()],
  amf0: [
    hex(
      "020007636f6e6e656374003ff000000000000003000361707002000461626364000009 08000000010001610a0000000105000009 11 0903 01 0601",
    ),
  ],
  amf3: [
    hex("09 07 01 0a 13 01 03 61 06 03 62 0a 01 06 02 0a 02"),
    hex("0c 05 0102 08 01 0000000000000000 0d 03 00 00000001 11 03 00 04 01 02"),
  ],
  video: [
    hex("1700000000 0142c00a"),
    hex("97 02 0003e8 53 68766331 aabb"),
    hex("96 21 68766331 00 000005 000028 aabb 61763031 01 000001 cc"),
  ],
  audio: [hex("af001208"), hex("95 20 6d703461 00 000002 1208 4f707573 02 000001 cc")],
  handshake: [new ClientHandshake(0, { random: zero }).opening],
};

/** Runs a target; throws unless the outcome is a result or a typed error. */
export function fuzzOnce(name: string, bytes: Uint8Array): string {
  try {
    return fuzzTargets[name]!(bytes);
  } catch (error) {
    if (error instanceof IngestError || error instanceof MediaError) return error.code;
    throw error;
  }
}

function mediaSession(): Uint8Array {
  const media = [
    [
      MessageType.DataAmf0,
      0,
      hex(
        "02000d 40736574446174614672616d65 02000a 6f6e4d65746144617461 08 00000001 0009 6672616d6572617465 00 4039000000000000 000009",
      ),
    ],
    [MessageType.Video, 0, join([hex("1700000000"), AVC_CONFIG])],
    [MessageType.Audio, 0, join([hex("af00"), AAC_CONFIG])],
    [MessageType.Video, 0, join([hex("1701000000"), avcFrame(true)])],
    [MessageType.Audio, 0, hex("af0101182007")],
    [MessageType.Video, 40, join([hex("2701000028"), avcFrame(false)])],
    [MessageType.Aggregate, 80, hex("08 000006 000050 00 000000 af0101182007 00000011")],
    [MessageType.Video, 0x1000000, join([hex("2701ffffd8"), avcFrame(false, 150)])],
  ] as const;
  return join(
    media.map(([typeId, timestamp, payload]) => {
      const message = { typeId, streamId: 1, timestamp, payload };
      return writeChunks(message, chunkStreamOf(message), 128);
    }),
  );
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
