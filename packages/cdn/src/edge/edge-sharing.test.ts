/** What one client may never get or leave behind because of another. */

import { expect, test } from "vitest";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { connectRaw } from "../server/raw-client.test-peer.ts";
import { gate, serveEdge } from "./edge.test-setup.ts";
import { createEdge, type Edge } from "./edge.ts";

interface Ask {
  readonly headers?: Record<string, string>;
  readonly method?: string;
}

async function textOf(edge: Edge, ask: Ask = {}): Promise<string> {
  return await (await edge.handle(new Request("http://edge/me", ask))).text();
}

/** Answers with what `of` says, once all who are to ask at the same time have asked. */
function together(of: (request: Request) => Response): { handler: FetchHandler; release: () => void } {
  const [released, release] = gate();
  const handler: FetchHandler = async (request) => {
    await released;
    return of(request);
  };
  return { handler, release };
}

const echoed = (name: string, init?: ResponseInit): ((request: Request) => Response) => {
  return (request) => new Response(request.headers.get(name) ?? "nobody", init);
};

test.each([
  ["that says nothing", undefined],
  ["that must be asked about", { headers: { "cache-control": "no-cache", etag: '"1"' } }],
  ["that refuses", { status: 403 }],
])(
  "an answer %s to a request with a cookie is not shared with others who asked at the same time",
  async (_what, init) => {
    const { handler, release } = together(echoed("cookie", init));
    await using edge = createEdge({ upstreams: [handler] });
    const cookies = ["user=a", "user=b", "user=c"];
    const answers = cookies.map((cookie) => textOf(edge, { headers: { cookie } }));
    answers.push(textOf(edge));
    release();
    expect(await Promise.all(answers)).toEqual([...cookies, "nobody"]);
  },
);

test("an answer that says nothing is still one for all who do not say who they are", async () => {
  const { handler, release } = together(echoed("cookie"));
  await using edge = createEdge({ upstreams: [handler] });
  const answers = [textOf(edge), textOf(edge), textOf(edge)];
  release();
  expect(await Promise.all(answers)).toEqual(["nobody", "nobody", "nobody"]);
  expect(edge.stats.upstreamRequests).toBe(1);
});

test("an error that varies is not shared with a request that it would differ for", async () => {
  const { handler, release } = together(echoed("origin", { status: 403, headers: { vary: "Origin" } }));
  await using edge = createEdge({ upstreams: [handler] });
  const origins = ["https://a", "https://b"];
  const answers = origins.map((origin) => textOf(edge, { headers: { origin } }));
  release();
  expect(await Promise.all(answers)).toEqual(origins);
});

test("a cookie set by a 304 is for the one who caused it, and not stored", async () => {
  let turn = 0;
  let now = 0;
  const [released, release] = gate();
  await using edge = createEdge({
    clock: () => now,
    upstreams: [
      async (request) => {
        turn += 1;
        const mine = turn;
        const headers = { etag: '"1"', "cache-control": "max-age=10" };
        if (mine === 1) return new Response("body", { headers });
        await released;
        if (!request.headers.has("if-none-match")) return new Response("body", { headers });
        return new Response(null, { status: 304, headers: { ...headers, "set-cookie": `session=${mine}` } });
      },
    ],
  });
  const ask = async () => await edge.handle(new Request("http://edge/a"));
  await (await ask()).text();
  now = 11_000;
  const both = [ask(), ask()];
  release();
  const cookies = (await Promise.all(both)).map((response) => response.headers.get("set-cookie"));
  expect(new Set(cookies).size).toBe(2);
  expect(edge.stats.entries).toBeLessThanOrEqual(1);
  expect((await ask()).headers.get("set-cookie")).not.toBe("session=2");
});

test("what was changed while the upstream was asked whether it still holds is not stored again", async () => {
  let now = 0;
  let body = "old";
  const [asked, ask] = gate();
  const [released, release] = gate();
  await using edge = createEdge({
    clock: () => now,
    upstreams: [
      async (request) => {
        const headers = { etag: '"old"', "cache-control": "max-age=10" };
        if (request.method === "PUT") body = "new";
        else if (request.headers.has("if-none-match")) {
          ask();
          await released;
          return new Response(null, { status: 304, headers });
        }
        return new Response(body, { headers });
      },
    ],
  });
  expect(await textOf(edge)).toBe("old");
  now = 11_000;
  const revalidated = textOf(edge);
  await asked;
  await textOf(edge, { method: "PUT" });
  release();
  expect(await revalidated).toBe("old");
  expect(await textOf(edge)).toBe("new");
});

test("a 304 to an authorized request leaves what others stored, as it was", async () => {
  let now = 0;
  await using edge = createEdge({
    clock: () => now,
    upstreams: [
      (request) => {
        const headers = { etag: '"1"', "cache-control": "max-age=10" };
        return request.headers.has("if-none-match")
          ? new Response(null, { status: 304, headers })
          : new Response("body", { headers });
      },
    ],
  });
  await textOf(edge);
  now = 11_000;
  expect(await textOf(edge, { headers: { authorization: "Bearer x" } })).toBe("body");
  expect(edge.stats.entries).toBe(1);
  const others = await edge.handle(new Request("http://edge/me"));
  expect(others.headers.get("cache-status")).toBe("ami-edge; fwd=stale; fwd-status=304");
});

test("fields by which a client could ask for something else than the key says do not reach the upstream", async () => {
  let seen = new Headers();
  await using edge = createEdge({
    upstreams: [
      (request) => {
        seen = request.headers;
        return new Response("body", { headers: { "cache-control": "max-age=60" } });
      },
    ],
  });
  const evil = ["x-forwarded-scheme", "x-forwarded-port", "x-forwarded-prefix", "x-original-url", "x-rewrite-url"];
  evil.push("x-http-method-override", "x-host", "x-real-ip", "true-client-ip");
  await textOf(edge, { headers: { ...Object.fromEntries(evil.map((name) => [name, "evil"])), "x-app": "fine" } });
  expect([...seen.values()]).not.toContain("evil");
  expect(seen.get("x-app")).toBe("fine");
});

test("a field that Connection names chooses no variant: its upstream never sees it", async () => {
  const origin: FetchHandler = ({ headers }) => {
    const site = headers.get("origin");
    const fields = { "cache-control": "max-age=60", vary: "Origin" };
    return new Response(site ?? "no site", {
      headers: { ...fields, ...(site && { "access-control-allow-origin": site }) },
    });
  };
  const { port } = await serveEdge({ upstreams: [origin] });
  const head = "GET /a HTTP/1.1\r\nHost: edge\r\nOrigin: https://viewer.example\r\n";
  const poisoner = await connectRaw(port);
  poisoner.write(`${head}Connection: close, Origin\r\n\r\n`);
  expect(await poisoner.closed()).toMatch(/no site/);
  const viewer = await connectRaw(port);
  viewer.write(`${head}Connection: close\r\n\r\n`);
  expect(await viewer.closed()).toMatch(
    /access-control-allow-origin: https:\/\/viewer\.example\r\n[\s\S]*https:\/\/viewer\.example/i,
  );
});

test("who says who they are keeps nobody else from what is stored", async () => {
  let asked = 0;
  const origin: FetchHandler = ({ headers }) => {
    asked += 1;
    const personal = headers.get("cookie") !== null;
    return new Response("segment", { headers: personal ? { "set-cookie": "a=b" } : { "cache-control": "max-age=60" } });
  };
  await using edge = createEdge({ upstreams: [origin] });
  await textOf(edge, { headers: { cookie: "me=1" } });
  for (let viewer = 0; viewer < 3; viewer += 1) expect(await textOf(edge)).toBe("segment");
  expect(asked).toBe(2);
});

test("a request with Authorization refreshes nothing for the others, and keeps them from nothing", async () => {
  const state = { now: 0, asked: [] as (string | null)[] };
  const headers = { "cache-control": "max-age=10, stale-while-revalidate=60" };
  await using edge = createEdge({
    clock: () => state.now,
    upstreams: [
      (request) => {
        state.asked.push(request.headers.get("authorization"));
        return new Response(String(state.asked.length), { headers });
      },
    ],
  });
  await textOf(edge);
  state.now = 11_000;
  expect(await textOf(edge, { headers: { authorization: "x" } })).toBe("1");
  expect(await textOf(edge)).toBe("1");
  await expect.poll(() => textOf(edge)).toBe("2");
  expect(state.asked).toEqual([null, null]);
});
