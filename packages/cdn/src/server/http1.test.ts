/** HTTP/1.1 from outside, once over node:http and once over the fast path: both have to be the same server. */

import { Agent } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { Connection, FetchHandler } from "../handler/fetch-handler.ts";
import { type RawResponse, rawHandler } from "../handler/raw.ts";
import type { Logger } from "../logger.ts";
import { dial, exchange, PATHS, serve } from "./http1.test-setup.ts";
import { connectRaw } from "./raw-client.test-peer.ts";
import { createServer, type Server } from "./server.ts";
import type { ServerOptions } from "./server-options.ts";

describe.each(PATHS)("over %s", (_name, wrap) => {
  const serveOver = (handler: FetchHandler, options: Partial<ServerOptions> = {}): Promise<Server> =>
    serve(wrap(handler), options);

  test("whole bytes come with their length, a stream in chunks, and HEAD without either", async () => {
    const server = await serveOver((request) =>
      request.url.endsWith("/bytes")
        ? bytesResponse(Buffer.from("hello"), { headers: { "x-a": "1", date: "Thu, 01 Jan 2026 00:00:00 GMT" } })
        : new Response(ReadableStream.from([Buffer.from("he"), Buffer.from("llo")])),
    );
    const client = await dial(server);
    client.write("GET /bytes HTTP/1.1\r\nHost: a\r\n\r\n");
    expect((await client.until(/hello$/)).toLowerCase()).toMatch(
      /^http\/1\.1 200 ok\r\n(?:.+\r\n)*content-length: 5\r\n/,
    );
    client.write("HEAD /bytes HTTP/1.1\r\nHost: a\r\n\r\nGET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    const rest = await client.until(/0\r\n\r\n$/);
    expect(rest.toLowerCase().match(/content-length: 5/g)).toHaveLength(2);
    expect(rest.match(/hello/g)).toHaveLength(1);
    expect(rest.toLowerCase()).toContain("transfer-encoding: chunked");
    expect(rest).toContain("2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
  });

  test("one connection carries request after request, answered at once or not", async () => {
    let turn = 0;
    const server = await serveOver((request) => {
      turn += 1;
      const answer = bytesResponse(Buffer.from(`turn ${turn} ${request.headers.get("te") ?? ""}`));
      return turn % 2 === 0 ? Promise.resolve(answer) : answer;
    });
    const client = await dial(server);
    for (let expected = 1; expected <= 4; expected += 1) {
      client.write("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");
      await client.until(new RegExp(`turn ${expected}`));
    }
    expect((await client.until(/turn 4/)).toLowerCase()).not.toContain("connection: close");
  });

  test("requests that were sent ahead are answered in their order", async () => {
    const server = await serveOver((request) => new Response(new URL(request.url).pathname));
    const client = await dial(server);
    client.write([1, 2, 3, 4].map((n) => `GET /${n} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
    const all = await client.until(/\/4(?:\r\n0\r\n\r\n)?$/);
    expect([...all.matchAll(/\/(\d)(?=\r\n0|HTTP|$)/g)].map(([, n]) => n)).toEqual(["1", "2", "3", "4"]);
  });

  test("hundreds of requests sent ahead, across every boundary of what is read at once, are each answered once", async () => {
    const server = await serveOver((request) => bytesResponse(Buffer.from(`<${new URL(request.url).pathname}>`)));
    const client = await dial(server);
    const paths = Array.from({ length: 600 }, (_, n) => `/${n}${"x".repeat(n % 97)}`);
    client.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(""));
    const all = await client.until(/<\/599x*>$/);
    expect(all.match(/<[^>]+>/g)).toEqual(paths.map((path) => `<${path}>`));
  });

  test("a large whole body is sent once, and the connection goes on", async () => {
    const large = Buffer.alloc(3 * 1024 * 1024, "x");
    const server = await serveOver((request) =>
      bytesResponse(request.url.endsWith("/large") ? large : Buffer.from("end")),
    );
    const client = await dial(server);
    client.write("GET /large HTTP/1.1\r\nHost: a\r\n\r\nGET /end HTTP/1.1\r\nHost: a\r\n\r\n");
    const all = await client.until(/end$/);
    expect(all.match(/x{1000,}/g)?.map((body) => body.length)).toEqual([large.length]);
    expect(all.match(/^HTTP\/1\.1 200/gm)?.length ?? 0).toBe(1);
    expect(all.match(/HTTP\/1\.1 200/g)).toHaveLength(2);
  });

  test("a request may arrive byte by byte", async () => {
    const server = await serveOver(() => new Response("whole"));
    const client = await dial(server);
    for (const character of "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") client.write(character);
    expect(await client.closed()).toContain("whole");
  });

  test.each([
    ["garbage", "\x16\x03\x01\x02\x00 garbage\r\n\r\n", 400],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["a Host that is none", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400],
    ["a port that is none", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400],
    ["a Host that no URL can have", "GET / HTTP/1.1\r\nHost: 1.2.3.4.5\r\n\r\n", 400],
    ["user information in Host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400],
    [
      "length and chunks",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400],
    ["a length that is none", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello", 400],
    ["an unknown coding", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 501],
    ["a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", 400],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400],
    ["a bare carriage return", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n", 400],
    ["NUL in a field", "GET / HTTP/1.1\r\nHost: a\r\nX: 1\0\r\n\r\n", 400],
    ["dot segments", "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["encoded dot segments", "GET /%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a backslash", "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a target that is no path", "GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a long URL", `GET /${"x".repeat(5000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
    ["many fields", `GET / HTTP/1.1\r\nHost: a\r\n${"X: 1\r\n".repeat(50)}\r\n`, 431],
    ["a large header", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`, 431],
    ["a tunnel", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501],
    ["a request to be shown itself", "TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 501],
    ["an unknown expectation", "GET / HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nConnection: close\r\n\r\n", 417],
  ])("%s: refused, and the connection closed", async (_what, request, status) => {
    let handled = 0;
    const server = await serveOver(
      () => {
        handled += 1;
        return new Response();
      },
      { limits: { maxUrlBytes: 4096, maxHeaders: 40 } },
    );
    expect(await exchange(server, request)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(handled).toBe(0);
  });

  test("a refused request does not become the start of another one", async () => {
    const seen: string[] = [];
    const server = await serveOver((request) => {
      seen.push(request.url);
      return new Response();
    });
    await exchange(
      server,
      "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    expect(seen).toEqual([]);
  });

  test("the absolute form is understood, and its host counts", async () => {
    const server = await serveOver((request) => new Response(request.url));
    const answer = await exchange(server, "GET http://other/x?y HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    expect(answer).toContain("http://other/x?y");
  });

  test("HTTP/1.0 is answered and closed", async () => {
    const server = await serveOver(() => bytesResponse(Buffer.from("old")));
    expect(await exchange(server, "GET / HTTP/1.0\r\n\r\n")).toMatch(/old$/);
  });

  test("a body is streamed to the handler; 100 Continue is sent when it wants it", async () => {
    const server = await serveOver(async (request) => new Response(`got ${(await request.text()).length}`));
    const client = await dial(server);
    client.write(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
    );
    await client.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/);
    client.write("hello");
    expect(await client.closed()).toContain("got 5");
  });

  test("a handler that wants no body sends no 100 Continue, and the connection is not used again", async () => {
    const server = await serveOver(() => new Response("no", { status: 403 }));
    const answer = await exchange(
      server,
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    expect(answer).toMatch(/^HTTP\/1\.1 403 /);
    expect(answer.toLowerCase()).toContain("connection: close");
  });

  test("a body over the limit is 413, announced or not", async () => {
    const server = await serveOver(async (request) => new Response(await request.text()), {
      limits: { maxBodyBytes: 10 },
    });
    expect(await exchange(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 413 [\s\S]*"BODY_TOO_LARGE"/,
    );
    const chunked = `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n`;
    expect(await exchange(server, chunked)).toMatch(/^HTTP\/1\.1 413 /);
  });

  test("a stream that breaks off never looks complete", async () => {
    const server = await serveOver((request) => {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield Buffer.from("half");
        throw new Error("broken");
      }
      const headers = request.url.endsWith("/length") ? { "content-length": "8" } : {};
      return new Response(ReadableStream.from(broken()), { headers });
    });
    await expect(fetch(`${server.url}/chunked`).then((response) => response.text())).rejects.toThrow();
    await expect(fetch(`${server.url}/length`).then((response) => response.text())).rejects.toThrow();
  });

  test("a body that is shorter or longer than its Content-Length never looks complete", async () => {
    const server = await serveOver((request) => {
      const length = request.url.endsWith("/short") ? "8" : "2";
      return new Response(ReadableStream.from([Buffer.from("hello")]), { headers: { "content-length": length } });
    });
    await expect(fetch(`${server.url}/short`).then((response) => response.text())).rejects.toThrow();
    await expect(fetch(`${server.url}/long`).then((response) => response.text())).rejects.toThrow();
  });
});

test("an error in a handler is a 500 that says nothing of it, and is logged", async () => {
  const logged: object[] = [];
  const ignore = (): void => {};
  const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: (fields) => void logged.push(fields) };
  await using server = await createServer({
    port: 0,
    logger,
    handler: () => {
      throw new Error("the password is secret");
    },
  });
  const response = await fetch(`${server.url}/`);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("secret");
  expect(logged).toHaveLength(1);
});

test("a taken port is an error that names it", async () => {
  await using server = await createServer({ handler: () => new Response(), port: 0, host: "127.0.0.1" });
  const second = createServer({ handler: () => new Response(), port: server.port, host: "127.0.0.1" });
  await expect(second).rejects.toMatchObject({
    code: "PORT_TAKEN",
    message: expect.stringContaining(String(server.port)),
  });
});

test("a limit that makes no sense is refused", async () => {
  const handler: FetchHandler = () => new Response();
  await expect(createServer({ handler, limits: { maxHeaders: 0 } })).rejects.toMatchObject({ code: "INVALID_OPTION" });
});

test("a handler is told who asks", async () => {
  let asked: Connection | undefined;
  await using server = await createServer({
    port: 0,
    host: "127.0.0.1",
    handler: (_request, connection) => {
      asked = connection;
      return new Response();
    },
  });
  const client = await connectRaw(server.port);
  client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  await client.until(/200/);
  const { localPort } = client.socket;
  client[Symbol.dispose]();
  expect(asked).toEqual({ remoteAddress: "127.0.0.1", remotePort: localPort, protocol: "http/1.1" });
});

test.each([
  ["a body shorter than its length", { status: 200, headers: ["content-length", "5"], body: Buffer.from("abc") }],
  ["a body longer than its length", { status: 200, headers: ["content-length", "2"], body: Buffer.from("abc") }],
  ["no body, but a length", { status: 200, headers: ["content-length", "5"], body: null }],
  ["two lengths", { status: 200, headers: ["content-length", "3", "content-length", "3"], body: Buffer.from("abc") }],
  ["a list of lengths", { status: 200, headers: ["content-length", "3, 3"], body: Buffer.from("abc") }],
  ["a length that is none", { status: 200, headers: ["content-length", "+3"], body: Buffer.from("abc") }],
  ["a status that is not final", { status: 101, headers: [], body: null }],
] satisfies [string, RawResponse][])("an answer with %s reaches nobody, on either path", async (_what, answer) => {
  let released = 0;
  const raw = { ...answer, release: () => (released += 1) };
  const server = await serve(Object.assign(() => new Response(), { [rawHandler]: () => raw }));
  expect(await exchange(server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).toBe("");
  expect(await exchange(server, "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n")).toBe("");
  await expect.poll(() => released).toBe(2);
});

test.each([204, 205])(
  "an answer %i is sent without the length that its handler gives it, on any path",
  async (status) => {
    const raw = { status, headers: ["content-length", "5"], body: null };
    const server = await serve(Object.assign(() => new Response(), { [rawHandler]: () => raw }));
    const heads = ["", "TE: trailers\r\n"].map((field) =>
      exchange(server, `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${field}\r\n`),
    );
    for (const answer of await Promise.all(heads)) {
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer.toLowerCase()).not.toContain("content-length: 5");
    }
  },
);

test.each([204, 205, 304])("an answer %i ends with its head, and the next one is understood", async (status) => {
  const answers = (path: string): RawResponse =>
    path === "/end" ? { status: 200, headers: [], body: Buffer.from("end") } : { status, headers: [], body: null };
  const server = await serve(
    Object.assign(() => new Response(), { [rawHandler]: ({ target }: { target: string }) => answers(target) }),
  );
  for (const field of ["", "TE: trailers\r\n"]) {
    const agent = new Agent({ pipelining: 1, connections: 1 });
    onTestFinished(() => agent.destroy());
    const headers = field === "" ? {} : { te: "trailers" };
    for (const [path, expected] of [
      ["/", status],
      ["/end", 200],
    ] as const) {
      const answer = await agent.request({ origin: server.url, path, method: "GET", headers });
      expect([answer.statusCode, await answer.body.text()]).toEqual([expected, path === "/end" ? "end" : ""]);
    }
  }
});

test("what was sent ahead of an answer that closes the connection is not answered, nor asked for", async () => {
  const asked: string[] = [];
  const server = await serve(
    Object.assign(() => new Response(), {
      [rawHandler]: async ({ target }: { target: string }): Promise<RawResponse> => {
        asked.push(target);
        return { status: 200, headers: ["connection", "close"], body: Buffer.from("last") };
      },
    }),
  );
  const answer = await exchange(server, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(answer.match(/last/g)).toHaveLength(1);
  expect(asked).toEqual(["/1"]);
});
