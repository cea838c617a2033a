/** Hostile and broken peers against a whole deployment, while another stream is on air and must not notice. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { parsePlaylist } from "@ami-streams/media";
import { peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Deployment, deploy } from "./lib/deployment.ts";
import { follow, multivariant } from "./lib/playlist.ts";
import { ffmpeg, type Publisher, testPicture } from "./lib/publisher.ts";

describe.skipIf(peer("ffmpeg") === null)("a stream on air goes on", () => {
  let deployment: Deployment;
  let publisher: Publisher;
  let media: string;
  beforeAll(async () => {
    deployment = await deploy();
    publisher = ffmpeg(testPicture({ bitrate: 300 }), deployment.rtmp("steady"));
    const url = deployment.edge("/live/steady/index.m3u8");
    const { playlist } = await multivariant(url, AbortSignal.timeout(30_000));
    media = new URL(playlist.variants[0]!.uri, url).href;
  });
  afterAll(async () => {
    await publisher?.[Symbol.asyncDispose]();
    await deployment?.[Symbol.asyncDispose]();
  });

  /** The stream gets two more segments without a discontinuity. */
  const goesOn = async (signal: AbortSignal) => {
    let first: number | undefined;
    for await (const { playlist } of follow(media, signal)) {
      expect(playlist.segments.some((segment) => segment.discontinuity)).toBe(false);
      const end = playlist.mediaSequence + playlist.segments.length;
      first ??= end;
      if (end >= first + 2) return;
    }
  };

  test("while garbage arrives instead of a handshake", async ({ signal }) => {
    for (let i = 0; i < 20; i++) {
      const socket = await dial(deployment);
      socket.write(randomBytes(4096));
      await once(socket, "close");
    }
    await goesOn(signal);
  });

  test("while garbage follows a handshake", async ({ signal }) => {
    for (let i = 0; i < 20; i++) {
      const socket = await dial(deployment);
      await shakeHands(socket);
      socket.write(randomBytes(256 * 1024));
      await once(socket, "close");
    }
    await goesOn(signal);
  });

  test("while two thousand connections stay half open", async ({ signal }) => {
    const sockets = await Promise.all(Array.from({ length: 2000 }, () => dial(deployment).catch(() => undefined)));
    await goesOn(signal);
    for (const socket of sockets) socket?.destroy();
    // And the server takes publishers again.
    await using _next = ffmpeg(testPicture({ bitrate: 300 }), deployment.rtmp("after"));
    await multivariant(deployment.edge("/live/after/index.m3u8"), AbortSignal.timeout(30_000));
  });

  test("while another publishes its key under another app, and is refused", async ({ signal }) => {
    const url = deployment.rtmp("steady").replace("/live/", "/other/");
    await using other = ffmpeg(testPicture({ bitrate: 300 }), url);
    expect(await other.ended).not.toBe(0);
    await goesOn(signal);
  });

  test.each([
    ["an absurd media sequence number", "?_HLS_msn=99999999", 400],
    ["a negative one", "?_HLS_msn=-1", 400],
    ["one that is no number", "?_HLS_msn=abc", 400],
    ["a part without a sequence number", "?_HLS_part=1", 400],
  ])("a playlist request with %s is refused", async (_, query, status) => {
    const response = await fetch(media + query);
    await response.arrayBuffer();
    expect(response.status).toBe(status);
  });

  test.for(
    [
      "/live/steady/../../etc/passwd",
      "/live/steady/..%2f..%2fetc%2fpasswd",
      "/live/%2e%2e/%2e%2e/etc/passwd",
      "/live/steady%2findex.m3u8",
      "/live/steady/%00index.m3u8",
      "/vod/..%5c..%5csecret",
      "/live/nobody/index.m3u8",
      `/live/${"x".repeat(5000)}/index.m3u8`,
    ].map((path) => ({ path, name: path.slice(0, 60) })),
  )("GET $name finds nothing, at the edge and at the origin", async ({ path }) => {
    for (const server of [deployment.edges[0]!.url, deployment.origin.url]) {
      const { status, body } = await rawGet(server, path);
      expect([400, 404, 414]).toContain(status);
      expect(body).not.toContain("root:");
    }
  });

  test.each([
    ["bytes=0-3", 206],
    ["bytes=999999999-", 416],
    // An invalid range may be ignored or refused (RFC 9110 §14.2): refused, so that its author notices.
    ["bytes=5-2", 416],
    ["bytes=abc", 416],
    ["lines=0-3", 200],
  ])("Range: %s of a segment answers %i", async (range, status) => {
    const text = await (await fetch(media)).text();
    const playlist = parsePlaylist(text);
    const uri = playlist.type === "media" ? playlist.segments[0]!.uri : "";
    const response = await fetch(new URL(uri, media), { headers: { range } });
    await response.arrayBuffer();
    expect(response.status).toBe(status);
  });
});

async function dial(deployment: Deployment): Promise<Socket> {
  const { hostname, port } = new URL(deployment.origin.rtmp);
  const socket = connect(Number(port), hostname);
  // A refusal by reset is an answer too; what matters is that it ends.
  socket.on("error", () => socket.destroy());
  await Promise.race([once(socket, "connect"), once(socket, "close")]);
  socket.resume();
  return socket;
}

async function shakeHands(socket: Socket): Promise<void> {
  const c1 = randomBytes(1536);
  c1.fill(0, 0, 8);
  let received = 0;
  const answered = new Promise<void>((resolve) => {
    socket.on("data", (data) => {
      received += data.length;
      if (received >= 1 + 2 * 1536) resolve();
    });
  });
  socket.write(Buffer.concat([Buffer.from([3]), c1]));
  await answered;
  socket.write(Buffer.alloc(1536));
}

/** A request whose path no client library has tidied up. */
async function rawGet(server: string, path: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(server);
  const socket = connect(Number(port), hostname);
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${hostname}:${port}\r\nconnection: close\r\n\r\n`);
  let body = "";
  socket.setEncoding("utf8").on("data", (text: string) => {
    body += text;
  });
  await once(socket, "close");
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(body)?.[1]), body };
}
