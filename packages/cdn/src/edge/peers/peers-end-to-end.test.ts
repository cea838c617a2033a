/** Three edges as peers, as clients see them. */

import { expect, onTestFinished, test } from "vitest";
import type { FetchHandler } from "../../handler/fetch-handler.ts";
import { createServer } from "../../server/server.ts";
import { createEdge, type Edge } from "../edge.ts";
import type { EdgeOptions } from "../options.ts";

async function threePeers(cache: EdgeOptions["cache"] = {}) {
  const asked: string[] = [];
  const origin: FetchHandler = ({ url }) => {
    asked.push(new URL(url).pathname);
    return new Response("x".repeat(1000), { headers: { "cache-control": "max-age=60", "content-length": "1000" } });
  };
  const holders: { edge?: Edge }[] = [{}, {}, {}];
  const servers = await Promise.all(
    holders.map((holder) =>
      createServer({ port: 0, host: "127.0.0.1", handler: (...args) => holder.edge!.handle(...args) }),
    ),
  );
  const peers = servers.map(({ url }, index) => ({ name: `edge-${index}`, url }));
  const edges = peers.map(({ name }) =>
    createEdge({ upstreams: [origin], name, cache, peers: { self: name, peers, secret: "known to the three alone" } }),
  );
  for (const [index, edge] of edges.entries()) holders[index]!.edge = edge;
  onTestFinished(async () => {
    for (const server of servers) await server.close();
    for (const edge of edges) await edge.close();
  });
  const get = async (index: number, path: string, init: RequestInit = {}): Promise<string> => {
    const response = await fetch(`${servers[index]!.url}${path}`, init);
    return `${response.status}, ${(await response.text()).length} bytes`;
  };
  return { asked, get, close: (index: number) => servers[index]!.close() };
}

test("the origin is asked once for each object, whichever peer is asked by however many", async () => {
  const { asked, get } = await threePeers();
  for (let object = 0; object < 20; object += 1) {
    const answers = await Promise.all([0, 1, 2, 0, 1, 2].map((index) => get(index, `/${object}.m4s`)));
    expect(new Set(answers)).toEqual(new Set(["200, 1000 bytes"]));
  }
  expect(asked).toHaveLength(20);
});

test("a client that wants the upstream asked gets that by whichever peer, where edges are told to", async () => {
  const { asked, get } = await threePeers({ requestDirectives: "all" });
  for (const [at, directive] of ["no-cache", "max-age=0", "min-fresh=100"].entries()) {
    for (const method of ["GET", "HEAD"]) {
      const path = `/${at}${method}.m4s`;
      await get(0, path);
      const before = asked.length;
      for (const index of [0, 1, 2]) await get(index, path, { method, headers: { "cache-control": directive } });
      expect(asked.slice(before)).toEqual([path, path, path]);
    }
  }
});

test("what a dead peer held is fetched by the others", async () => {
  const { asked, get, close } = await threePeers();
  await close(2);
  for (let object = 0; object < 20; object += 1) {
    for (const index of [0, 1]) expect(await get(index, `/${object}.m4s`)).toBe("200, 1000 bytes");
  }
  expect(asked).toHaveLength(20);
});
