/** What an upstream is sent of what a client sends. */

import type { IncomingHttpHeaders } from "node:http";
import { expect, test } from "vitest";
import { connectRaw } from "../server/raw-client.test-peer.ts";
import { serveEdge, upstream } from "./edge.test-setup.ts";
import type { EdgeOptions } from "./options.ts";
import { listenOnSocket } from "./upstream/upstream.test-setup.ts";

const fresh = { "cache-control": "max-age=60" };

/** An edge before an origin that notes what it is asked. */
async function forwarding(options: Partial<EdgeOptions> = {}) {
  const asked: { target: string; headers: IncomingHttpHeaders }[] = [];
  const origin = await upstream(({ url = "", headers }, response) => {
    asked.push({ target: url, headers });
    response.writeHead(200, fresh).end("body");
  });
  const { url, port, edge } = await serveEdge({ upstreams: [origin], ...options });
  const ask = async (path: string, init?: RequestInit): Promise<string> => {
    const answer = await fetch(url + path, init);
    await answer.text();
    return answer.headers.get("cache-status") ?? "";
  };
  return { asked, ask, port, edge };
}

test("a query goes on as it was written, and an order is another query", async () => {
  const { asked, ask } = await forwarding();
  const queries = ["?b=1&&a=2&a", "?a=2&a&b=1", "?sig=%2fA%7e&x"];
  for (const query of queries) await ask(`/echo${query}`);
  expect(await ask(`/echo${queries[0]}`)).toContain("hit");
  expect(asked.map(({ target }) => target)).toEqual(queries.map((query) => `/echo${query}`));
});

test("with sortParams all orders are one, for the upstream as well", async () => {
  const { asked, ask } = await forwarding({ cache: { sortParams: true } });
  await ask("/echo?b=1&&a=2");
  expect(await ask("/echo?a=2&b=1")).toContain("hit");
  expect(asked.map(({ target }) => target)).toEqual(["/echo?a=2&b=1"]);
});

const forged = { "x-forwarded-for": "6.6.6.6", forwarded: "for=6.6.6.6" };

test.each<[string, EdgeOptions["forward"], { shared: object; alone: object }]>([
  ["by default", undefined, { shared: {}, alone: { "x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http" } }],
  ["never", { clientAddress: "never" }, { shared: {}, alone: {} }],
  [
    "always",
    { clientAddress: "always" },
    { shared: { "x-forwarded-for": "127.0.0.1" }, alone: { "x-forwarded-for": "127.0.0.1" } },
  ],
  [
    "always, by RFC 7239",
    { clientAddress: "always", fields: "forwarded" },
    {
      shared: { forwarded: expect.stringMatching(/^for=127\.0\.0\.1;host="127\.0\.0\.1:\d+";proto=http$/) },
      alone: { forwarded: expect.stringMatching(/^for=127\.0\.0\.1;host="127\.0\.0\.1:\d+";proto=http$/) },
    },
  ],
])("an upstream is told who asks, %s, and never what a client says of itself", async (_when, forward, expected) => {
  const { asked, ask } = await forwarding(forward === undefined ? {} : { forward });
  await ask("/shared", { headers: forged });
  await ask("/alone", { method: "POST", headers: forged });
  for (const [at, fields] of [expected.shared, expected.alone].entries()) {
    const { headers } = asked[at]!;
    expect(headers).toMatchObject(fields);
    if (!("x-forwarded-for" in fields)) expect(headers["x-forwarded-for"]).toBeUndefined();
    if (!("forwarded" in fields)) expect(headers.forwarded).toBeUndefined();
  }
});

test("with ignoreAuthorization a client's credentials reach neither the cache nor the upstream", async () => {
  const credentials = { headers: { authorization: "Bearer x" } };
  const strict = await forwarding();
  await strict.ask("/a");
  expect(await strict.ask("/b", credentials)).toContain("detail=authorization");
  const { asked, ask } = await forwarding({ cache: { ignoreAuthorization: true } });
  await ask("/a", credentials);
  expect(await ask("/a", credentials)).toContain("hit");
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
});

test("before buckets alone, credentials are ignored without being told to", async () => {
  const socketPath = await listenOnSocket((_request, response) => response.writeHead(200, fresh).end("object"));
  const s3 = { accessKeyId: "a", secretAccessKey: "b", region: "r", bucket: "media" };
  const { url } = await serveEdge({ upstreams: [{ url: "http://s3.example", socketPath, s3 }] });
  const ask = async () => (await fetch(`${url}/a`, { headers: { authorization: "x" } })).headers.get("cache-status");
  expect(await ask()).toContain("stored");
  expect(await ask()).toContain("hit");
});

test("the Host of an upstream is its own, or the one that its options name", async () => {
  const { asked, ask } = await forwarding();
  await ask("/a");
  expect(asked[0]!.headers.host).toMatch(/^127\.0\.0\.1:\d+$/);
  let host: string | undefined;
  const origin = await upstream(({ headers }, response) => {
    host = headers.host;
    response.end("body");
  });
  const { url } = await serveEdge({ upstreams: [{ url: origin, headers: { host: "www.example.com" } }] });
  await fetch(`${url}/a`);
  expect(host).toBe("www.example.com");
});

test("a WebSocket is asked for in vain: its upgrade stays with the connection", async () => {
  const { asked, port } = await forwarding();
  const client = await connectRaw(port);
  client.write(
    "GET /chat HTTP/1.1\r\nHost: edge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  expect(await client.until(/body/)).toMatch(/^HTTP\/1\.1 200 /);
  client[Symbol.dispose]();
  expect(asked[0]!.headers.upgrade).toBeUndefined();
});
