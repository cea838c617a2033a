/** Ranges of objects that are too long to be fetched for one, as clients and the upstream see them. */

import { expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import { gate } from "./edge.test-setup.ts";
import { createEdge } from "./edge.ts";
import type { EdgeCacheOptions } from "./options.ts";

const SLICE = 1000;

/** An upstream with one object of which the byte at a position is its remainder by 251, so that none of it has to exist. */
function sliced(total: number, cache: EdgeCacheOptions = {}) {
  const state = {
    now: Date.UTC(2026, 0, 1),
    etag: '"v1"',
    fields: { "cache-control": "max-age=60" } as Record<string, string>,
    /** Ranges asked for, and what came of each. */
    asked: [] as string[],
    held: undefined as Promise<void> | undefined,
    fails: false,
  };
  const handler = async (request: Request): Promise<Response> => {
    const range = request.headers.get("range");
    const condition = request.headers.get("if-none-match");
    state.asked.push(`${range ?? "whole"}${condition === null ? "" : ` unless ${condition}`}`);
    await state.held;
    if (state.fails) throw new Error("down");
    const headers = { ...state.fields, etag: state.etag, "accept-ranges": "bytes" };
    if (condition === state.etag) return new Response(null, { status: 304, headers });
    const [, first, last, suffix] = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/.exec(range ?? "bytes=0-") ?? [];
    const start = suffix === undefined ? Number(first) : Math.max(0, total - Number(suffix));
    if (start >= total) {
      return new Response(null, { status: 416, headers: { "content-range": `bytes */${total}` } });
    }
    const end = last === undefined || last === "" ? total : Math.min(Number(last) + 1, total);
    if (range === null) {
      const endless = new ReadableStream<Uint8Array>({ pull: (to) => to.enqueue(new Uint8Array(SLICE)) });
      return new Response(endless, { headers: { ...headers, "content-length": String(total) } });
    }
    const init = { status: 206, headers: { ...headers, "content-range": `bytes ${start}-${end - 1}/${total}` } };
    return bytesResponse(bytesAt(start, end), init);
  };
  const edge = createEdge({
    upstreams: [handler],
    clock: () => state.now,
    cache: { sliceBytes: SLICE, sliceAbove: 4 * SLICE, ...cache },
  });
  onTestFinished(() => edge.close());
  const ask = (range: string | undefined, headers: Record<string, string> = {}, method = "GET"): Promise<Response> =>
    Promise.resolve(
      edge.handle(new Request("http://edge/film.mp4", { method, headers: { ...(range && { range }), ...headers } })),
    );
  const bytes = async (range: string, headers?: Record<string, string>): Promise<Buffer> =>
    Buffer.from(await (await ask(range, headers)).bytes());
  return { state, edge, ask, bytes };
}

function bytesAt(start: number, end: number): Buffer {
  const bytes = Buffer.alloc(end - start);
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = (start + at) % 251;
  return bytes;
}

const HUGE = 4 * 1024 ** 3;

test("a range of four gigabytes costs only the slices that it lies in", async () => {
  const { state, edge, ask } = sliced(HUGE);
  const response = await ask("bytes=3000000500-3000002499");
  expect(response.status).toBe(206);
  expect(response.headers.get("content-range")).toBe(`bytes 3000000500-3000002499/${HUGE}`);
  expect(response.headers.get("content-length")).toBe("2000");
  expect(Buffer.from(await response.bytes())).toEqual(bytesAt(3_000_000_500, 3_000_002_500));
  expect(state.asked).toEqual([
    "bytes=3000000000-3000000999",
    "bytes=3000001000-3000001999",
    "bytes=3000002000-3000002999",
  ]);
  expect(edge.stats.bytesFromUpstream).toBe(3 * SLICE);
  expect(edge.stats.bytesToClients).toBe(2000);
});

test("slices that are stored are hits, for other ranges as well", async () => {
  const { state, edge, bytes, ask } = sliced(HUGE);
  await bytes("bytes=5000-6999");
  const hit = await ask("bytes=5900-6100");
  expect(hit.headers.get("cache-status")).toBe("ami-edge; hit; ttl=60");
  expect(Buffer.from(await hit.bytes())).toEqual(bytesAt(5900, 6101));
  expect(await bytes("bytes=6500-6500")).toEqual(bytesAt(6500, 6501));
  expect(state.asked).toHaveLength(2);
  expect(edge.stats).toMatchObject({ hits: 2, misses: 1, upstreamRequests: 2 });
});

test("the first byte of a long object is asked for whole once, which tells its length, and by slices then", async () => {
  const { state, edge, bytes } = sliced(100_000_000);
  expect(await bytes("bytes=0-9")).toEqual(bytesAt(0, 10));
  expect(state.asked).toEqual(["whole", "bytes=0-999"]);
  expect(await bytes("bytes=90000000-90000009")).toEqual(bytesAt(90_000_000, 90_000_010));
  await expect.poll(() => edge.stats.fills).toBe(0);
  expect(edge.stats.bytes).toBeLessThan(20_000);
});

test("all of an object is put together from its slices where most are here, and only what is missing is asked for", async () => {
  const { state, ask, bytes, edge } = sliced(10 * SLICE - 1);
  await bytes("bytes=5000-9998");
  await bytes("bytes=2000-4999");
  state.asked.length = 0;
  const before = edge.stats.bytesFromUpstream;
  const whole = await ask(undefined);
  expect([whole.status, whole.headers.get("content-length"), whole.headers.get("content-range")]).toEqual([
    200,
    "9999",
    null,
  ]);
  expect(Buffer.from(await whole.bytes())).toEqual(bytesAt(0, 10 * SLICE - 1));
  expect(state.asked).toEqual(["bytes=0-999", "bytes=1000-1999"]);
  expect(edge.stats.bytesFromUpstream - before).toBe(2 * SLICE);
  const again = await ask(undefined);
  expect(again.headers.get("cache-status")).toBe("ami-edge; hit; ttl=60");
  expect(Buffer.from(await again.bytes())).toEqual(bytesAt(0, 10 * SLICE - 1));
  expect(state.asked).toHaveLength(2);
});

test.each<[string, (state: { now: number; etag: string }) => void, string]>([
  ["few slices are here", () => {}, "bytes=5000-7998"],
  [
    "they are stale",
    (state) => {
      state.now += 61_000;
    },
    "bytes=1000-9998",
  ],
])("all of an object is asked for as a whole where %s", async (_why, change, range) => {
  const { state, ask, bytes } = sliced(10 * SLICE - 1);
  await bytes(range);
  state.asked.length = 0;
  change(state);
  await (await ask(undefined)).body?.cancel();
  expect(state.asked).toEqual(["whole"]);
});

test("all of an object that turns out to be another one is asked for as a whole", async () => {
  const { state, ask, bytes } = sliced(10 * SLICE - 1);
  await bytes("bytes=1000-9998");
  state.asked.length = 0;
  state.etag = '"v2"';
  const whole = await ask(undefined);
  expect([whole.status, whole.headers.get("etag")]).toEqual([200, '"v2"']);
  await whole.body?.cancel();
  expect(state.asked).toEqual(["bytes=0-999", "whole"]);
});

test("an open range is read slice by slice, as its reader takes it", async () => {
  const { state, ask } = sliced(HUGE);
  const reader = (await ask("bytes=2000-")).body!.getReader();
  expect(Buffer.from((await reader.read()).value!)).toEqual(bytesAt(2000, 3000));
  expect(Buffer.from((await reader.read()).value!)).toEqual(bytesAt(3000, 4000));
  // One ahead of the one that is read.
  expect(state.asked.length).toBeLessThanOrEqual(4);
  await reader.cancel();
});

test("requests that meet on a slice share it", async () => {
  const [released, release] = gate();
  const { state, edge, bytes } = sliced(HUGE);
  state.held = released;
  const all = ["bytes=7000-7009", "bytes=7005-7999", "bytes=7999-7999"].map((range) => bytes(range));
  await expect.poll(() => edge.stats.requests).toBe(3);
  release();
  expect(await Promise.all(all)).toEqual([bytesAt(7000, 7010), bytesAt(7005, 8000), bytesAt(7999, 8000)]);
  expect(state.asked).toEqual(["bytes=7000-7999"]);
  expect(edge.stats).toMatchObject({ misses: 1, collapsed: 2 });
});

test("what lies beyond the end is a 416 with the length, from what is known already", async () => {
  const { state, ask, bytes } = sliced(10_500);
  const unknown = await ask("bytes=50000-");
  expect([unknown.status, unknown.headers.get("content-range")]).toEqual([416, "bytes */10500"]);
  await bytes("bytes=10000-");
  const known = await ask("bytes=10500-");
  expect([known.status, known.headers.get("content-range")]).toEqual([416, "bytes */10500"]);
  expect(state.asked).toHaveLength(2);
  expect(await bytes("bytes=-600")).toEqual(bytesAt(9900, 10_500));
  expect(await bytes("bytes=10499-99999")).toEqual(bytesAt(10_499, 10_500));
});

test("a suffix of an object of unknown length is asked for as it is", async () => {
  const { state, ask, bytes } = sliced(HUGE);
  const response = await ask("bytes=-10");
  expect(response.headers.get("content-range")).toBe(`bytes ${HUGE - 10}-${HUGE - 1}/${HUGE}`);
  expect(Buffer.from(await response.bytes())).toEqual(bytesAt(HUGE - 10, HUGE));
  expect(await bytes("bytes=-4")).toEqual(bytesAt(HUGE - 4, HUGE));
  expect(state.asked).toEqual(["bytes=-10"]);
});

test("If-Range with the version that is here gives the range, with another one the whole object", async () => {
  const { state, ask, bytes } = sliced(20_000);
  await bytes("bytes=5000-5999");
  expect(await bytes("bytes=5100-5199", { "if-range": '"v1"' })).toEqual(bytesAt(5100, 5200));
  expect((await ask("bytes=5100-5199", { "if-none-match": '"v1"' })).status).toBe(304);
  expect(state.asked).toHaveLength(1);
  const other = await ask("bytes=5100-5199", { "if-range": '"v0"' });
  expect([other.status, other.headers.get("content-length")]).toEqual([200, "20000"]);
  await other.body!.cancel();
});

test("HEAD is answered from what is known of the object", async () => {
  const { state, ask, bytes } = sliced(20_000);
  await bytes("bytes=5000-5999");
  const head = await ask(undefined, {}, "HEAD");
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "20000"]);
  expect(state.asked).toHaveLength(1);
});

test("when its time is over, one 304 makes all slices good again", async () => {
  const { state, bytes } = sliced(20_000);
  await bytes("bytes=5000-6999");
  state.now += 61_000;
  expect(await bytes("bytes=5000-6999")).toEqual(bytesAt(5000, 7000));
  expect(state.asked.slice(2)).toEqual(['bytes=5000-5999 unless "v1"']);
});

test("a changed object drops the slices of the one before", async () => {
  const { state, bytes, ask } = sliced(20_000);
  await bytes("bytes=5000-6999");
  state.now += 61_000;
  state.etag = '"v2"';
  const changed = await ask("bytes=5000-5009");
  expect(changed.headers.get("etag")).toBe('"v2"');
  await changed.bytes();
  // Still in its time, but of the version before.
  await bytes("bytes=6000-6009");
  expect(state.asked.slice(2)).toEqual(['bytes=5000-5999 unless "v1"', "bytes=6000-6999"]);
});

test("a reader in the middle of an object that changes gets an error, not a mixture", async () => {
  const { state, ask } = sliced(HUGE);
  const reader = (await ask("bytes=2000-9999")).body!.getReader();
  await reader.read();
  state.etag = '"v2"';
  const rest = async (): Promise<void> => {
    while (!(await reader.read()).done);
  };
  await expect(rest()).rejects.toMatchObject({ code: "OBJECT_CHANGED" });
});

test("an upstream that is down: slices that are here are served stale within their limit", async () => {
  const { state, ask } = sliced(20_000);
  state.fields = { "cache-control": "max-age=10, stale-if-error=100" };
  await (await ask("bytes=5000-5999")).bytes();
  Object.assign(state, { fails: true, now: state.now + 20_000 });
  const stale = await ask("bytes=5100-5199");
  expect(stale.headers.get("cache-status")).toBe("ami-edge; hit; ttl=-10; detail=stale-if-error");
  expect(Buffer.from(await stale.bytes())).toEqual(bytesAt(5100, 5200));
  expect((await ask("bytes=6000-6199")).status).toBe(502);
  state.now += 200_000;
  expect((await ask("bytes=5100-5199")).status).toBe(502);
});

test.each([{ "cache-control": "private" }, { "cache-control": "no-store" }])(
  "an object that must not be stored (%j) is passed on, as the range it was asked for",
  async (fields) => {
    const { state, edge, bytes } = sliced(HUGE);
    state.fields = fields;
    expect(await bytes("bytes=5100-5199")).toEqual(bytesAt(5100, 5200));
    expect(await bytes("bytes=5100-5199")).toEqual(bytesAt(5100, 5200));
    expect(state.asked).toEqual(["bytes=5000-5999", "bytes=5100-5199", "bytes=5100-5199"]);
    expect(edge.stats).toMatchObject({ entries: 0, bypassed: 2 });
  },
);

test("an upstream that knows no ranges gives the whole, which answers the range", async () => {
  let asked = 0;
  await using edge = createEdge({
    cache: { sliceBytes: SLICE, sliceAbove: 4 * SLICE },
    upstreams: [
      () => {
        asked += 1;
        return bytesResponse(bytesAt(0, 3500), { headers: { "cache-control": "max-age=60" } });
      },
    ],
  });
  const ask = async (range: string) =>
    await (await edge.handle(new Request("http://edge/a", { headers: { range } }))).bytes();
  expect(Buffer.from(await ask("bytes=2000-2009"))).toEqual(bytesAt(2000, 2010));
  expect(Buffer.from(await ask("bytes=0-9"))).toEqual(bytesAt(0, 10));
  expect(asked).toBe(1);
});

test("an object without a version is not put together from slices", async () => {
  const seen: (string | null)[] = [];
  await using edge = createEdge({
    cache: { sliceBytes: SLICE, sliceAbove: SLICE },
    upstreams: [
      (request) => {
        seen.push(request.headers.get("range"));
        const [, first = 0, last = 0] = /bytes=(\d+)-(\d+)/.exec(request.headers.get("range") ?? "") ?? [];
        const headers = { "cache-control": "max-age=60", "content-range": `bytes ${first}-${last}/9000` };
        return bytesResponse(bytesAt(Number(first), Number(last) + 1), { status: 206, headers });
      },
    ],
  });
  const response = await edge.handle(new Request("http://edge/a", { headers: { range: "bytes=2500-2599" } }));
  expect(Buffer.from(await response.bytes())).toEqual(bytesAt(2500, 2600));
  expect(seen).toEqual(["bytes=2000-2999", "bytes=2500-2599"]);
});

test("what a client changes by an unsafe method is gone with all its slices", async () => {
  const { state, ask, bytes } = sliced(20_000);
  await bytes("bytes=5000-5999");
  await (await ask(undefined, {}, "DELETE")).body?.cancel();
  await bytes("bytes=5000-5999");
  expect(state.asked.filter((asked) => asked.startsWith("bytes=5000"))).toHaveLength(2);
});
