/** How long HTTP/1.1 connections last: slow, resting, half-closed and leaving clients, and a server that closes. */

import { describe, expect, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { dial, gate, PATHS, serve, standing } from "./http1.test-setup.ts";
import { connectRaw } from "./raw-client.test-peer.ts";
import { createServer, type Server } from "./server.ts";
import type { ServerOptions } from "./server-options.ts";

describe.each(PATHS)("over %s", (_name, wrap) => {
  const serveOver = (handler: FetchHandler, options: Partial<ServerOptions> = {}): Promise<Server> =>
    serve(wrap(handler), options);

  test("a header that never ends is answered 408 and closed", async () => {
    const time = standing();
    const server = await serveOver(() => bytesResponse(Buffer.from("done")), {
      clock: time.clock,
      limits: { headersTimeout: 40 },
    });
    const first = await dial(server);
    first.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await first.until(/done$/);
    const client = await dial(server);
    client.write("GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ");
    await expect.poll(() => server.connections).toBe(2);
    time.pass(41);
    // Where it is cut while its first bytes are still on their way, there is nothing to answer.
    expect(await client.closed()).toMatch(/^HTTP\/1\.1 408 |^$/);
    first.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect((await first.until(/done[\s\S]*done$/)).match(/done/g)).toHaveLength(2);
  });

  test("a connection that never says anything is closed", async () => {
    const time = standing();
    const server = await serveOver(() => new Response(), { clock: time.clock, limits: { headersTimeout: 40 } });
    const client = await dial(server);
    await expect.poll(() => server.connections).toBe(1);
    time.pass(41);
    expect(await client.closed()).toBe("");
  });

  test("a connection that rests too long between requests is closed, and not before", async () => {
    const time = standing();
    const server = await serveOver(() => bytesResponse(Buffer.from("done")), {
      clock: time.clock,
      limits: { idleTimeout: 40, headersTimeout: 1000 },
    });
    const client = await dial(server);
    for (let turn = 1; turn <= 3; turn += 1) {
      client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await client.until(new RegExp(`(?:done[\\s\\S]*){${turn}}$`));
    }
    const closed = client.closed();
    await expect
      .poll(() => {
        time.pass(41);
        return server.connections;
      })
      .toBe(0);
    expect((await closed).match(/done/g)).toHaveLength(3);
  });

  test("an answer that takes long is not a connection that rests", async () => {
    const time = standing();
    const [asked, ask] = gate();
    const [released, release] = gate();
    const server = await serveOver(
      async () => {
        ask();
        await released;
        return bytesResponse(Buffer.from("done"));
      },
      { clock: time.clock, limits: { idleTimeout: 40, headersTimeout: 40 } },
    );
    const resting = await dial(server);
    const waiting = await dial(server);
    waiting.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await asked;
    time.pass(1000);
    await resting.closed();
    release();
    expect(await waiting.until(/done$/)).toContain("200");
  });

  test("a client that does not read is cut off; its handler's stream is cancelled and was never far ahead", async () => {
    const [cancelled, cancel] = gate();
    const time = standing();
    let made = 0;
    const server = await serveOver(
      () =>
        new Response(
          new ReadableStream({
            pull(controller) {
              made += 65_536;
              controller.enqueue(new Uint8Array(65_536));
            },
            cancel: () => cancel(),
          }),
        ),
      { clock: time.clock, limits: { sendGrace: 80, minSendRate: 100_000_000 } },
    );
    const client = await dial(server);
    client.socket.pause();
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await expect
      .poll(() => {
        if (made > 0) time.pass(1000);
        return server.connections;
      })
      .toBe(0);
    await cancelled;
    expect(made).toBeLessThan(32 * 1024 * 1024);
  });

  test("a client that leaves aborts the request's signal and cancels the body, even one that waits", async () => {
    const [aborted, abort] = gate();
    const [cancelled, cancel] = gate();
    const server = await serveOver((request) => {
      if (request.url.endsWith("/wait")) {
        return new Promise<Response>((_resolve, reject) => {
          request.signal.addEventListener("abort", () => {
            abort();
            reject(request.signal.reason);
          });
        });
      }
      return new Response(
        new ReadableStream({
          start: (controller) => controller.enqueue(Buffer.from("begin")),
          cancel: () => cancel(),
        }),
      );
    });
    const first = await dial(server);
    first.write("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
    const second = await dial(server);
    second.write("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    await second.until(/begin/);
    first.socket.destroy();
    second.socket.destroy();
    await Promise.all([aborted, cancelled]);
  });

  test("closing waits for an answer in flight, and says that it was the last", async () => {
    const [asked, ask] = gate();
    const [released, release] = gate();
    const server = await serveOver(async () => {
      ask();
      await released;
      return bytesResponse(Buffer.from("last"));
    });
    const resting = await dial(server);
    resting.write("GET /missing HTTP/1.1\r\nHost: a\r\n");
    const busy = await dial(server);
    busy.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await asked;
    const closing = server.close();
    await expect(connectRaw(server.port)).rejects.toThrow();
    release();
    const answer = await busy.closed();
    expect(answer.toLowerCase()).toContain("connection: close");
    expect(answer).toMatch(/last$/);
    await closing;
    expect(server.connections).toBe(0);
    await server.close();
  });

  test("closing is bounded: what is in flight at the deadline is cut", async () => {
    const server = await serveOver(() => new Promise<Response>(() => {}), { closeDeadline: 30 });
    const client = await dial(server);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await expect.poll(() => server.connections).toBe(1);
    await server.close();
    expect(await client.closed()).toBe("");
  });

  test("connections above the limit are closed at once, those below are served", async () => {
    const server = await serveOver(() => new Response("served"), { limits: { maxConnections: 2 } });
    const [first, second] = [await dial(server), await dial(server)];
    await expect.poll(() => server.connections).toBe(2);
    const third = await dial(server);
    expect(await third.closed()).toBe("");
    first.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(await first.until(/served/)).toContain("200");
    second.socket.destroy();
  });

  test("a client that closes its half after asking gets whole what is there at once", async () => {
    const body = Buffer.alloc(1_000_000, "x");
    const server = await serveOver(() => bytesResponse(body));
    const client = await dial(server);
    client.socket.end("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    expect((await client.closed()).match(/x{1000,}$/)?.[0]).toHaveLength(body.length);
  });

  test("a client that closes its half while it waits counts as gone, as with nginx and node:http", async () => {
    const [asked, ask] = gate();
    const [aborted, abort] = gate();
    const server = await serveOver((request) => {
      ask();
      return new Promise<Response>((_resolve, reject) => {
        request.signal.addEventListener("abort", () => {
          abort();
          reject(request.signal.reason);
        });
      });
    });
    const client = await dial(server);
    client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    await asked;
    client.socket.end();
    await aborted;
    expect(await client.closed()).toBe("");
  });
});

test("hundreds of half-open connections cost others nothing but their place", async () => {
  const time = standing();
  await using server = await createServer({
    port: 0,
    host: "127.0.0.1",
    handler: () => new Response("served"),
    clock: time.clock,
    limits: { headersTimeout: 200 },
  });
  const clients = await Promise.all(Array.from({ length: 500 }, () => connectRaw(server.port)));
  for (const client of clients) client.write("GET / HT");
  expect(await (await fetch(server.url)).text()).toBe("served");
  const closed = Promise.all(clients.map((client) => client.closed()));
  await expect
    .poll(() => {
      time.pass(201);
      return server.connections;
    })
    .toBeLessThan(2);
  await closed;
});
