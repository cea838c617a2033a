/** Purging on one edge and on several, over HTTP on this machine. */

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { connectRaw } from "../../server/raw-client.test-peer.ts";
import { SECRET, startEdges, until } from "./edges.test-setup.ts";
import { signQuestion } from "./network/signature.ts";
import { createPurges, type PurgeResult, type Purges } from "./purges.ts";

const FAST = { leaseMs: 400, heartbeatMs: 80 };

async function alone(options: Parameters<typeof createPurges>[0] = {}): Promise<Purges> {
  const purges = await createPurges(options);
  onTestFinished(() => purges.close());
  return purges;
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "purges-"));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

const stored = (generation: number, key = "/a") => ({ key, tags: [], generation });

test("an edge that is alone purges at once, and always serves from its cache", async () => {
  const purges = await alone();
  const { generation } = purges;
  expect(purges.mayServe()).toBe(true);
  expect(purges.seen).toBeUndefined();
  expect(purges.covers("e0=9.9; forged")).toBe(true);
  const done = purges.purge({ urls: ["https://host/a?CMCD=br"] });
  expect(purges.judge(stored(generation))).toBe("hard");
  expect(await done).toMatchObject({ generation: generation + 1, edges: { edge: "purged" } });
  await expect(purges.purge({})).rejects.toMatchObject({ code: "INVALID_PURGE" });
  expect(purges.generation).toBe(generation + 1);
});

test("URLs are read as the edge's cache keys read them", async () => {
  const purges = await alone({ keyOf: (target) => target.split("?")[0]! });
  const { generation } = purges;
  await purges.purge({ urls: ["/a?session=1"] });
  expect(purges.judge(stored(generation))).toBe("hard");
});

test("nothing purged comes back with a restart, and what was filled after the purge stays", async () => {
  const path = await folder();
  const before = await createPurges({ folder: path });
  const old = before.generation;
  await before.purge({ urls: ["/a"], soft: true });
  await before.purge({ tags: ["t"] });
  const fresh = before.generation;
  await before.close();
  const after = await alone({ folder: path });
  expect(after.judge(stored(old))).toBe("soft");
  expect(after.judge({ key: "/b", tags: ["t"], generation: old })).toBe("hard");
  expect(after.judge(stored(fresh))).toBe("kept");
});

test("without its journal an edge takes everything stored for purged", async () => {
  const path = await folder();
  const before = await createPurges({ folder: path });
  const { generation } = before;
  await before.close();
  await writeFile(join(path, "purges.journal"), "");
  const after = await alone({ folder: path });
  expect(after.judge(stored(generation))).toBe("hard");
});

test("two processes do not share a journal", async () => {
  const path = await folder();
  await alone({ folder: path });
  await expect(createPurges({ folder: path })).rejects.toMatchObject({ code: "DISK_IN_USE" });
});

test("after close nothing is purged, and closing again does nothing", async () => {
  const purges = await createPurges();
  await purges.close();
  await purges.close();
  await expect(purges.purge({ all: true })).rejects.toMatchObject({ code: "CLOSED" });
});

test("a purge asked of one edge is at all of them when it resolves", async () => {
  const { edges } = await startEdges(3, FAST);
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  const generations = edges.map(({ purges }) => purges.generation);
  const result = await edges[1]!.purges.purge({ urls: ["/a"] });
  expect(result.edges).toEqual({ e0: "purged", e1: "purged", e2: "purged" });
  for (const [at, { purges }] of edges.entries()) {
    expect(purges.judge(stored(generations[at]!))).toBe("hard");
    expect(purges.judge(stored(generations[at]!, "/b"))).toBe("kept");
    expect(purges.judge(stored(purges.generation))).toBe("kept");
  }
});

test("one edge that is down is cut off, and holds up neither purges nor hits elsewhere", async () => {
  const { edges } = await startEdges(3, FAST);
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  await edges[2]!.stop();
  const result = await edges[0]!.purges.purge({ urls: ["/a"] });
  expect(result.edges).toEqual({ e0: "purged", e1: "purged", e2: "cut-off" });
  expect(edges[0]!.purges.mayServe()).toBe(true);
  expect(edges[1]!.purges.mayServe()).toBe(true);
});

test("where no edge may be down, the others revalidate once one is", async () => {
  const { edges } = await startEdges(2, FAST);
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  await edges[1]!.stop();
  await until(() => !edges[0]!.purges.mayServe());
  const result = await edges[0]!.purges.purge({ urls: ["/a"] });
  expect(result.edges).toEqual({ e0: "purged", e1: "cut-off" });
});

test("an edge that none can hear purges itself, and says that the others may not have it", async () => {
  const { edges, cut, heal } = await startEdges(3, { ...FAST, settleMs: 500 });
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  cut(["e0"]);
  const { generation } = edges[0]!.purges;
  const others = edges[1]!.purges.generation;
  const failure = await edges[0]!.purges.purge({ urls: ["/a"] }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "PURGE_INCOMPLETE", message: expect.stringContaining("e1, e2") });
  expect((failure as Error).cause as PurgeResult).toMatchObject({
    edges: { e0: "purged", e1: "waiting", e2: "waiting" },
  });
  expect(edges[0]!.purges.judge(stored(generation))).toBe("hard");
  heal();
  await until(() => edges[1]!.purges.judge(stored(others)) === "hard");
});

test("an edge that lost its journal takes no purges before it has heard from the others, but heeds them itself", async () => {
  const { edges, cut, heal } = await startEdges(3, FAST);
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  await edges[0]!.stop();
  cut(["e0"]);
  await edges[0]!.start(true);
  const { purges } = edges[0]!;
  const { generation } = purges;
  await expect(purges.purge({ urls: ["/a"] })).rejects.toMatchObject({ code: "PURGE_UNAVAILABLE" });
  expect(purges.judge(stored(generation))).toBe("hard");
  expect(purges.status).toMatchObject({ recovering: true, trusted: false });
  heal();
  await until(() => purges.mayServe());
  expect((await purges.purge({ urls: ["/b"] })).edges).toEqual({ e0: "purged", e1: "purged", e2: "purged" });
});

test("edges in memory alone purge together, too, and come back knowing what the others know", async () => {
  const { edges } = await startEdges(3, FAST, { journals: false });
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  await edges[0]!.purges.purge({ urls: ["/a"] });
  await edges[0]!.stop();
  await edges[1]!.purges.purge({ urls: ["/b"] });
  await edges[0]!.start();
  await until(() => edges[0]!.purges.mayServe());
  expect(edges[0]!.purges.covers(edges[1]!.purges.seen)).toBe(true);
});

test("an edge knows as much as another one says it has seen, or does not", async () => {
  const { edges, cut } = await startEdges(2, FAST);
  const [a, b] = [edges[0]!, edges[1]!];
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  const before = a.purges.seen;
  await a.purges.purge({ urls: ["/a"] });
  expect(b.purges.covers(a.purges.seen)).toBe(true);
  expect(b.purges.covers(before)).toBe(true);
  expect(b.purges.covers(undefined)).toBe(true);
  cut(["e0"]);
  const alone = a.purges.purge({ urls: ["/b"] });
  expect(b.purges.covers(a.purges.seen)).toBe(false);
  await alone;
});

test("nobody but an edge can claim to have seen more", async () => {
  const { edges } = await startEdges(2, FAST);
  const [a, b] = [edges[0]!.purges, edges[1]!.purges];
  await until(() => a.mayServe() && b.mayServe());
  const more = a.seen!.replace(/\.(\d+)/, ".99$1");
  expect(more).not.toBe(a.seen);
  for (const claim of [more, "", "; ", "nonsense", "e0=9.9", `e0=9.9; ${a.seen!.split("; ").at(-1)}`]) {
    expect(b.covers(claim)).toBe(true);
  }
});

test("whoever does not know the secret is not heard", async () => {
  const { edges } = await startEdges(2, FAST);
  const url = `${edges[0]!.url}/.ami/purge/exchange`;
  const body = JSON.stringify({ from: "e1", to: "e0", incarnation: 0, edges: 2, tolerate: 0, reached: [], news: [] });
  const ask = async (headers: Record<string, string>, text = body): Promise<number> =>
    (await fetch(url, { method: "POST", headers, body: text })).status;
  const signed = signQuestion([SECRET], body, Date.now());
  expect(await ask(signed)).toBe(200);
  expect(await ask({})).toBe(401);
  expect(await ask(signQuestion(["another secret, just as long"], body, Date.now()))).toBe(401);
  expect(await ask(signed, `${body} `)).toBe(401);
  expect(await ask({ ...signed, "ami-purge-nonce": "0" })).toBe(401);
  expect(await ask(signQuestion([SECRET], body, Date.now() - 3_600_000))).toBe(401);
  expect(await ask(signQuestion([SECRET], "{}", Date.now()), "{}")).toBe(400);
  const forAnother = body.replace('"to":"e0"', '"to":"e7"');
  expect(await ask(signQuestion([SECRET], forAnother, Date.now()), forAnother)).toBe(400);
  expect((await fetch(url)).status).toBe(405);
  expect((await fetch(edges[0]!.url)).status).toBe(404);
});

test("what cannot be signed is refused before its body is read, and no question may be long", async () => {
  const { edges } = await startEdges(2, FAST);
  const { port, origin } = new URL(edges[0]!.url);
  /** Says that a body follows, and sends none of it. */
  const announce = async (headers: Record<string, string>): Promise<string> => {
    const client = await connectRaw(Number(port));
    onTestFinished(() => client[Symbol.dispose]());
    const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    client.write(`POST /.ami/purge/exchange HTTP/1.1\r\nHost: e0\r\nContent-Length: 1000\r\n${fields.join("")}\r\n`);
    return (await client.until(/\r\n\r\n/)).slice(0, 12);
  };
  expect(await announce({})).toBe("HTTP/1.1 401");
  const signed = signQuestion([SECRET], "", Date.now());
  expect(await announce({ ...signed, "ami-purge-time": "1" })).toBe("HTTP/1.1 401");
  expect(await announce({ ...signed, "ami-purge-signature": "0" })).toBe("HTTP/1.1 401");
  const long = { method: "POST", headers: signed, body: Buffer.alloc(5 * 1024 * 1024) };
  expect((await fetch(`${origin}/.ami/purge/exchange`, long)).status).toBe(413);
});

test("an old answer in the place of a new one gives no leave to serve", async () => {
  let recorded: { headers: Headers; body: string } | undefined;
  let replays = 0;
  const { edges } = await startEdges(2, FAST);
  await until(() => edges.every(({ purges }) => purges.mayServe()));
  // Between e9, which knows the secret, and e0: gives every question the first answer that it got.
  const between = createHttpServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (recorded === undefined) {
      const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => name.startsWith("ami-")));
      const answer = await fetch(`${edges[0]!.url}${request.url}`, {
        method: "POST",
        headers: headers as Record<string, string>,
        body: Buffer.concat(chunks),
      });
      recorded = { headers: answer.headers, body: await answer.text() };
    } else replays += 1;
    response.setHeader("ami-purge-signature", recorded.headers.get("ami-purge-signature")!);
    response.end(recorded.body);
  }).listen(0, "127.0.0.1");
  await once(between, "listening");
  const url = `http://127.0.0.1:${(between.address() as AddressInfo).port}`;
  const purges = await alone({ network: { self: "e1", peers: [{ name: "e0", url }], secret: SECRET, ...FAST } });
  onTestFinished(() => void between.close());
  onTestFinished(() => between.closeAllConnections());
  await until(() => replays > 8);
  await until(() => !purges.mayServe());
});

test.each([
  [{ self: "a b", peers: [] }, /no name/],
  [
    {
      peers: [
        { name: "e1", url: "http://h" },
        { name: "e1", url: "http://h2" },
      ],
    },
    /twice/,
  ],
  [{ peers: [{ name: "e1", url: "ftp://h" }] }, /url of e1/],
  [{ peers: [{ name: "e1", url: "http://user@h" }] }, /url of e1/],
  [{ secret: "short" }, /secret/],
  [{ secret: [] }, /secret/],
  [{ tolerate: 2 }, /tolerate/],
  [{ leaseMs: 0 }, /leaseMs/],
  [{ heartbeatMs: 5000 }, /heartbeatMs/],
])("a network of %j is refused", async (network, message) => {
  const whole = { self: "e0", peers: [{ name: "e1", url: "http://127.0.0.1:9" }], secret: SECRET, ...network };
  await expect(createPurges({ network: whole })).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: expect.stringMatching(message),
  });
});
