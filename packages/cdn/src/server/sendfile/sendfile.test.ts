/** Bodies that are sent from copies in the system's memory: whoever asks sees no difference. */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { type RawHandler, rawHandler } from "../../handler/raw.ts";
import { markStill } from "../../handler/still-bytes.ts";
import { serve, standing } from "../http1.test-setup.ts";
import type { Server } from "../server.ts";
import type { ServerOptions } from "../server-options.ts";
import { loadSendfile } from "./sendfile.ts";

const KB = 1024;
const MB = 1024 * KB;

interface Asked {
  readonly start: number;
  readonly end: number;
}

/** Answers `/start-end` with these bytes of a body, as one piece; `/pieces` with all of it, piece by piece. */
async function serveBytes(
  bytes: Uint8Array,
  { released = () => {}, ...options }: Partial<ServerOptions> & { released?: () => void } = {},
): Promise<Server> {
  const raw: RawHandler = ({ target }) => {
    if (target === "/pieces") {
      const headers = ["content-length", `${bytes.byteLength}`];
      return { status: 200, headers, body: piecesOf(bytes), release: released };
    }
    const [start, end] = target.slice(1).split("-").map(Number);
    const body = bytes.subarray(start, end);
    return { status: 200, headers: ["content-length", `${body.byteLength}`], body, release: released };
  };
  const handler = Object.assign(() => Response.error(), { [rawHandler]: raw });
  return await serve(handler, { http2: false, ...options });
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 100 * KB) yield bytes.subarray(at, at + 100 * KB);
}

/** Reads answers from a connection, in the order of their requests. */
function answersOf(socket: Socket): { body(): Promise<Buffer> } {
  const chunks = (socket as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  /** Reads on until there are so many bytes more. */
  const more = async (bytes: number): Promise<void> => {
    const parts = [rest];
    for (let received = 0; received < bytes; received += parts.at(-1)!.length) {
      const next = await chunks.next();
      if (next.done) throw new Error("the server closed in the middle of an answer");
      parts.push(next.value);
    }
    rest = Buffer.concat(parts);
  };
  return {
    async body() {
      while (!rest.includes("\r\n\r\n")) await more(1);
      const start = rest.indexOf("\r\n\r\n") + 4;
      const end = start + Number(/content-length: (\d+)/.exec(rest.toString("latin1", 0, start))?.[1]);
      await more(end - rest.length);
      const body = rest.subarray(start, end);
      rest = rest.subarray(end);
      return body;
    },
  };
}

/** A connection that has asked for these, and not read yet. */
function asking(server: Server, ...targets: string[]): Socket {
  const socket = connect(server.port, "127.0.0.1").pause();
  onTestFinished(() => void socket.destroy());
  for (const target of targets) socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`);
  return socket;
}

/** Bodies of answers to requests that were all sent at once. */
async function ask(server: Server, targets: readonly string[]): Promise<Buffer[]> {
  const socket = asking(server, ...targets);
  const answers = answersOf(socket);
  const bodies: Buffer[] = [];
  for (const _ of targets) bodies.push(await answers.body());
  socket.destroy();
  return bodies;
}

async function askUntilCopied(server: Server, target: string): Promise<void> {
  const before = server.stats.sendfileBytes;
  while (server.stats.sendfileBytes === before) await ask(server, [target]);
}

function stillBytes(length: number): Buffer {
  const bytes = randomBytes(length);
  markStill(bytes);
  return bytes;
}

describe.skipIf((await loadSendfile().catch(() => undefined)) === undefined)("by sendfile", () => {
  test("whole, in part, in pieces and one after the other, bodies come as they are", async () => {
    const bytes = stillBytes(MB + 17);
    const server = await serveBytes(bytes);
    const all = `/0-${bytes.length}`;
    await askUntilCopied(server, all);

    const position = fc.nat({ max: bytes.length });
    const asked = fc.tuple(position, position).map(([a, b]): Asked => ({ start: Math.min(a, b), end: Math.max(a, b) }));
    await fc.assert(
      fc.asyncProperty(fc.array(asked, { minLength: 1, maxLength: 4 }), async (parts) => {
        const targets = parts.flatMap(({ start, end }) => [`/${start}-${end}`, "/pieces"]);
        const bodies = await ask(server, targets);
        for (const [index, { start, end }] of parts.entries()) {
          expect(bodies[2 * index]!.equals(bytes.subarray(start, end))).toBe(true);
          expect(bodies[2 * index + 1]!.equals(bytes)).toBe(true);
        }
      }),
      { numRuns: 20 },
    );
    expect(server.stats.sendfileBytes).toBeGreaterThan(10 * bytes.length);
  });

  test("bytes of which nobody said that they stay are never copied", async () => {
    const bytes = randomBytes(MB);
    const server = await serveBytes(bytes);
    for (let turn = 0; turn < 10; turn += 1) {
      bytes.fill(turn);
      const [body] = await ask(server, [`/0-${MB}`]);
      expect(body!.equals(bytes)).toBe(true);
    }
    expect(server.stats.sendfileBytes).toBe(0);
  });

  test("a copy that gives way to others while it is being sent is made up for by what it was of", async () => {
    const bytes = stillBytes(10 * MB);
    const others = [0, 1, 2, 3].map(() => stillBytes(bytes.length));
    const raw: RawHandler = ({ target }) => {
      const body = target === "/first" ? bytes : others[Number(target.slice(1))]!;
      return { status: 200, headers: ["content-length", `${body.length}`], body };
    };
    const handler = Object.assign(() => Response.error(), { [rawHandler]: raw });
    const server = await serve(handler, { http2: false, sendfileBytes: 4 * bytes.length });
    await askUntilCopied(server, "/first");
    const sent = server.stats.sendfileBytes;
    const socket = asking(server, "/first");
    await expect.poll(() => server.stats.sendfileBytes).toBeGreaterThan(sent);
    for (const index of others.keys()) await askUntilCopied(server, `/${index}`);
    const body = await answersOf(socket).body();
    expect(body.equals(bytes)).toBe(true);
  });

  test("a client that leaves in the middle gives back what was lent, once", async () => {
    const bytes = stillBytes(8 * MB);
    let released = 0;
    const server = await serveBytes(bytes, { released: () => (released += 1) });
    await askUntilCopied(server, `/0-${bytes.length}`);
    for (const target of [`/0-${bytes.length}`, "/pieces"]) {
      const before = released;
      const sent = server.stats.sendfileBytes;
      const socket = asking(server, target);
      await expect.poll(() => server.stats.sendfileBytes).toBeGreaterThan(sent);
      expect(released).toBe(before);
      socket.resetAndDestroy();
      await expect.poll(() => released).toBe(before + 1);
      await expect.poll(() => server.connections).toBe(0);
      expect(released).toBe(before + 1);
    }
    const [body] = await ask(server, [`/0-${bytes.length}`]);
    expect(body!.equals(bytes)).toBe(true);
  });

  test("a client that says at once that it asks for no more gets what it asked for", async () => {
    const bytes = stillBytes(8 * MB);
    const server = await serveBytes(bytes);
    await askUntilCopied(server, `/0-${bytes.length}`);
    const socket = asking(server, `/0-${bytes.length}`);
    const sent = server.stats.sendfileBytes;
    socket.end();
    await expect.poll(() => server.stats.sendfileBytes).toBeGreaterThan(sent);
    const body = await answersOf(socket).body();
    expect(body.equals(bytes)).toBe(true);
    await expect.poll(() => server.connections).toBe(0);
  });

  test("nothing of a later answer gets into a body, though answers before it wait as well", async () => {
    const bytes = stillBytes(16 * MB);
    const before = stillBytes(65_100);
    const raw: RawHandler = ({ target }) => {
      const body = target === "/big" ? bytes : target === "/small" ? Buffer.from("small") : Buffer.from(before);
      return { status: 200, headers: ["content-length", `${body.length}`], body };
    };
    const handler = Object.assign(() => Response.error(), { [rawHandler]: raw });
    const server = await serve(handler, { http2: false });
    await askUntilCopied(server, "/big");
    const sent = server.stats.sendfileBytes;
    for (const count of [0, 20, 40, 61, 100]) {
      const socket = asking(server, ...Array.from({ length: count }, () => "/before"), "/big", "/small");
      const answers = answersOf(socket);
      for (let at = 0; at < count; at += 1) expect((await answers.body()).equals(before)).toBe(true);
      expect((await answers.body()).equals(bytes)).toBe(true);
      expect((await answers.body()).toString()).toBe("small");
      socket.destroy();
    }
    expect(server.stats.sendfileBytes).toBeGreaterThan(sent);
  });

  test("a client that takes its time is not at rest: neither the idle timeout nor closing cuts it off", async () => {
    const bytes = stillBytes(16 * MB);
    const { clock, pass } = standing();
    const server = await serveBytes(bytes, { clock, limits: { idleTimeout: 40, headersTimeout: 40 } });
    await askUntilCopied(server, `/0-${bytes.length}`);
    const sent = server.stats.sendfileBytes;
    const socket = asking(server, `/0-${bytes.length}`);
    await expect.poll(() => server.stats.sendfileBytes).toBeGreaterThan(sent);
    pass(1000);
    // Resting ones go: once this one is gone, there was a look at all of them.
    const resting = connect(server.port, "127.0.0.1").resume();
    await expect.poll(() => server.connections).toBe(2);
    pass(1000);
    await once(resting, "close");
    const closed = server.close();
    const body = await answersOf(socket).body();
    expect(body.equals(bytes)).toBe(true);
    await closed;
  });

  test("a client that never reads is cut off, one that reads slowly is not", async () => {
    const bytes = stillBytes(8 * MB);
    const { clock, pass } = standing();
    const limits = { sendGrace: 40, minSendRate: MB };
    const server = await serveBytes(bytes, { clock, limits });
    await askUntilCopied(server, `/0-${bytes.length}`);
    asking(server, `/0-${bytes.length}`);
    const slow = asking(server, `/0-${bytes.length}`);
    await expect.poll(() => server.connections).toBe(2);
    let received = 0;
    while (received < bytes.length) {
      if (slow.readableLength === 0) await once(slow, "readable");
      const chunk: Buffer | null = slow.read();
      received += chunk?.length ?? 0;
      // Twice as fast as it has to be.
      pass(((chunk?.length ?? 0) / MB) * 500);
    }
    pass(10_000);
    await expect.poll(() => server.connections).toBe(1);
    expect(slow.destroyed).toBe(false);
  });
});
