/** Processes of one edge: what they say to each other, and how long one is waited for. */

import { expect, onTestFinished, test } from "vitest";
import type { RawRequest } from "../../handler/raw.ts";
import { ask, listenOnSocket, send, textOf } from "../upstream/upstream.test-setup.ts";
import { createPeerMarks, PEER_FIELD } from "./peer-mark.ts";
import { createPeerUpstream } from "./peer-upstream.ts";
import { siblingDoor, siblingWord, takeFacts } from "./sibling.ts";

const secret = "what all processes share";
const marks = createPeerMarks(secret);
const facts = { outcome: "hit", tier: "disk" } as const;

test("a process answers its siblings alone, and says what it did", async () => {
  const door = siblingDoor(() => ({ status: 200, headers: ["a", "b"], body: null, about: facts }), marks);
  const request = (mark?: string): RawRequest => ({
    ...asked,
    headers: mark === undefined ? {} : { [PEER_FIELD]: mark },
  });
  expect((await door(request())).status).toBe(403);
  expect((await door(request(marks.make("process-1", "/b")))).status).toBe(403);
  const answer = await door(request(marks.make("process-1", "/a")));
  // Whatever an origin calls itself, only the last is the sibling's own.
  const headers = [PEER_FIELD, '{"outcome":"miss"}', ...answer.headers];
  expect(takeFacts({ ...answer, headers, closeDelimited: false })).toMatchObject({
    headers: ["a", "b"],
    sibling: facts,
  });
});

test.each([
  ["ami-edge; hit; ttl=5", undefined, "ami-edge; hit; ttl=5"],
  ["origin; hit, ami-edge; fwd=uri-miss; stored", "origin; hit", "ami-edge; fwd=uri-miss; stored"],
])("of the Cache-Status %j a sibling's word is the last", (cacheStatus, before, word) => {
  expect(siblingWord({ sibling: facts }, cacheStatus)).toEqual({ before, sibling: { facts, cacheStatus: word } });
  expect(siblingWord({}, cacheStatus)).toEqual({ before: cacheStatus, sibling: undefined });
});

test("one that is late but there is waited for; one that is not is not, and the own upstream is asked", async () => {
  let probes = 0;
  let answer = (): void => {};
  let isThere = true;
  const path = await listenOnSocket(({ headers }, response) => {
    if (!String(headers[PEER_FIELD]).startsWith("probe;")) {
      answer = () => void response.end("from the sibling");
      return;
    }
    probes += 1;
    if (isThere) response.writeHead(204).end();
    if (probes === 3) answer();
  });
  const { upstream, target, own } = siblings(path);
  expect(await ask(upstream, target)).toBe("200 from the sibling");
  expect([probes, own]).toEqual([3, []]);
  isThere = false;
  expect(await ask(upstream, target)).toBe("200 from the upstream");
  expect([probes, own]).toEqual([4, [target]]);
});

test("one that breaks off an answer but is there is not left: whoever waits for it waits on, and the reader learns that it broke", async () => {
  const waiting: (() => void)[] = [];
  let probes = 0;
  const path = await listenOnSocket(({ url, headers }, response) => {
    if (String(headers[PEER_FIELD]).startsWith("probe;")) {
      probes += 1;
      response.writeHead(204).end();
    } else if (url!.endsWith("?broken")) {
      response.writeHead(200, { "content-length": "100", etag: '"1"' });
      response.write("half", () => response.destroy());
    } else waiting.push(() => void response.end("from the sibling"));
  });
  const { upstream, own, targets } = siblings(path, { patience: 10_000 });
  const [broken, ...others] = [targets("?broken", 1)[0]!, ...targets("", 5)];
  const answers = Promise.all(others.map((target) => ask(upstream, target)));
  await expect.poll(() => waiting.length).toBe(5);
  for (let times = 0; times < 6; times += 1) {
    await expect(textOf(await send(upstream, broken))).rejects.toMatchObject({ code: "UPSTREAM_TRUNCATED" });
  }
  for (const answer of waiting) answer();
  expect(await answers).toEqual(others.map(() => "200 from the sibling"));
  expect(upstream.stats[0]).toMatchObject({ circuit: "closed", failures: { UPSTREAM_TRUNCATED: 6 } });
  expect([probes, own]).toEqual([6, []]);
});

test("one that dies in an answer is out, and the answer goes on from elsewhere", async () => {
  let isThere = true;
  const path = await listenOnSocket((request, response) => {
    if (!isThere) {
      request.socket.destroy();
      return;
    }
    response.writeHead(200, { "content-length": "17", "cache-control": "immutable" });
    response.write("from ", () => {
      isThere = false;
      response.destroy();
    });
  });
  const { upstream, target, own } = siblings(path);
  expect(await ask(upstream, target)).toBe("200 from the upstream");
  expect(upstream.stats[0]).toMatchObject({ circuit: "open" });
  expect(own).toEqual([target]);
});

test("one that is said to be gone is not asked, until it is said to be there", async () => {
  const path = await listenOnSocket((_request, response) => void response.end("from the sibling"));
  const { upstream, target } = siblings(path);
  upstream.setPresent("b", false);
  expect(await ask(upstream, target)).toBe("200 from the upstream");
  upstream.setPresent("b", true);
  expect(await ask(upstream, target)).toBe("200 from the sibling");
  expect(upstream.ownRequests).toBe(1);
});

const asked: RawRequest = {
  ...{ method: "GET", target: "/a", origin: "http://localhost", headers: {}, body: null, connection: undefined },
  signal: new AbortController().signal,
};

/** A process whose sibling listens on a socket, what that one holds, and what its own upstream was asked. */
function siblings(path: string, { patience = 20 }: { patience?: number } = {}) {
  const own: string[] = [];
  const upstream = createPeerUpstream({
    ...{ self: "a", peers: [{ name: "b", url: `unix:${path}` }], secret, siblings: true, patience },
    fallback: {
      name: "upstream",
      async send(request) {
        own.push(request.target);
        const headers = ["content-length", "17", "cache-control", "immutable"];
        return { status: 200, headers, body: Buffer.from("from the upstream"), closeDelimited: false };
      },
      async close() {},
    },
  });
  onTestFinished(() => upstream.close());
  const targets = (suffix: string, count: number): string[] =>
    Array.from({ length: 50 }, (_, at) => `/${at}${suffix}`)
      .filter((each) => upstream.ownerOf(each) === "b")
      .slice(0, count);
  return { upstream, targets, target: targets("", 1)[0]!, own };
}
