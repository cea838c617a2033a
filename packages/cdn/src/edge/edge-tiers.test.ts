/** Disk and purges behind the memory, as clients of an edge see them. */

import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { freshFolder } from "./disk-tier/disk-tier.test-setup.ts";
import { createDiskTier } from "./disk-tier/disk-tier.ts";
import { gate } from "./edge.test-setup.ts";
import { createEdge, type Edge } from "./edge.ts";
import { createPurges, type Purges } from "./purge/purges.ts";

/** One after the other, edges with the same folder, before an upstream that counts. */
async function restartable(
  answer: (request: Request, turn: number) => Response | Promise<Response>,
  { memory = 1024 * 1024, diskBytes = 32 * 1024 * 1024 }: { memory?: number; diskBytes?: number } = {},
) {
  const folder = await freshFolder();
  const state = { now: Date.UTC(2026, 0, 1), asked: [] as string[] };
  const handler: FetchHandler = (request) => answer(request, state.asked.push(new URL(request.url).pathname));
  let edge: Edge | undefined;
  let purges: Purges | undefined;
  let disk: Awaited<ReturnType<typeof createDiskTier>> | undefined;
  const stop = async (): Promise<void> => {
    await edge?.close();
    await purges?.close();
    await disk?.close();
  };
  const start = async (): Promise<void> => {
    await stop();
    const clock = () => state.now;
    disk = await createDiskTier({ path: join(folder, "objects"), maxBytes: diskBytes, clock });
    purges = await createPurges({ folder: join(folder, "purges"), clock, systemClock: clock });
    edge = createEdge({
      upstreams: [handler],
      cache: { maxBytes: memory, sliceBytes: 1024, sliceAbove: 4096 },
      clock,
      disk,
      purges,
    });
  };
  onTestFinished(stop);
  await start();
  return {
    state,
    /** Closes everything and opens it anew. */
    restart: start,
    purge: (purge: Parameters<Purges["purge"]>[0]) => purges!.purge(purge),
    written: () => disk!.flush(),
    entries: () => disk!.entries,
    bytesWritten: () => disk!.stats.bytesWritten,
    resize: (maxBytes: number) => edge!.resize(maxBytes),
    ask: async (path: string, headers: Record<string, string> = {}): Promise<string> => {
      const response = await edge!.handle(new Request(`http://edge${path}`, { headers }));
      const outcome = /; (hit|fwd=[\w-]+)/.exec(response.headers.get("cache-status") ?? "")?.[1];
      return `${response.status} ${await response.text()} ${outcome}`;
    },
    send: (path: string, method: string) => edge!.handle(new Request(`http://edge${path}`, { method })),
  };
}

const hour = { "cache-control": "max-age=3600" };

test("what was stored is there after a restart, as old as it is", async () => {
  const { ask, restart, state } = await restartable((_, turn) =>
    bytesResponse(Buffer.from(`${turn}`), { headers: hour }),
  );
  expect(await ask("/a")).toBe("200 1 fwd=uri-miss");
  await restart();
  state.now += 1_800_000;
  expect(await ask("/a")).toBe("200 1 hit");
  state.now += 1_800_000;
  expect(await ask("/a")).toBe("200 2 fwd=stale");
  await restart();
  expect(await ask("/a")).toBe("200 2 hit");
});

test("what memory has no room for comes from disk", async () => {
  const { ask, state, written } = await restartable(
    ({ url }) => bytesResponse(Buffer.alloc(40_000, new URL(url).pathname), { headers: hour }),
    { memory: 100_000 },
  );
  for (let at = 0; at < 20; at += 1) await ask(`/${at}`);
  await written();
  for (let turn = 0; turn < 3; turn += 1) {
    for (let at = 0; at < 20; at += 1) expect(await ask(`/${at}`)).toMatch(/^200 [\s\S]{40000} hit$/);
  }
  expect(state.asked).toHaveLength(20);
});

test("what memory was asked for stays on disk: while it is in memory, and when it has left it", async () => {
  const { ask, restart, written, resize } = await restartable(
    () => bytesResponse(Buffer.alloc(3000), { headers: hour }),
    { memory: 200_000, diskBytes: 1024 * 1024 },
  );
  const outcome = async (path: string) => (await ask(path)).split(" ").at(-1);
  let once = 0;
  /** Writes more than there is room for on disk, for nobody to ask for it again. */
  const fillDisk = async (meanwhile: string): Promise<void> => {
    for (let at = 0; at < 400; at += 1) {
      once += 1;
      await ask(`/once/${once}`);
      for (let hit = 0; hit < 4; hit += 1) await ask(meanwhile);
      await written();
    }
  };
  await ask("/asked-once");
  for (let hit = 0; hit < 10; hit += 1) await ask("/left");
  await written();
  resize(1);
  resize(200_000);
  await fillDisk("/stayed");
  await restart();
  expect(await outcome("/left")).toBe("hit");
  expect(await outcome("/asked-once")).toBe("fwd=uri-miss");
  await fillDisk("/stayed");
  await fillDisk("/stayed");
  await restart();
  expect(await outcome("/stayed")).toBe("hit");
});

test("a 304 writes no body to disk again, and what it refreshed is fresh after a restart", async () => {
  const headers = { "cache-control": "max-age=20", etag: '"1"' };
  const { ask, restart, state, written, bytesWritten } = await restartable((_, turn) =>
    turn > 1 ? new Response(null, { status: 304, headers }) : bytesResponse(Buffer.alloc(60_000), { headers }),
  );
  const outcome = async () => (await ask("/a")).split(" ").at(-1);
  await ask("/a");
  await written();
  const before = bytesWritten();
  for (let turn = 0; turn < 5; turn += 1) {
    state.now += 21_000;
    expect(await outcome()).toBe("fwd=stale");
    await written();
  }
  expect(bytesWritten() - before).toBeLessThan(5000);
  state.now += 10_000;
  await restart();
  expect(await ask("/a")).toBe(`200 ${"\0".repeat(60_000)} hit`);
  state.now += 11_000;
  await restart();
  expect(await outcome()).toBe("fwd=stale");
  expect(state.asked).toHaveLength(7);
});

test("what has seconds to live is not written", async () => {
  const { ask, written, entries } = await restartable(() =>
    bytesResponse(Buffer.from("x"), { headers: { "cache-control": "max-age=9" } }),
  );
  await ask("/a");
  await written();
  expect(entries()).toBe(0);
});

test("variants are told apart after a restart, too", async () => {
  const { ask, restart, state, send, written } = await restartable(({ headers }, turn) =>
    bytesResponse(Buffer.from(`${headers.get("accept-language")}${turn}`), {
      headers: { ...hour, vary: "Accept-Language" },
    }),
  );
  await ask("/a", { "accept-language": "de" });
  await ask("/a", { "accept-language": "en" });
  await restart();
  expect(await ask("/a", { "accept-language": "en" })).toBe("200 en2 hit");
  expect(await ask("/a", { "accept-language": "de" })).toBe("200 de1 hit");
  expect(await ask("/a", { "accept-language": "fr" })).toBe("200 fr3 fwd=vary-miss");
  await send("/a", "POST");
  expect(state.asked).toHaveLength(4);
  await written();
  await restart();
  expect(await ask("/a", { "accept-language": "de" })).toMatch(/^200 de5 fwd/);
});

test("after a restart answers are told apart by what the newest of them varied by", async () => {
  const varies = ["Accept-Language", "Accept-Language, X-Device", ""];
  const { ask, restart, purge, state, written } = await restartable((_, turn) => {
    const vary = varies[turn === 1 ? 0 : turn < 4 ? 1 : 2]!;
    return bytesResponse(Buffer.from(`${turn}`), { headers: { ...hour, ...(vary !== "" && { vary }) } });
  });
  const german = { "accept-language": "de" };
  await ask("/a", german);
  await written();
  await purge({ urls: ["/a"] });
  await ask("/a", { ...german, "x-device": "tv" });
  await ask("/a", { ...german, "x-device": "phone" });
  await restart();
  expect(await ask("/a", { ...german, "x-device": "tv" })).toBe("200 2 hit");
  expect(await ask("/a", { ...german, "x-device": "phone" })).toBe("200 3 hit");
  await purge({ urls: ["/a"] });
  expect(await ask("/a", german)).toMatch(/^200 4 fwd/);
  await restart();
  expect(await ask("/a", { "accept-language": "en" })).toBe("200 4 hit");
  expect(state.asked).toHaveLength(4);
});

test("slices of a long object are there after a restart", async () => {
  const body = Buffer.from(Array.from({ length: 10_000 }, (_, at) => at % 251));
  const { ask, restart, state } = await restartable(({ headers }) => {
    const [, first, last] = /bytes=(\d+)-(\d+)/.exec(headers.get("range") ?? "") ?? [];
    const fields = { ...hour, etag: '"1"' };
    if (first === undefined) return bytesResponse(body, { headers: fields });
    const part = body.subarray(Number(first), Math.min(Number(last) + 1, body.length));
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${body.length}`;
    return bytesResponse(part, { status: 206, headers: { ...fields, "content-range": range } });
  });
  const range = { range: "bytes=5000-5999" };
  const first = await ask("/film", range);
  expect(first).toMatch(/^206 /);
  const asked = state.asked.length;
  expect(await ask("/film", range)).toBe(first.replace(/fwd=[\w-]+$/, "hit"));
  await restart();
  expect(await ask("/film", range)).toBe(first.replace(/fwd=[\w-]+$/, "hit"));
  expect(state.asked).toHaveLength(asked);
});

test.each([
  ["by URL", { urls: ["/a"] }],
  ["by prefix", { prefixes: ["/"] }],
  ["by tag", { tags: ["news"] }],
  ["of everything", { all: true }],
])("a purge %s takes it out of memory and disk, and it does not come back with a restart", async (_, purge) => {
  const {
    ask,
    restart,
    purge: purges,
    written,
  } = await restartable((_request, turn) =>
    bytesResponse(Buffer.from(`${turn}`), { headers: { ...hour, "surrogate-key": "news" } }),
  );
  await ask("/a");
  await written();
  await purges(purge);
  await restart();
  expect(await ask("/a")).toBe("200 2 fwd=uri-miss");
  await purges(purge);
  expect(await ask("/a")).toBe("200 3 fwd=uri-miss");
  await restart();
  expect(await ask("/a")).toBe("200 3 hit");
});

test("a soft purge leaves something to ask about, and to serve meanwhile", async () => {
  const headers = { "cache-control": "max-age=3600, stale-while-revalidate=60", etag: '"1"' };
  const [asked, answerNow] = gate();
  const { ask, purge, state } = await restartable(async (_, turn) => {
    if (turn > 1) await asked;
    return turn > 1 ? new Response(null, { status: 304, headers }) : bytesResponse(Buffer.from("body"), { headers });
  });
  await ask("/a");
  await purge({ urls: ["/a"], soft: true });
  expect(await ask("/a")).toBe("200 body hit");
  expect(state.asked).toHaveLength(2);
  answerNow();
});

test("a fill that started before a purge never becomes a hit", async () => {
  const [released, release] = gate();
  const [began, begin] = gate();
  const { ask, purge } = await restartable(async (_, turn) => {
    begin();
    if (turn === 1) await released;
    return bytesResponse(Buffer.from(`${turn}`), { headers: hour });
  });
  const first = ask("/a");
  await began;
  await purge({ urls: ["/a"] });
  release();
  expect(await first).toBe("200 1 fwd=uri-miss");
  expect(await ask("/a")).toBe("200 2 fwd=uri-miss");
  expect(await ask("/a")).toBe("200 2 hit");
});

test("what was purged while the upstream was asked does not stand in for it", async () => {
  const headers = { "cache-control": "max-age=1, stale-if-error=3600" };
  const [began, begin] = gate();
  const [failed, fail] = gate();
  const { ask, purge, state } = await restartable(async (_, turn) => {
    if (turn === 1) return bytesResponse(Buffer.from("purged"), { headers });
    begin();
    await failed;
    throw new Error("the origin is gone");
  });
  await ask("/a");
  state.now += 2000;
  const asking = ask("/a");
  await began;
  await purge({ urls: ["/a"] });
  fail();
  expect(await asking).toMatch(/^502 /);
});

test("a 304 that was asked for before a purge takes the place of nothing that was fetched after it", async () => {
  const headers = { "cache-control": "max-age=10", etag: '"1"' };
  const [began, begin] = gate();
  const [released, release] = gate();
  const { ask, purge, state } = await restartable(async (request, turn) => {
    if (turn === 2) {
      begin();
      await released;
      return new Response(null, { status: 304, headers });
    }
    const isKnown = request.headers.has("if-none-match");
    return isKnown ? new Response(null, { status: 304, headers }) : bytesResponse(Buffer.from(`${turn}`), { headers });
  });
  await ask("/a");
  state.now += 11_000;
  const revalidating = ask("/a");
  await began;
  await purge({ urls: ["/a"] });
  expect(await ask("/a")).toBe("200 3 fwd=uri-miss");
  release();
  await revalidating;
  expect(await ask("/a")).toBe("200 3 hit");
});

test("a purge of something else does not keep what is arriving from being stored", async () => {
  const headers = { "cache-control": "max-age=10" };
  const [began, begin] = gate();
  const [released, release] = gate();
  const { ask, purge, state } = await restartable(async (_, turn) => {
    if (turn === 2) {
      begin();
      await released;
    }
    return bytesResponse(Buffer.from(`${turn}`), { headers });
  });
  await ask("/a");
  state.now += 11_000;
  const fetching = ask("/a");
  await began;
  await purge({ urls: ["/other"] });
  // Whoever looks meanwhile has what is stored judged anew.
  await ask("/a", { "cache-control": "only-if-cached" });
  release();
  await fetching;
  expect(await ask("/a")).toBe("200 2 hit");
});

test("what is on disk is looked up as what is in memory: stale-while-revalidate, conditions, HEAD", async () => {
  const headers = { "cache-control": "max-age=20, stale-while-revalidate=60", etag: '"1"' };
  const { ask, restart, state, send } = await restartable((_, turn) =>
    bytesResponse(Buffer.from(`${turn}`), { headers }),
  );
  await ask("/a");
  await restart();
  expect(await ask("/a", { "if-none-match": '"1"' })).toBe("304  hit");
  await restart();
  expect((await send("/a", "HEAD")).headers.get("cache-status")).toMatch(/; hit/);
  await restart();
  expect(await ask("/a", { "cache-control": "only-if-cached" })).toBe("200 1 hit");
  await restart();
  state.now += 30_000;
  expect(await ask("/a")).toBe("200 1 hit");
  expect(state.asked).toHaveLength(2);
});

test("an edge that may lack purges asks before it serves what it has, and serves nothing where nobody answers", async () => {
  const state = { now: 0, up: true, trustedUntil: Number.POSITIVE_INFINITY, asked: 0 };
  const headers = { "cache-control": "max-age=3600, stale-if-error=3600", etag: '"1"' };
  const purges = Object.defineProperty(await createPurges(), "trustedUntil", { get: () => state.trustedUntil });
  await using edge = createEdge({
    clock: () => state.now,
    purges,
    upstreams: [
      (request) => {
        state.asked += 1;
        if (!state.up) return new Response(null, { status: 500 });
        const isKnown = request.headers.get("if-none-match") === '"1"';
        return isKnown ? new Response(null, { status: 304, headers }) : bytesResponse(Buffer.from("body"), { headers });
      },
    ],
  });
  const ask = async (init: RequestInit = {}) => (await edge.handle(new Request("http://edge/a", init))).status;
  expect([await ask(), await ask(), state.asked]).toEqual([200, 200, 1]);
  state.trustedUntil = 0;
  expect([await ask(), state.asked]).toEqual([200, 2]);
  expect([await ask({ headers: { range: "bytes=0-1" } }), state.asked]).toEqual([200, 3]);
  expect(await ask({ headers: { "cache-control": "only-if-cached" } })).toBe(504);
  state.up = false;
  expect(await ask()).toBe(500);
  state.trustedUntil = 1;
  expect([await ask(), state.asked]).toEqual([200, 4]);
});

test("an edge that knows of a purge gets nothing older from the edge behind it, which does not know yet", async () => {
  const state = { content: "old", asked: [] as (string | null)[] };
  /** Purges that know so many of them, as a signed field would say it. */
  const knowing = async (known: { purges: number }) => {
    const purges = await createPurges();
    Object.defineProperty(purges, "seen", { get: () => String(known.purges) });
    return Object.assign(purges, { covers: (seen: string | undefined) => Number(seen ?? 0) <= known.purges });
  };
  const [front, shield] = [{ purges: 0 }, { purges: 0 }];
  await using behind = createEdge({
    name: "shield",
    purges: await knowing(shield),
    upstreams: [
      ({ headers }) => {
        state.asked.push(headers.get("ami-purges-seen"));
        return bytesResponse(Buffer.from(state.content), { headers: { "cache-control": "max-age=3600" } });
      },
    ],
  });
  const purges = await knowing(front);
  await using edge = createEdge({ purges, upstreams: [behind.handle] });
  const get = async (): Promise<string> => (await edge.handle(new Request("http://edge/a"))).text();
  expect(await get()).toBe("old");
  state.content = "new";
  front.purges = 1;
  await purges.purge({ urls: ["/a"] });
  expect(await get()).toBe("new");
  expect(await get()).toBe("new");
  // It stays so until the shield knows as much; then its cache counts again: this one was not purged by name.
  await purges.purge({ urls: ["/a"] });
  expect(await get()).toBe("new");
  shield.purges = 1;
  await purges.purge({ urls: ["/a"] });
  expect(await get()).toBe("old");
  expect(state.asked).toEqual(["0", "1", "1"]);
});
