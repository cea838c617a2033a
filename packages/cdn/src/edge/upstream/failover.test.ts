/** Several upstreams as one: who is asked, in what order, and whose answer stands. */

import { expect, onTestFinished, test } from "vitest";
import { CdnError, type CdnErrorCode } from "../../errors.ts";
import { silentLogger } from "../../logger.ts";
import { createEdge } from "../edge.ts";
import { createFailover, UPSTREAM_COOLDOWN } from "./failover.ts";
import { DEFAULT_UPSTREAM_TIMEOUTS, type Upstream } from "./upstream.ts";

type Answer = number | CdnErrorCode;

/** Upstreams A, B, C… that answer each path as told, or 200 where nothing is told. */
function failover(...told: Record<string, Answer>[]) {
  const asked: string[] = [];
  /** Bodies that somebody has still to read or to let go of. */
  const open = new Set<string>();
  const state = { now: 0 };
  const upstreams = told.map((answers, index): Upstream => {
    const name = "ABC"[index]!;
    return {
      name,
      async send({ target }) {
        asked.push(name + target);
        const answer = answers[target] ?? 200;
        if (typeof answer === "string") throw new CdnError(answer, `${name} failed`);
        open.add(name);
        const body = {
          [Symbol.asyncIterator]: () => ({
            next: async () => ({ done: true as const, value: undefined }),
            return: async () => {
              open.delete(name);
              return { done: true as const, value: undefined };
            },
          }),
        };
        return { status: answer, headers: ["x-from", name], body, closeDelimited: false };
      },
      async close() {},
    };
  });
  const all = createFailover({
    upstreams,
    timeouts: DEFAULT_UPSTREAM_TIMEOUTS,
    clock: () => state.now,
    logger: silentLogger,
  });
  const ask = async (target: string, method = "GET"): Promise<string> => {
    const { signal } = new AbortController();
    const { status, headers } = await all.send({ method, target, headers: [], body: null, signal });
    return `${status} ${headers[headers.indexOf("x-from") + 1]}`;
  };
  return { ask, asked, open, state };
}

test.each<[Answer[], string]>([
  [[404, 200], "200 B"],
  [[410, 404, 206], "206 C"],
  [[404, 410], "404 A"],
  [[503, 404], "503 A"],
  [[404, 503], "503 B"],
  [[404, 500, 503], "503 C"],
  [[503, 200], "200 B"],
  [[500, 502, 404], "500 A"],
  [["UPSTREAM_UNREACHABLE", 500], "500 B"],
  [["UPSTREAM_FAILED", 503, 404], "503 B"],
])("of %j the client gets %s", async (answers, result) => {
  const { ask, asked, open } = failover(...answers.map((answer) => ({ "/a": answer })));
  expect(await ask("/a")).toBe(result);
  expect([...open]).toEqual([result.at(-1)]);
  expect(new Set(asked).size).toBe(asked.length);
});

test("a 404 stands only if all say so: not where one gave no answer", async () => {
  const { ask, open } = failover({ "/a": "UPSTREAM_UNREACHABLE" }, { "/a": 404 });
  await expect(ask("/a")).rejects.toMatchObject({ code: "UPSTREAM_UNREACHABLE" });
  expect([...open]).toEqual([]);
});

test.each<[Answer, boolean]>([
  ["UPSTREAM_UNREACHABLE", true],
  ["UPSTREAM_TIMEOUT", true],
  [502, true],
  [504, true],
  ["UPSTREAM_FAILED", false],
  ["UPSTREAM_BUSY", false],
  [503, false],
  [500, false],
  [404, false],
])("after %s about one stream an upstream is asked last for the others: %s", async (answer, isDown) => {
  const { ask, asked, state } = failover({ "/a": answer }, {});
  expect(await ask("/a")).toBe("200 B");
  asked.length = 0;
  expect(await ask("/b")).toBe(isDown ? "200 B" : "200 A");
  expect(asked).toHaveLength(1);
  state.now += UPSTREAM_COOLDOWN;
  expect(await ask("/b")).toBe("200 A");
});

test("methods that may have an effect are sent once", async () => {
  const { ask, asked } = failover({ "/a": 404 }, {});
  expect(await ask("/a", "POST")).toBe("404 A");
  expect(await ask("/a", "HEAD")).toBe("200 B");
  expect(asked).toEqual(["A/a", "A/a", "B/a"]);
});

test("an upstream that takes no more requests is a 503 with a code", async () => {
  const busy: Upstream = {
    name: "busy",
    send: async () => {
      throw new CdnError("UPSTREAM_BUSY", "too many");
    },
    close: async () => {},
  };
  const all = createFailover({
    upstreams: [busy],
    timeouts: DEFAULT_UPSTREAM_TIMEOUTS,
    clock: () => 0,
    logger: silentLogger,
  });
  const { signal } = new AbortController();
  const { status, headers, body } = await all.send({ method: "GET", target: "/a", headers: [], body: null, signal });
  expect(status).toBe(503);
  expect(headers).toEqual(expect.arrayContaining(["retry-after", "access-control-allow-origin", "no-store"]));
  expect(JSON.parse(Buffer.from(body as Uint8Array).toString())).toMatchObject({ error: { code: "UPSTREAM_BUSY" } });
});

test("an edge finds each stream at the origin that has it; one that none has is one 404, remembered as one", async () => {
  const asked: string[] = [];
  const origin = (name: string, stream: string) => (request: Request) => {
    const { pathname } = new URL(request.url);
    asked.push(name + pathname);
    return pathname === stream
      ? new Response(`from ${name}`, { headers: { "cache-control": "max-age=60" } })
      : new Response("missing", { status: 404 });
  };
  const edge = createEdge({ upstreams: [origin("A", "/a"), origin("B", "/b")], clock: () => 0 });
  onTestFinished(() => edge.close());
  const ask = async (path: string): Promise<[number, string]> => {
    const response = await edge.handle(new Request(`http://edge${path}`));
    return [response.status, await response.text()];
  };
  for (let turn = 0; turn < 2; turn += 1) {
    expect(await ask("/a")).toEqual([200, "from A"]);
    expect(await ask("/b")).toEqual([200, "from B"]);
    expect(await ask("/c")).toEqual([404, "missing"]);
  }
  expect(asked).toEqual(["A/a", "A/b", "B/b", "A/c", "B/c"]);
  expect(edge.stats).toMatchObject({ requests: 6, hits: 3, misses: 3, errors: 0, bytesFromUpstream: 19, fills: 0 });
});

test("a blocking reload may be held for three target durations of ten seconds", () => {
  expect(DEFAULT_UPSTREAM_TIMEOUTS.head).toBeGreaterThan(3 * 10_000);
});
