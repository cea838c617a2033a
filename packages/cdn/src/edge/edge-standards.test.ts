/** What the standards of HTTP caching ask beyond freshness, as clients see it. */

import { expect, onTestFinished, test } from "vitest";
import { bytesResponse } from "../handler/bytes-response.ts";
import { rawHandler } from "../handler/raw.ts";
import { cached, gate, upstream } from "./edge.test-setup.ts";
import { createEdge, type Edge } from "./edge.ts";
import type { EdgeCacheOptions } from "./options.ts";

type Answer = (request: Request, turn: number) => Response | Promise<Response>;

function edgeOf(answer: Answer, cache: EdgeCacheOptions = {}) {
  const state = { now: Date.UTC(2026, 0, 1), requests: [] as Request[] };
  const edge = createEdge({
    cache,
    clock: () => state.now,
    upstreams: [
      (request) => {
        state.requests.push(request);
        return answer(request, state.requests.length);
      },
    ],
  });
  onTestFinished(() => edge.close());
  return { state, edge, ask: asker(edge) };
}

function asker(edge: Edge) {
  return (path: string, init?: RequestInit): Promise<Response> =>
    Promise.resolve(edge.handle(new Request(`http://edge${path}`, init)));
}

const fresh = { "cache-control": "max-age=60" };
const text = (body: string, headers: Record<string, string> = fresh, status = 200): Response =>
  bytesResponse(Buffer.from(body), { status, headers });

test("an upstream that cannot be reached: what is stale is served for a while, unless it forbids that", async () => {
  for (const [cacheControl, status] of [
    ["max-age=10", 200],
    ["max-age=10, must-revalidate", 502],
    ["max-age=10, proxy-revalidate", 502],
    ["s-maxage=10", 502],
  ] as const) {
    const { state, ask } = edgeOf((_request, turn) => {
      if (turn > 1) throw new Error("down");
      return text("body", { "cache-control": cacheControl });
    });
    await ask("/a");
    state.now += 35_000;
    const response = await ask("/a");
    expect([cacheControl, response.status]).toEqual([cacheControl, status]);
    if (status !== 200) continue;
    expect(response.headers.get("cache-status")).toBe("ami-edge; hit; ttl=-25; detail=disconnected");
    state.now += 10_000;
    expect((await ask("/a")).status).toBe(502);
  }
});

test("an error that may be cached does not push out what may stand in for it", async () => {
  const { state, ask } = edgeOf((_request, turn) =>
    turn === 1 ? text("good", { "cache-control": "max-age=1, stale-if-error=60" }) : text("bad", fresh, 503),
  );
  await ask("/a");
  for (let turn = 0; turn < 2; turn += 1) {
    state.now += 5_000;
    expect(await (await ask("/a")).text()).toBe("good");
  }
  state.now += 60_000;
  expect([(await ask("/a")).status, (await ask("/a")).headers.get("cache-status")]).toEqual([
    503,
    "ami-edge; hit; ttl=60",
  ]);
});

test("a 304 that names another version changes nothing: the object is asked for again", async () => {
  const { state, ask } = edgeOf((request, turn) => {
    const headers = { "cache-control": "max-age=1", etag: `"${turn}"` };
    return request.headers.has("if-none-match") ? new Response(null, { status: 304, headers }) : text("body", headers);
  });
  await ask("/a");
  state.now += 2_000;
  const again = await ask("/a");
  expect([again.status, again.headers.get("etag"), await again.text()]).toEqual([200, '"3"', "body"]);
  expect(state.requests.map((request) => request.headers.get("if-none-match"))).toEqual([null, '"1"', null]);
});

test("HEAD goes on when what is stored is stale, and what it says of the same object makes that fresh again", async () => {
  const { state, ask } = edgeOf(({ method }, turn) => {
    const headers = { "cache-control": "max-age=10", etag: '"1"', "content-length": "4", "x-turn": `${turn}` };
    return method === "HEAD" ? new Response(null, { headers }) : text("body", headers);
  });
  await ask("/a");
  state.now += 11_000;
  const head = await ask("/a", { method: "HEAD" });
  expect(head.headers.get("cache-status")).toBe("ami-edge; fwd=stale");
  const hit = await ask("/a");
  expect([hit.headers.get("cache-status"), hit.headers.get("x-turn"), await hit.text()]).toEqual([
    "ami-edge; hit; ttl=10",
    "2",
    "body",
  ]);
  expect(state.requests).toHaveLength(2);
});

test("HEAD that is about another version, or of somebody in particular, changes nothing", async () => {
  for (const [etag, init] of [
    ['"2"', {}],
    ['"1"', { headers: { cookie: "who=me" } }],
  ] as const) {
    const { state, ask } = edgeOf(({ method }) => {
      const headers = { "cache-control": "max-age=10", etag: method === "HEAD" ? etag : '"1"' };
      return method === "HEAD" ? new Response(null, { headers }) : text("body", headers);
    });
    await ask("/a");
    state.now += 11_000;
    await ask("/a", { method: "HEAD", ...init });
    expect((await ask("/a")).headers.get("cache-status")).toContain("fwd=stale");
  }
});

test("a method that is not known may be unsafe: one that the upstream takes invalidates, one that it does not take changes nothing", async () => {
  const { ask } = edgeOf(({ method, url }) => {
    if (method === "GET") return text("body");
    return new Response(null, { status: url.endsWith("/taken") ? 200 : 405 });
  });
  for (const [path, after] of [
    ["/taken", "fwd=uri-miss"],
    ["/refused", "hit"],
  ]) {
    await ask(path!);
    await ask(path!, { method: "PURGE" });
    expect((await ask(path!)).headers.get("cache-status")).toContain(after);
  }
});

test("an unsafe method invalidates what its answer names on the same origin, and nothing where it fails", async () => {
  const { state, ask } = edgeOf(({ method, url }) => {
    if (method === "GET") return text(new URL(url).pathname);
    const headers = { location: "/b?x=1&y=1", "content-location": "c", "cache-control": "no-store" };
    return new Response(null, { status: method === "POST" ? 201 : 500, headers });
  });
  const paths = ["/dir/a", "/b?x=1&y=1", "/dir/c", "/d"];
  const seen = async (): Promise<number> => {
    for (const path of paths) await ask(path);
    return state.requests.filter(({ method }) => method === "GET").length;
  };
  expect(await seen()).toBe(4);
  await ask("/dir/a", { method: "DELETE" });
  expect(await seen()).toBe(4);
  await ask("/dir/a", { method: "POST", body: "x" });
  expect(await seen()).toBe(7);
});

test("an answer that points to another origin invalidates nothing there or here", async () => {
  const { state, ask } = edgeOf(({ method }) =>
    method === "GET" ? text("a") : new Response(null, { headers: { location: "http://other/b" } }),
  );
  await ask("/b");
  await ask("/a", { method: "POST", body: "x" });
  await ask("/b");
  expect(state.requests).toHaveLength(2);
});

test("fields that are for one client alone reach that one, and nobody else", async () => {
  const [released, release] = gate();
  const { edge, ask } = edgeOf(async () => {
    await released;
    return text("body", { "cache-control": 'max-age=60, private="x-who"', "x-who": "me", "x-all": "yes" });
  });
  const first = ask("/a");
  const second = ask("/a");
  await expect.poll(() => edge.stats.requests).toBe(2);
  release();
  const who = async (response: Promise<Response>) => {
    const { headers } = await response;
    return [headers.get("x-who"), headers.get("x-all")];
  };
  expect(await who(first)).toEqual(["me", "yes"]);
  expect(await who(second)).toEqual([null, "yes"]);
  expect(await who(ask("/a"))).toEqual([null, "yes"]);
});

test("the beginning of an object is completed by what is missing, where both are of one version", async () => {
  const object = "0123456789";
  const { state, ask } = edgeOf((request) => {
    const [, start = 0] = /^bytes=(\d+)-/.exec(request.headers.get("range") ?? "") ?? [];
    const headers = { ...fresh, etag: '"1"' };
    if (!request.headers.has("range")) return text(object, headers);
    const first = request.headers.get("range") === "bytes=-5" ? 0 : Number(start);
    const last = first === 0 ? 4 : 9;
    return text(object.slice(first, last + 1), { ...headers, "content-range": `bytes ${first}-${last}/10` }, 206);
  });
  // Whatever it was asked for, it gave the beginning.
  await (await ask("/a", { headers: { range: "bytes=-5" } })).text();
  const whole = await ask("/a");
  expect([whole.status, whole.headers.get("content-length"), whole.headers.get("content-range")]).toEqual([
    ...[200, "10", null],
  ]);
  expect(await whole.text()).toBe(object);
  expect((await ask("/a")).headers.get("cache-status")).toContain("hit");
  expect(state.requests.map(({ headers }) => [headers.get("range"), headers.get("if-range")])).toEqual([
    ["bytes=-5", null],
    ["bytes=5-", '"1"'],
  ]);
});

test("a beginning of another version does not count", async () => {
  const { state, ask } = edgeOf((request, turn) => {
    const range = request.headers.get("range");
    if (range === null) return text("ABCDEFGHIJ", { ...fresh, etag: '"2"' });
    const part = turn === 1 ? ["01234", "bytes 0-4/10", '"1"'] : ["FGHIJ", "bytes 5-9/10", '"2"'];
    return text(part[0]!, { ...fresh, "content-range": part[1]!, etag: part[2]! }, 206);
  });
  await (await ask("/a", { headers: { range: "bytes=-5" } })).text();
  expect(await (await ask("/a")).text()).toBe("ABCDEFGHIJ");
  expect(state.requests.map(({ headers }) => headers.get("range"))).toEqual(["bytes=-5", "bytes=5-", null]);
});

test("a part that is not what it says is passed on, and not kept", async () => {
  const { state, ask } = edgeOf(() => text("012", { ...fresh, "content-range": "bytes 5-9/10" }, 206));
  for (let turn = 0; turn < 2; turn += 1) await (await ask("/a", { headers: { range: "bytes=-5" } })).text();
  expect(state.requests).toHaveLength(2);
});

test("an answer that is not stored is as old as the caches before say", async () => {
  const { ask } = edgeOf(() => text("body", { "cache-control": "no-store", age: "17" }));
  expect((await ask("/a")).headers.get("age")).toBe("17");
});

test("only-if-cached is answered from here or with 504, and asks nobody", async () => {
  const { state, ask } = edgeOf(() => text("body"));
  const only = { headers: { "cache-control": "only-if-cached" } };
  const missing = await ask("/a", only);
  expect([missing.status, await missing.json()]).toEqual([
    504,
    { error: expect.objectContaining({ code: "NOT_CACHED" }) },
  ]);
  await ask("/a");
  expect(await (await ask("/a", only)).text()).toBe("body");
  expect(state.requests).toHaveLength(1);
});

test("a client that wants the upstream asked gets that only where the edge is told to", async () => {
  const reload = { headers: { "cache-control": "no-cache" } };
  const deaf = edgeOf((_request, turn) => text(`${turn}`));
  await deaf.ask("/a");
  expect(await (await deaf.ask("/a", reload)).text()).toBe("1");
  const open = edgeOf((_request, turn) => text(`${turn}`), { requestDirectives: "all" });
  await open.ask("/a");
  const again = await open.ask("/a", reload);
  expect([again.headers.get("cache-status"), await again.text()]).toEqual([
    "ami-edge; fwd=request; stored; ttl=60",
    "2",
  ]);
  expect(await (await open.ask("/a")).text()).toBe("2");
  const alone = await open.ask("/a", { headers: { "cache-control": "no-store" } });
  expect([await alone.text(), await (await open.ask("/a")).text()]).toEqual(["3", "2"]);
});

test("If-Match that holds makes no difference; one that does not is the origin's to answer", async () => {
  const { state, ask } = edgeOf((request) =>
    request.headers.has("if-match") ? new Response(null, { status: 412 }) : text("body", { ...fresh, etag: '"1"' }),
  );
  await ask("/a");
  expect(await (await ask("/a", { headers: { "if-match": '"1"' } })).text()).toBe("body");
  const other = await ask("/a", { headers: { "if-match": '"2"' } });
  expect([other.status, other.headers.get("cache-status")]).toEqual([
    412,
    "ami-edge; fwd=request; detail=precondition",
  ]);
  expect(state.requests).toHaveLength(2);
});

test("If-Modified-Since is compared with Date where there is nothing else", async () => {
  const date = "Thu, 01 Jan 2026 00:00:00 GMT";
  const { ask } = edgeOf(() => text("body", { ...fresh, date }));
  await ask("/a");
  const since = async (field: string) => (await ask("/a", { headers: { "if-modified-since": field } })).status;
  expect(await since(date)).toBe(304);
  expect(await since("Wed, 31 Dec 2025 23:59:59 GMT")).toBe(200);
});

test("tags are for caches: clients do not see them, another edge does", async () => {
  const fields = { ...fresh, "surrogate-key": "a b", "cache-tag": "c", "surrogate-control": "max-age=9" };
  const names = ["surrogate-key", "cache-tag", "surrogate-control"];
  const shown = (response: Response) => names.map((name) => response.headers.get(name));
  const { ask } = cached(fields);
  const edge = { headers: { "cdn-loop": "outer-1" } };
  for (let turn = 0; turn < 2; turn += 1) {
    expect(shown(await ask("/a"))).toEqual([null, null, null]);
    expect(shown(await ask("/a", edge))).toEqual(["a b", "c", "max-age=9"]);
  }
  const open = edgeOf(() => text("body", fields), { exposeTags: true });
  expect(shown(await open.ask("/a"))).toEqual(["a b", "c", "max-age=9"]);
});

test("interim answers reach all who wait for the answer itself, and are not stored", async () => {
  const [held, go] = gate();
  const origin = await upstream(async (_request, response) => {
    response.writeEarlyHints({ link: "</init.mp4>; rel=preload", "x-early": "1" });
    await held;
    response.writeHead(200, fresh).end("body");
  });
  await using edge = createEdge({ upstreams: [origin] });
  const heard: string[] = [];
  const ask = async (name: string) =>
    await edge.handle[rawHandler]({
      ...{ method: "GET", target: "/a", origin: "http://edge", headers: {}, body: null, connection: undefined },
      signal: new AbortController().signal,
      onInformational: (status, headers) => heard.push(`${name} ${status} ${headers.includes("x-early")}`),
    });
  const both = [ask("one"), ask("two")];
  await expect.poll(() => heard).toEqual(["one 103 true", "two 103 true"]);
  go();
  for (const answer of await Promise.all(both)) expect(answer?.headers).not.toContain("x-early");
  expect((await ask("three"))?.status).toBe(200);
  expect(heard).toHaveLength(2);
});
