/** Interim answers (103, RFC 8297) on their way to clients. */

import { request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { expect, onTestFinished, test } from "vitest";
import { rawHandler } from "../handler/raw.ts";
import { connectRaw } from "./raw-client.test-peer.ts";
import { createServer } from "./server.ts";

async function serveHints() {
  const server = await createServer({
    port: 0,
    host: "127.0.0.1",
    handler: Object.assign(() => new Response(), {
      [rawHandler]: (request: Parameters<import("../handler/raw.ts").RawHandler>[0]) => {
        request.onInformational?.(103, ["link", "</next>; rel=preload"]);
        return { status: 200, headers: ["content-length", "4"], body: Buffer.from("done") };
      },
    }),
  });
  onTestFinished(() => server.close());
  return server;
}

test.each([
  ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", "the fast path"],
  ["GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "node:http"],
])("%j gets a 103 before its answer over %2$s", async (head) => {
  const server = await serveHints();
  const client = await connectRaw(server.port);
  client.write(head);
  const text = await client.until(/done$/);
  expect(text).toMatch(/^HTTP\/1\.1 103 [^\r]*\r\nlink: <\/next>; rel=preload\r\n\r\nHTTP\/1\.1 200 /i);
});

test("a client of HTTP/1.0 gets none", async () => {
  const server = await serveHints();
  const client = await connectRaw(server.port);
  client.write("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  expect(await client.until(/done$/)).toMatch(/^HTTP\/1\.1 200 /);
});

test("node:http's client reads it, and HTTP/2's does", async () => {
  const server = await serveHints();
  const hinted = new Promise((resolve) => {
    httpRequest(server.url, (response) => response.resume())
      .on("information", ({ statusCode, headers }) => resolve([statusCode, headers.link]))
      .end();
  });
  expect(await hinted).toEqual([103, "</next>; rel=preload"]);
  const session = connect(server.url);
  onTestFinished(() => session.destroy());
  const stream = session.request({ ":path": "/" });
  const headers = new Promise<object>((resolve) => stream.once("headers", resolve));
  stream.resume();
  expect(await headers).toMatchObject({ ":status": 103, link: "</next>; rel=preload" });
});
