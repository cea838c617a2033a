import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createGuard } from "../guard/guard.ts";
import type { Connection } from "../handler/fetch-handler.ts";
import { type RawFetchHandler, type RawRequest, type RawResponse, rawHandler } from "../handler/raw.ts";
import { type AccessLogOptions, accessLog } from "./access-log.ts";
import { MAX_WHOLE_BYTES } from "./answer-end.ts";

const connection: Connection = {
  remoteAddress: "::ffff:192.0.2.7",
  remotePort: 4711,
  protocol: "h2",
  tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", serverName: "tv.example" },
};

function requestOf(fields: Partial<RawRequest> = {}): RawRequest {
  const { signal } = new AbortController();
  return { method: "GET", target: "/a", origin: "https://h", headers: {}, body: null, connection, signal, ...fields };
}

const whole = (text: string, more: Partial<RawResponse> = {}): RawResponse => ({
  status: 200,
  headers: ["content-length", String(text.length)],
  body: Buffer.from(text),
  ...more,
});

function answering(answer: (request: RawRequest) => RawResponse | Promise<RawResponse>): RawFetchHandler {
  return createGuard(() => answer)(() => Response.error());
}

/** A logged handler, its lines, and a clock that a test moves. */
function logged(
  answer: (request: RawRequest) => RawResponse | Promise<RawResponse>,
  options: Partial<AccessLogOptions> = {},
) {
  const lines: string[] = [];
  const clock = { now: 1000 };
  const handler = accessLog(answering(answer), {
    sink: { write: (line) => lines.push(line) },
    clock: () => clock.now,
    systemClock: () => Date.UTC(2026, 10, 28, 5, 58, 37, 42),
    ...options,
  });
  const ask = (fields: Partial<RawRequest> = {}) => handler[rawHandler](requestOf(fields)) as RawResponse;
  return { lines, clock, handler, ask };
}

async function read({ body }: RawResponse): Promise<number> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) bytes += chunk.byteLength;
  return bytes;
}

describe("an access log", () => {
  test("has a JSON line for each answer, with what the answer says of itself", () => {
    const about = { outcome: "hit", reason: "fresh", upstream: "http://o", tier: "memory" } as const;
    const { lines, ask } = logged(() => whole("abc", { about }));
    const headers = {
      host: "tv.example",
      range: "bytes=0-2",
      referer: "https://tv.example/",
      "user-agent": "player/1",
      "cmcd-session": 'sid="s-1"',
      "cmcd-object": "br=3200,ot=v",
    };
    ask({ target: "/live/demo/1.m4s?x=1", headers }).release?.();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      {
        time: "2026-11-28T05:58:37.042Z",
        address: "192.0.2.7",
        method: "GET",
        host: "tv.example",
        target: "/live/demo/1.m4s?x=1",
        protocol: "HTTP/2.0",
        tls: "TLSv1.3",
        status: 200,
        bytes: 3,
        duration: 0,
        ttfb: 0,
        ...about,
        range: "bytes=0-2",
        referer: "https://tv.example/",
        userAgent: "player/1",
        sid: "s-1",
        br: 3200,
        ot: "v",
      },
    ]);
  });

  test.each([
    ["common", '192.0.2.7 - - [28/Nov/2026:05:58:37 +0000] "GET /a HTTP/2.0" 200 3\n'],
    ["combined", '192.0.2.7 - - [28/Nov/2026:05:58:37 +0000] "GET /a HTTP/2.0" 200 3 "-" "player \\x22x\\x22"\n'],
  ] as const)("can be in the %s format", (format, line) => {
    const { lines, ask } = logged(() => whole("abc"), { format });
    ask({ headers: { "user-agent": 'player "x"' } }).release?.();
    expect(lines).toEqual([line]);
  });

  test("can have lines that a function makes", () => {
    const { lines, ask } = logged(() => whole("abc"), { format: ({ status, bytes }) => `${status} ${bytes}` });
    ask().release?.();
    expect(lines).toEqual(["200 3\n"]);
  });

  test("tells when the first byte was there, and when the last one had been handed over", async () => {
    const { lines, clock, handler } = logged(async () => {
      clock.now += 20;
      return {
        status: 200,
        headers: [],
        body: (async function* () {
          yield Buffer.alloc(10);
          clock.now += 500;
          yield Buffer.alloc(5);
        })(),
      };
    });
    const answer = await handler[rawHandler](requestOf());
    expect(lines).toEqual([]);
    expect(await read(answer!)).toBe(15);
    expect(JSON.parse(lines[0]!)).toMatchObject({ ttfb: 0.02, duration: 0.52, bytes: 15 });
    expect(lines[0]).not.toContain("complete");
  });

  test("says how far a client came that left", async () => {
    let closed = false;
    const { lines, ask } = logged(() => ({
      status: 200,
      headers: [],
      body: (async function* () {
        try {
          for (;;) yield Buffer.alloc(10);
        } finally {
          closed = true;
        }
      })(),
    }));
    const body = ask().body as AsyncIterableIterator<Uint8Array>;
    await body.next();
    await body.return!();
    expect(JSON.parse(lines[0]!)).toMatchObject({ bytes: 10, complete: false });
    expect(closed).toBe(true);
  });

  test("counts a large body that is whole as far as it was taken", async () => {
    const { lines, ask } = logged(() => ({ status: 200, headers: [], body: Buffer.alloc(3 * MAX_WHOLE_BYTES + 1) }));
    const body = ask().body as AsyncIterableIterator<Uint8Array>;
    await body.next();
    await body.next();
    await body.return!();
    expect(JSON.parse(lines[0]!)).toMatchObject({ bytes: 2 * MAX_WHOLE_BYTES, complete: false });
    expect(await read(ask())).toBe(3 * MAX_WHOLE_BYTES + 1);
    expect(JSON.parse(lines[1]!)).toMatchObject({ bytes: 3 * MAX_WHOLE_BYTES + 1 });
  });

  test("has nothing of the body of an answer to HEAD", () => {
    const { lines, ask } = logged(() => whole("abc"));
    ask({ method: "HEAD" });
    expect(JSON.parse(lines[0]!)).toMatchObject({ method: "HEAD", bytes: 0 });
  });

  test("tells of a handler that fails, which fails all the same", async () => {
    const error = new Error("broken");
    const late = logged(() => Promise.reject(error));
    await expect(late.ask()).rejects.toBe(error);
    const soon = logged(() => {
      throw error;
    });
    expect(() => soon.ask()).toThrow(error);
    for (const { lines } of [late, soon]) {
      expect(lines.map((line) => JSON.parse(line))).toMatchObject([
        { status: 500, outcome: "error", reason: "HANDLER_FAILED" },
      ]);
    }
  });

  test("gives on who counts the bytes of an answer", () => {
    let released = 0;
    const { ask } = logged(() => whole("abc", { release: () => (released += 1) }));
    ask().release?.();
    expect(released).toBe(1);
  });

  test("works for those who ask as a fetch handler", async () => {
    const { lines, handler } = logged(() => whole("abc"));
    expect(await (await handler(new Request("http://h/x"))).text()).toBe("abc");
    expect(JSON.parse(lines[0]!)).toMatchObject({ target: "/x", address: "", protocol: "HTTP", bytes: 3 });
  });
});

describe("a sampled log", () => {
  test("gives back the very answer of a request that it does not log", () => {
    const answer = whole("abc");
    const { lines, ask } = logged(() => answer, { sample: 0.1, random: () => 0.1 });
    expect(ask()).toBe(answer);
    expect(lines).toEqual([]);
  });

  test("logs the share that it was told", () => {
    let roll = 0;
    const { lines, ask } = logged(() => whole("abc"), { sample: 0.25, random: () => (roll++ % 100) / 100 });
    for (let count = 0; count < 1000; count += 1) ask().release?.();
    expect(lines).toHaveLength(250);
  });

  test("can have a share for each outcome, and has all of those not named", () => {
    const outcomes = ["hit", "miss", "error"] as const;
    const { lines, ask } = logged(
      ({ target }) => whole("", { about: { outcome: outcomes[Number(target.slice(1))]! } }),
      {
        sample: { hit: 0.1, miss: 0.6 },
        random: () => 0.5,
      },
    );
    for (const index of [0, 1, 2]) ask({ target: `/${index}` }).release?.();
    expect(lines.map((line) => JSON.parse(line).outcome)).toEqual(["miss", "error"]);
  });

  test.each([-0.1, 1.1, Number.NaN, { hit: 2 }])("of %j is refused", (sample) => {
    expect(() => logged(() => whole(""), { sample })).toThrow("give a share from 0 to 1");
  });
});

describe("what clients send", () => {
  test.each([
    ["/a?token=secret&b=1", "/a?token=-&b=1"],
    ["/a?b=1&token=secret", "/a?b=1&token=-"],
    ["/a?mytoken=x", "/a?mytoken=x"],
    ["/~k.c.m/live/a.m3u8?x=1", "/~-/live/a.m3u8?x=1"],
    ["/live/~x/a", "/live/~x/a"],
  ])("%s is logged as %s: tokens would let in who reads a log", (target, shown) => {
    const { lines, ask } = logged(() => whole(""));
    ask({ target, headers: { referer: `https://h${target}` } }).release?.();
    expect(JSON.parse(lines[0]!).target).toBe(shown);
    expect(lines[0]).not.toContain("secret");
  });

  const anything = fc.string({ unit: "binary" });

  test("stays within its line and field in every format, and drives no terminal", () => {
    fc.assert(
      fc.property(
        anything,
        anything,
        anything,
        fc.constantFrom("json", "common", "combined"),
        (target, agent, referer, format) => {
          const { lines, ask } = logged(() => whole(""), { format: format as "json", hideParams: [] });
          ask({ target: `/${target}`, headers: { "user-agent": agent, referer } }).release?.();
          // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none.
          expect(lines.join("")).toMatch(/^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\n$/);
          if (format === "json") {
            expect(JSON.parse(lines[0]!)).toMatchObject({ target: `/${target}`, userAgent: agent, referer });
          } else {
            expect(lines[0]!.match(/(?<!\\)"/g)).toHaveLength(format === "common" ? 2 : 6);
          }
        },
      ),
    );
  });
});
