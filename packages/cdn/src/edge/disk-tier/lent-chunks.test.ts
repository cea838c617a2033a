/** Lent chunks over real sockets: what arrives is what was stored, though the buffers go round. */

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { bodyOf, openTier, put } from "./disk-tier.test-setup.ts";
import type { DiskTier } from "./disk-tier.ts";
import { type LentBody, lentChunks } from "./lent-chunks.ts";

const KIB = 1024;

test("many clients at once, some of them slow, some of which leave, get no byte of another's object", async () => {
  const tier = await openTier({ sliceBytes: 64 * KIB, maxBytes: 64 * KIB * KIB, readBytes: 1024 * KIB });
  const sizes = [100_000, 300_000, 1_000_000, 2_500_000];
  for (const size of sizes) await put(tier, `/${size}`, bodyOf(`/${size}`, size));
  const sending = new Set<Promise<void>>();
  const port = await serve(tier, sending);
  const clients = Array.from({ length: 40 }, async (_, number) => {
    const size = sizes[number % sizes.length]!;
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(`/${size}\n`);
    const received: Buffer[] = [];
    let length = 0;
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      received.push(chunk);
      length += chunk.length;
      if (number % 5 === 1 && length > size / 2) break;
      if (number % 3 === 0) await new Promise(setImmediate);
    }
    socket.destroy();
    const expected = bodyOf(`/${size}`, size);
    if (number % 5 !== 1) expect(length).toBe(size);
    expect(Buffer.concat(received).equals(expected.subarray(0, length))).toBe(true);
  });
  await Promise.all(clients);
  await Promise.all(sending);
  expect(tier.lentBytes).toBe(0);
});

/** Sends the object whose key a client says in a line. */
async function serve(tier: DiskTier, sending: Set<Promise<void>>): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", (line) => {
      const sent = tier
        .open(line.toString().trim())
        .then((entry) => entry!.read())
        .then((body) => send(body!, socket))
        .finally(() => sending.delete(sent));
      sending.add(sent);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

async function send(body: LentBody, socket: Socket): Promise<void> {
  const chunks = body[lentChunks]();
  while (!socket.destroyed) {
    const next = await chunks.next();
    if (next.done) break;
    if (!socket.write(next.value, () => chunks.release(next.value)) && !socket.destroyed) await drained(socket);
  }
  if (socket.destroyed) await chunks.return();
  else await new Promise<void>((resolve) => socket.end(resolve));
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      socket.off("drain", go);
      socket.off("close", go);
      resolve();
    };
    socket.once("drain", go);
    socket.once("close", go);
  });
}
