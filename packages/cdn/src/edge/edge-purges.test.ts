/** What a purge log makes of what is stored and arriving. */

import { expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import type { RawRequest } from "../handler/raw.ts";
import { silentLogger } from "../logger.ts";
import { gate } from "./edge.test-setup.ts";
import { EdgeCache } from "./edge-cache.ts";
import type { EdgeCacheOptions } from "./options.ts";
import type { Purge } from "./purge/purge.ts";
import { PurgeLog } from "./purge/purge-log.ts";
import { createHandlerUpstream } from "./upstream/handler-upstream.ts";
import { DEFAULT_UPSTREAM_TIMEOUTS } from "./upstream/upstream.ts";

function purged(answer: FetchHandler, cache: EdgeCacheOptions = {}) {
  const log = new PurgeLog();
  const state = { now: 0, asked: 0, said: undefined as string | undefined };
  const edge = new EdgeCache({
    upstream: createHandlerUpstream((request, connection) => {
      state.asked += 1;
      return answer(request, connection);
    }, "origin"),
    name: "edge",
    clock: () => state.now,
    systemClock: () => state.now,
    logger: silentLogger,
    timeouts: DEFAULT_UPSTREAM_TIMEOUTS,
    cache,
    purges: log,
    onInvalidation: (purge: Purge) => void log.purge(purge),
  });
  onTestFinished(() => edge.close());
  const ask = async (target: string, options: Partial<RawRequest> = {}): Promise<string> => {
    const answer = await edge.answer({
      ...{ method: "GET", target, origin: "http://edge", headers: {}, body: null, connection: undefined },
      signal: new AbortController().signal,
      ...options,
    });
    let text = "";
    if (answer.body instanceof Uint8Array) text = Buffer.from(answer.body).toString();
    else if (answer.body !== null) for await (const chunk of answer.body) text += Buffer.from(chunk).toString();
    state.said = answer.headers[answer.headers.indexOf("cache-status") + 1];
    return `${answer.about?.outcome} ${text}`;
  };
  return { log, state, edge, ask };
}

const fields = { "cache-control": "max-age=60, stale-while-revalidate=60", etag: '"1"' };

test.each<[string, Purge]>([
  ["URL", { urls: ["/live/a"] }],
  ["prefix", { prefixes: ["/live/"] }],
  ["Surrogate-Key", { tags: ["red"] }],
  ["Cache-Tag", { tags: ["green"] }],
  ["Cache-Groups", { tags: ["blue"] }],
  ["everything", { all: true }],
])("what is purged by %s is gone", async (_name, purge) => {
  const tags = { "surrogate-key": "red x", "cache-tag": "green, y", "cache-groups": '"blue", "z"' };
  const { log, ask } = purged(() => bytesResponse(Buffer.from("body"), { headers: { ...fields, ...tags } }));
  await ask("/live/a");
  expect(await ask("/live/a")).toBe("hit body");
  log.purge({ urls: ["/other"], tags: ["other"] });
  expect(await ask("/live/a")).toBe("hit body");
  log.purge(purge);
  expect(await ask("/live/a")).toBe("miss body");
  expect(await ask("/live/a")).toBe("hit body");
});

test("what is softly purged is stale: served while it is fetched again", async () => {
  const { log, ask, state } = purged(() => bytesResponse(Buffer.from(`${state.asked}`), { headers: fields }));
  await ask("/a");
  log.purge({ urls: ["/a"], soft: true });
  expect(await ask("/a")).toBe("stale 1");
  expect(state.said).toBe("edge; hit; ttl=-1; detail=stale-while-revalidate");
  await expect.poll(() => ask("/a")).toBe("hit 2");
  expect(state.asked).toBe(2);
});

test("a fill that started before a purge never becomes a hit", async () => {
  const [released, release] = gate();
  const { log, ask, state, edge } = purged(async () => {
    const turn = state.asked;
    if (turn === 1) await released;
    return bytesResponse(Buffer.from(`${turn}`), { headers: fields });
  });
  const early = ask("/a");
  await expect.poll(() => state.asked).toBe(1);
  log.purge({ urls: ["/a"] });
  // Who asks after the purge does not board what started before it.
  expect(await ask("/a")).toBe("miss 2");
  release();
  expect(await early).toBe("miss 1");
  await expect.poll(() => edge.stats.fills).toBe(0);
  // What came late from before the purge does not push out what came after it, either.
  expect(await ask("/a")).toBe("hit 2");
});

test("slices are purged with their object", async () => {
  const { log, ask, state } = purged(
    (request) => {
      const [, first = 0] = /bytes=(\d+)-/.exec(request.headers.get("range") ?? "") ?? [];
      const range = `bytes ${first}-${Number(first) + 999}/9000`;
      const headers = { ...fields, "content-range": range, "surrogate-key": "film" };
      return bytesResponse(Buffer.alloc(1000, "x"), { status: 206, headers });
    },
    { sliceBytes: 1000, sliceAbove: 1000 },
  );
  const part = { headers: { range: "bytes=3000-3003" } };
  await ask("/film", part);
  expect(await ask("/film", part)).toBe("hit xxxx");
  log.purge({ tags: ["film"] });
  expect(await ask("/film", part)).toBe("miss xxxx");
  expect(state.asked).toBe(2);
});

test("an answer to an unsafe method purges the groups that it names (RFC 9875)", async () => {
  const { ask } = purged(({ method }) => {
    if (method === "POST") return new Response(null, { headers: { "cache-group-invalidation": '"scores"' } });
    return bytesResponse(Buffer.from("body"), { headers: { ...fields, "cache-groups": '"scores"' } });
  });
  await ask("/score/1");
  await ask("/score/2");
  await ask("/goal", { method: "POST" });
  expect(await ask("/score/1")).toBe("miss body");
  expect(await ask("/score/2")).toBe("miss body");
  await ask("/goal");
  expect(await ask("/score/1")).toBe("hit body");
});
