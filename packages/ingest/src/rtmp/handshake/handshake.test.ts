import { expect, test } from "vitest";
import { IngestError } from "../../errors.ts";
import { ClientHandshake } from "./client-handshake.ts";
import { findDigest, HANDSHAKE_SIZE, playerKey, serverKey, verifySecond } from "./digest.ts";
import { ServerHandshake } from "./server-handshake.ts";

for (const kind of ["simple", "complex"] as const) {
  for (const scheme of [0, 1] as const) {
    test(`client and server agree: ${kind}, digest scheme ${scheme}, in pieces of any size`, () => {
      for (const size of [1, 100, 1536, 4000]) {
        const client = new ClientHandshake(1, { kind, scheme });
        const server = new ServerHandshake(2);
        const toServer = [client.opening];
        while (toServer.length > 0) {
          const bytes = toServer.shift()!;
          for (let offset = 0; offset < bytes.length; offset += size) {
            const answer = server.push(bytes.subarray(offset, offset + size));
            for (let at = 0; at < answer.length; at += size) {
              const reply = client.push(answer.subarray(at, at + size));
              if (reply.length > 0) toServer.push(reply);
            }
          }
        }
        expect([client.done, server.done]).toEqual([true, true]);
      }
    });
  }
}

test("the complex handshake is signed both ways, in the scheme of the client", () => {
  for (const scheme of [0, 1] as const) {
    const client = new ClientHandshake(1, { scheme });
    const c1 = client.opening.subarray(1);
    const signed = findDigest(c1, playerKey);
    expect(signed?.scheme).toBe(scheme);
    const answer = new ServerHandshake(2).push(client.opening);
    const s1 = answer.subarray(1, 1 + HANDSHAKE_SIZE);
    const s2 = answer.subarray(1 + HANDSHAKE_SIZE);
    expect(findDigest(s1, serverKey)?.scheme).toBe(scheme);
    expect(verifySecond(s2, signed!.digest, serverKey)).toBe(true);
    const c2 = client.push(answer);
    expect(verifySecond(c2, findDigest(s1, serverKey)!.digest, playerKey)).toBe(true);
  }
});

test("a client with a version but without a digest gets its own bytes back", () => {
  const opening = new ClientHandshake(1, { kind: "simple" }).opening.slice();
  opening[5] = 9;
  const answer = new ServerHandshake(2).push(opening);
  expect(answer.subarray(1 + HANDSHAKE_SIZE)).toEqual(opening.subarray(1));
});

test("what comes after the handshake in the same bytes is the chunk stream's", () => {
  const client = new ClientHandshake(1);
  const server = new ServerHandshake(2);
  const c2 = client.push(server.push(client.opening));
  server.push(Uint8Array.of(...c2, 1, 2, 3));
  expect(server.rest).toEqual(Uint8Array.of(1, 2, 3));
});

for (const [name, bytes, hint] of [
  ["an HTTP request", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), /HTTP/],
  ["a TLS hello", Uint8Array.of(0x16, 3, 1), /TLS/],
  ["RTMPE", Uint8Array.of(6, 0, 0), /RTMPE/],
  ["garbage", Uint8Array.of(0xff, 0xff), /0xff/],
] as const) {
  test(`${name} instead of a handshake is refused at its first byte, and named`, () => {
    expect(() => new ServerHandshake(0).push(bytes)).toThrow(IngestError);
    expect(() => new ServerHandshake(0).push(bytes)).toThrow(hint);
  });
}
