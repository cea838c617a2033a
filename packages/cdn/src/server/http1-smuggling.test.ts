/**
 * Requests that two servers could delimit differently, so that the end of one becomes the start of another (RFC 9112 §11.2): over either
 * path none of them reaches the handler as two, and whatever reaches it node:http's strict parser sees as well.
 */

import { once } from "node:events";
import { createServer as createNodeServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import { type RawHandler, type RawRequest, rawHandler } from "../handler/raw.ts";
import { dial, PATHS, serve } from "./http1.test-setup.ts";
import { connectRaw } from "./raw-client.test-peer.ts";

const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";

/** What hides a second request, and what may come of it: refused, or answered and closed, or the handler saw one request whose body it is. */
const VECTORS: [name: string, head: string, outcome: "refused" | "closed" | "body"][] = [
  [
    "length, then chunks (CL.TE)",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  [
    "chunks, then length (TE.CL)",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  ["two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 33\r\n\r\n", "refused"],
  ["two equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\nContent-Length: 33\r\n\r\n", "refused"],
  ["a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0, 33\r\n\r\n", "refused"],
  ["a signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +0\r\n\r\n", "refused"],
  ["a negative length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "refused"],
  ["a hexadecimal length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x0\r\n\r\n", "refused"],
  ["a length with a space in it", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0 33\r\n\r\n", "refused"],
  ["a length beyond 64 bits", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n", "refused"],
  ["an empty length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", "refused"],
  ["a space before the length's colon", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 33\r\n\r\n", "refused"],
  [
    "a tab before the coding's colon",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  ["a folded coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", "refused"],
  [
    "a field that begins with a space",
    "POST / HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  [
    "a coding that only looks like chunked",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  [
    "chunked not last",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  [
    "chunked twice",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  [
    "a vertical tab before chunked",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "refused",
  ],
  ["a quoted chunked", 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n', "refused"],
  ["NUL after chunked", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n", "refused"],
  ["a bare LF that ends a field", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\nContent-Length: 33\r\n\r\n", "refused"],
  ["a bare LF that ends the head", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n\n", "refused"],
  ["a bare CR that ends a field", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rContent-Length: 33\r\n\r\n", "refused"],
  ["a head of bare LFs", "GET / HTTP/1.1\nHost: a\n\n", "refused"],
  [
    "a bare LF after a chunk's size",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\n\r\n",
    "refused",
  ],
  [
    "a chunk's size that is signed",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+0\r\n\r\n",
    "refused",
  ],
  [
    "a chunk's size beyond 64 bits",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    "refused",
  ],
  [
    "a chunk longer than its size",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
    "closed",
  ],
  ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "refused"],
  ["no Host", "GET / HTTP/1.1\r\nX: 1\r\n\r\n", "refused"],
  ["a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "refused"],
  ["no version", "GET /\r\nHost: a\r\n\r\n", "refused"],
  ["the version before versions", "GET /\r\n\r\n", "refused"],
  ["another version", "GET / HTTP/9.1\r\nHost: a\r\n\r\n", "refused"],
  ["a GET with a body", `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ${HIDDEN.length}\r\n\r\n`, "body"],
  [
    "a GET with chunks",
    `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${HIDDEN.length.toString(16)}\r\n`,
    "body",
  ],
];

describe.each(PATHS)("over %s", (_name, wrap) => {
  test.each(VECTORS)("%s hides no request", async (_vector, head, outcome) => {
    const targets: string[] = [];
    const server = await serve(
      wrap((request) => {
        targets.push(new URL(request.url).pathname);
        return bytesResponse(Buffer.from("seen"));
      }),
    );
    // After a plain one, so that the connection is where the fast path is.
    const client = await dial(server);
    client.write("GET /plain HTTP/1.1\r\nHost: a\r\n\r\n");
    await client.until(/seen/);
    client.write(head + HIDDEN);
    if (outcome === "body") {
      await client.until(/seen[\s\S]*seen/);
      client.socket.end();
    }
    const all = await client.closed();
    expect(targets).not.toContain("/hidden");
    if (outcome === "closed") expect(all).toMatch(/connection: close/i);
    else if (outcome === "refused") expect(all).toMatch(/HTTP\/1\.1 (?:400|501) [\s\S]*connection: close/i);
    else expect(targets).toEqual(["/plain", "/"]);
  });
});

test("the fast path takes no request that node:http does not take, and reads the same of it, whatever comes before and after", async () => {
  const seen: string[] = [];
  const raw: RawHandler = (request: RawRequest) => {
    const { host: _host, connection: _connection, ...fields } = request.headers;
    seen.push(JSON.stringify([request.method, request.target, request.origin, Object.entries(fields).sort()]));
    return { status: 200, headers: ["content-length", "0"], body: null };
  };
  const server = await serve(Object.assign(() => new Response(), { [rawHandler]: raw }));
  const theirs: string[] = [];
  const node = createNodeServer({ requireHostHeader: true }, (request, response) => {
    const fields = new Map<string, string>();
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      const name = request.rawHeaders[at]!.toLowerCase();
      const value = request.rawHeaders[at + 1]!;
      const before = fields.get(name);
      fields.set(name, before === undefined ? value : `${before}${name === "cookie" ? "; " : ", "}${value}`);
    }
    const host = fields.get("host") ?? "localhost";
    fields.delete("host");
    // `keep-alive` is the default, and left out where that is all it says.
    fields.delete("connection");
    theirs.push(JSON.stringify([request.method, request.url, `http://${host}`, [...fields].sort()]));
    response.end();
  }).listen(0, "127.0.0.1");
  await once(node, "listening");
  onTestFinished(() => void node.close());
  const { port } = node.address() as AddressInfo;

  const piece = fc.constantFrom(
    "a",
    "X",
    " ",
    "\t",
    ":",
    "\r",
    "\n",
    "\r\n",
    "\0",
    "é",
    "-",
    "1",
    ",",
    '"',
    "\x0b",
    "\x7f",
  );
  const text = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(""));
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom("Accept", "X-A", "x-a", "Cookie", "User-Agent", "Range") },
    {
      weight: 2,
      arbitrary: fc.constantFrom("Content-Length", "Transfer-Encoding", "Connection", "Host", "TE", "Expect"),
    },
    text,
  );
  const value = fc.oneof(fc.constantFrom("", "1", " a b ", "*/*", "0", "chunked", "keep-alive", "\tx"), text);
  const line = fc.tuple(name, fc.constantFrom(":", ": ", ":", " :"), value).map((parts) => parts.join(""));
  const first = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom("GET /a?b=1 HTTP/1.1", "HEAD / HTTP/1.1", "GET /./a HTTP/1.1", "GET /a/%2e HTTP/1.1"),
    },
    fc
      .tuple(fc.constantFrom("GET", "HEAD", "get", "POST"), text)
      .map(([method, target]) => `${method} /${target} HTTP/1.1`),
  );
  const head = fc.tuple(first, fc.array(line, { maxLength: 3 })).map(([start, lines]) => {
    return `${[start, "Host: x", ...lines].join("\r\n")}\r\n\r\n`;
  });
  let taken = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(head, { minLength: 1, maxLength: 3 }), fc.nat(200), async (heads, cut) => {
      // The last of them ends the connection, so that there is nothing to wait for.
      const all = `${heads.join("")}GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`;
      const say = async (to: number): Promise<void> => {
        using client = await connectRaw(to);
        client.write(all.slice(0, cut));
        client.write(all.slice(cut));
        // A body that never ends is waited for: until it would have been answered.
        const closed = client.closed();
        client.socket.end();
        await closed;
      };
      seen.length = 0;
      theirs.length = 0;
      await Promise.all([say(server.port), say(port)]);
      taken += seen.length;
      for (const [at, request] of seen.entries()) expect(request).toBe(theirs[at]);
    }),
    { numRuns: 1500 },
  );
  expect(taken).toBeGreaterThan(200);
});
