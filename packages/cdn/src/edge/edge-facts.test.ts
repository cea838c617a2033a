/** Every outcome has a name, which goes with the answer. */

import { expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { type RawRequest, type RawResponse, rawHandler } from "../handler/raw.ts";
import { gate } from "./edge.test-setup.ts";
import { createEdge } from "./edge.ts";

function edgeOf(upstream: FetchHandler) {
  const state = { now: Date.UTC(2026, 0, 1) };
  const edge = createEdge({ upstreams: [upstream], clock: () => state.now });
  onTestFinished(() => edge.close());
  const ask = async (options: Partial<RawRequest> = {}): Promise<RawResponse> => {
    const request: RawRequest = {
      ...{ method: "GET", target: "/a", origin: "http://edge", headers: {}, body: null, connection: undefined },
      signal: new AbortController().signal,
      ...options,
    };
    const answer = (await edge.handle[rawHandler](request))!;
    // Whoever asks the raw seam reads what it gets, and lets go of it.
    if (answer.body !== null && !(answer.body instanceof Uint8Array)) for await (const _ of answer.body);
    answer.release?.();
    return answer;
  };
  return { state, edge, ask };
}

const body = (fields: Record<string, string>, status = 200): Response =>
  bytesResponse(Buffer.from("body"), { status, headers: fields });

test("miss, hit, stale, revalidated", async () => {
  const { state, ask, edge } = edgeOf((request) => {
    const headers = { "cache-control": "max-age=10, stale-while-revalidate=10", etag: '"1"' };
    return request.headers.has("if-none-match") ? new Response(null, { status: 304, headers }) : body(headers);
  });
  expect((await ask()).about).toEqual({ outcome: "miss", upstream: "upstream 1" });
  expect((await ask()).about).toEqual({ outcome: "hit", tier: "memory" });
  state.now += 30_000;
  expect((await ask()).about).toEqual({ outcome: "revalidated", upstream: "upstream 1" });
  state.now += 15_000;
  expect((await ask()).about).toEqual({ outcome: "stale", reason: "stale-while-revalidate", tier: "memory" });
  expect(edge.stats).toMatchObject({ requests: 4, misses: 2, hits: 2, stale: 1, revalidated: 1 });
});

test("a hit shares its answer, facts and all, with the others of its second", async () => {
  const { ask, state } = edgeOf(() => body({ "cache-control": "max-age=10" }));
  await ask();
  const one = await ask();
  expect(await ask()).toBe(one);
  state.now += 1_000;
  const later = await ask();
  expect(later).not.toBe(one);
  expect(later.about).toBe(one.about);
});

test("collapsed, and a miss that says why it was not stored", async () => {
  const [released, release] = gate();
  const { ask, edge } = edgeOf(async () => {
    await released;
    return body({});
  });
  const both = [ask(), ask()];
  await expect.poll(() => edge.stats.requests).toBe(2);
  release();
  expect((await Promise.all(both)).map(({ about }) => about)).toEqual([
    { outcome: "miss", reason: "no-lifetime", upstream: "upstream 1" },
    { outcome: "collapsed", reason: "no-lifetime", upstream: "upstream 1" },
  ]);
});

test("bypass says why", async () => {
  const { ask } = edgeOf(({ method }) => body(method === "GET" ? { "cache-control": "private" } : {}));
  const why = async (options: Partial<RawRequest>) => (await ask(options)).about;
  expect(await why({ method: "POST" })).toEqual({ outcome: "bypass", reason: "method", upstream: "upstream 1" });
  expect(await why({ method: "HEAD" })).toMatchObject({ outcome: "bypass", reason: "head" });
  expect(await why({ headers: { "if-match": '"1"' } })).toMatchObject({ outcome: "bypass", reason: "precondition" });
  await ask();
  // Known by now to be for each client alone.
  expect(await why({})).toMatchObject({ outcome: "bypass", reason: "not-shared" });
});

test("errors and what is not here have names, too", async () => {
  const { ask } = edgeOf(() => {
    throw new Error("down");
  });
  expect((await ask()).about).toEqual({ outcome: "error", reason: "UPSTREAM_FAILED" });
  expect((await ask({ target: "/%2e%2e/a" })).about).toEqual({ outcome: "error", reason: "INVALID_PATH" });
  const only = { headers: { "cache-control": "only-if-cached" } };
  expect((await ask(only)).about).toEqual({ outcome: "miss", reason: "only-if-cached" });
});

test("the counters by outcome add up to the requests", async () => {
  const { ask, edge, state } = edgeOf(({ method, url }) => {
    if (url.endsWith("/down")) throw new Error("down");
    return body({ "cache-control": "max-age=10, stale-while-revalidate=99" }, method === "DELETE" ? 204 : 200);
  });
  for (const options of [{}, {}, { method: "DELETE" }, { target: "/down" }, {}, {}, { target: "/%" }]) {
    await ask(options);
    state.now += 7_000;
  }
  const { requests, hits, misses, collapsed, bypassed, errors } = edge.stats;
  expect(hits + misses + collapsed + bypassed + errors).toBe(requests);
});
