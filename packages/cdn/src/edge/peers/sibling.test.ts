/** Processes of one edge: what they say to each other, and how long one is waited for. */

import { expect, onTestFinished, test } from "vitest";
import type { RawRequest } from "../../handler/raw.ts";
import { ask, listenOnSocket } from "../upstream/upstream.test-setup.ts";
import { createPeerMarks, PEER_FIELD } from "./peer-mark.ts";
import { createPeerUpstream, type PeerUpstream } from "./peer-upstream.ts";
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

/** A process whose sibling listens on a socket, something that this one holds, and what its own upstream was asked. */
function siblings(path: string): { upstream: PeerUpstream; target: string; own: string[] } {
  const own: string[] = [];
  const upstream = createPeerUpstream({
    ...{ self: "a", peers: [{ name: "b", url: `unix:${path}` }], secret, siblings: true, patience: 20 },
    fallback: {
      name: "upstream",
      async send(request) {
        own.push(request.target);
        return { status: 200, headers: [], body: Buffer.from("from the upstream"), closeDelimited: false };
      },
      async close() {},
    },
  });
  onTestFinished(() => upstream.close());
  const target = Array.from({ length: 50 }, (_, at) => `/${at}`).find((each) => upstream.ownerOf(each) === "b")!;
  return { upstream, target, own };
}
