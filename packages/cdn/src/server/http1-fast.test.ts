/** The fast path's parser against node:http's: it may take less, and what it takes it must understand the same way. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { rawHandler } from "../handler/raw.ts";
import { readPlainHead } from "./plain-head.ts";
import { connectRaw } from "./raw-client.test-peer.ts";
import { createServer as createTestServer } from "./server.ts";

test("plain heads are read, anything else is left to node:http", () => {
  expect(readPlainHead("GET /a?b HTTP/1.1\r\nHost: x\r\nAccept:  */* \t\r\nConnection: Keep-Alive\r\n")).toEqual({
    method: "GET",
    target: "/a?b",
    fields: ["host", "x", "accept", "*/*"],
  });
  for (const head of [
    "POST / HTTP/1.1\r\nHost: x\r\n",
    "get / HTTP/1.1\r\nHost: x\r\n",
    "GET / HTTP/1.0\r\nHost: x\r\n",
    "GET  / HTTP/1.1\r\nHost: x\r\n",
    "GET http://x/ HTTP/1.1\r\nHost: x\r\n",
    "GET /é HTTP/1.1\r\nHost: x\r\n",
    "GET /#a HTTP/1.1\r\nHost: x\r\n",
    "GET / HTTP/1.1\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA: 1\r\n 2\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA : 1\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA: 1\n2\r\n",
    "GET / HTTP/1.1\r\nHost: x\r\nA\r\n",
    "\r\nGET / HTTP/1.1\r\nHost: x\r\n",
    "GET / HTTP/1.1\nHost: x\n",
  ]) {
    expect(readPlainHead(head), JSON.stringify(head)).toBeUndefined();
  }
});

test("what it takes, node:http takes and reads the same way", async () => {
  const server = createServer((request, response) => {
    const fields = request.rawHeaders.map((text, at) => (at % 2 === 0 ? text.toLowerCase() : text));
    response.setHeader("connection", "close");
    response.end(JSON.stringify({ method: request.method, target: request.url, fields }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;

  const piece = fc.constantFrom("a", "X", " ", "\t", ":", "\r", "\n", "\0", "\x7f", "é", "-", "1", ",", '"', "\x0b");
  const text = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
  const name = fc.oneof(
    fc.constantFrom("Accept", "Range", "Content-Length", "Connection", "host", "TE", "Cookie"),
    text,
  );
  const line = fc.tuple(name, fc.constantFrom(":", ": ", " : ", ""), text).map((parts) => parts.join(""));
  const start = fc.oneof(
    fc.constant("GET /a?b=1 HTTP/1.1"),
    fc
      .tuple(fc.constantFrom("GET", "HEAD", "get"), text, fc.constantFrom("HTTP/1.1", "HTTP/1.0"))
      .map(([method, target, version]) => `${method} /${target} ${version}`),
  );
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(start, fc.array(line, { maxLength: 4 }), async (first, lines) => {
      const head = `${[first, "Host: x", ...lines].join("\r\n")}\r\n`;
      const plain = readPlainHead(head);
      if (plain === undefined) return;
      taken += 1;
      using client = await connectRaw(port);
      client.write(`${head}\r\n`);
      const answer = await client.closed();
      if (plain.method === "HEAD") {
        expect(answer).toMatch(/^HTTP\/1\.1 200 /);
        return;
      }
      const seen = JSON.parse(Buffer.from(answer.slice(answer.indexOf("\r\n\r\n") + 4), "latin1").toString());
      const fields: string[] = [];
      for (let at = 0; at < seen.fields.length; at += 2) {
        if (seen.fields[at] !== "connection") fields.push(seen.fields[at], seen.fields[at + 1]);
      }
      expect({ ...seen, fields }).toEqual(plain);
    }),
    { numRuns: 1500 },
  );
  expect(taken).toBeGreaterThan(100);
});

test("an answer without a body says so, and the connection goes on", async () => {
  const handler = Object.assign(() => new Response(), {
    [rawHandler]: () => ({ status: 200, headers: ["x-a", "1"], body: null }),
  });
  await using server = await createTestServer({ handler, port: 0, host: "127.0.0.1" });
  using client = await connectRaw(server.port);
  for (let turn = 1; turn <= 2; turn += 1) {
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(turn === 1 ? /content-length: 0/ : /content-length: 0[\s\S]+content-length: 0/);
  }
});

test("fields that are not HTTP never reach the client", async () => {
  const handler = Object.assign(() => new Response(), {
    [rawHandler]: () => ({ status: 200, headers: ["x-a", "1\r\nset-cookie: evil"], body: null }),
  });
  await using server = await createTestServer({ handler, port: 0, host: "127.0.0.1" });
  using client = await connectRaw(server.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(await client.closed()).toBe("");
});

test("a raw handler that answers at once keeps the connection, on either path", async () => {
  const handler = Object.assign(() => new Response(), {
    [rawHandler]: () => ({ status: 200, headers: ["content-length", "2"], body: Buffer.from("ok") }),
  });
  await using server = await createTestServer({ handler, port: 0, host: "127.0.0.1" });
  using client = await connectRaw(server.port);
  for (const field of ["", "TE: trailers\r\n", "TE: trailers\r\n"]) {
    client.write(`GET / HTTP/1.1\r\nHost: a\r\n${field}\r\n`);
  }
  const all = await client.until(/(?:ok[\s\S]*){3}/);
  expect(all.toLowerCase()).not.toContain("connection: close");
});
