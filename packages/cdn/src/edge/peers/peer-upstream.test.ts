/** Peers over loopback: each object is asked for once, by the peer that holds it; and peers die, hang and come back. */

import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { gate } from "../edge.test-setup.ts";
import { ask, listenOnSocket, send, textOf } from "../upstream/upstream.test-setup.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse } from "../upstream/upstream.ts";
import { createPeerMarks, PEER_FIELD } from "./peer-mark.ts";
import { PeerRing } from "./peer-ring.ts";
import { createPeerUpstream, type Peer, type PeerUpstream, type PeerUpstreamOptions } from "./peer-upstream.ts";

const secret = "what all peers share";

/** The own upstreams of a node. */
interface Origin extends Upstream {
  readonly asked: UpstreamRequest[];
  answer: (request: UpstreamRequest) => UpstreamResponse | Promise<UpstreamResponse>;
}

function origin(name: string): Origin {
  const asked: UpstreamRequest[] = [];
  const body = Buffer.from(`from ${name}`);
  const made: Origin = {
    name,
    asked,
    answer: () => ({ status: 200, headers: ["content-length", String(body.length)], body, closeDelimited: false }),
    async send(request) {
      asked.push(request);
      return made.answer(request);
    },
    async close() {},
  };
  return made;
}

/** A server that hands each request to an upstream, as an edge with an empty cache does. */
class Node {
  readonly #server = createServer((request, response) => void this.answer(request, response));
  port = 0;
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void> | void = () => {};

  async listen(): Promise<void> {
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async die(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }
}

async function handTo(upstream: Upstream, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const controller = new AbortController();
  response.once("close", () => controller.abort(new Error("left")));
  const headers = Object.entries(request.headers).flatMap(([name, value]) => [name, String(value)]);
  const { method = "GET", url: target = "/" } = request;
  try {
    const answer = await upstream.send({ method, target, headers, body: null, signal: controller.signal });
    response.writeHead(answer.status, [...answer.headers]);
    response.end(await textOf(answer));
  } catch {
    response.writeHead(502).end();
  }
}

interface Scene {
  readonly state: { now: number };
  readonly names: readonly string[];
  readonly nodes: Record<string, Node>;
  readonly origins: Record<string, Origin>;
  readonly peers: Record<string, PeerUpstream>;
}

async function scene(options: Partial<PeerUpstreamOptions> = {}, names = ["a", "b", "c"]): Promise<Scene> {
  const state = { now: 0 };
  const [nodes, origins, peers] = [{}, {}, {}] as [Scene["nodes"], Scene["origins"], Scene["peers"]];
  for (const name of names) {
    nodes[name] = new Node();
    await nodes[name].listen();
  }
  const list: Peer[] = names.map((name) => ({ name, url: `http://127.0.0.1:${nodes[name]!.port}` }));
  for (const self of names) {
    const fallback = origin(self);
    origins[self] = fallback;
    const upstream = createPeerUpstream({ self, peers: list, secret, fallback, clock: () => state.now, ...options });
    peers[self] = upstream;
    nodes[self]!.answer = (request, response) => handTo(upstream, request, response);
    onTestFinished(() => upstream.close());
    onTestFinished(() => nodes[self]!.die().catch(() => {}));
  }
  return { state, names, nodes, origins, peers };
}

/** A target that these hold, the first where all are well, the second where that is out. */
function heldBy({ peers, names }: Scene, owner: string, next?: string): string {
  for (let turn = 0; ; turn += 1) {
    const target = `/vod/${turn}.m4s`;
    if (peers[names[0]!]!.ownerOf(target) !== owner) continue;
    if (next === undefined || rankOf(names, target)[1] === next) return target;
  }
}

function rankOf(names: readonly string[], target: string): string[] {
  const ring = new PeerRing(names);
  return ring.order(target).map((at) => names[at]!);
}

test("whoever is asked, an object comes from the upstreams of the peer that holds it, and the answer says from whom", async () => {
  const { names, peers, origins } = await scene();
  for (let turn = 0; turn < 30; turn += 1) {
    const target = `/live/${turn}.m4s`;
    const owner = peers.a!.ownerOf(target);
    for (const name of names) {
      expect(peers[name]!.ownerOf(target)).toBe(owner);
      const response = await send(peers[name]!, target);
      expect(await textOf(response)).toBe(`from ${owner}`);
      expect(response.peer).toBe(name === owner ? undefined : owner);
    }
  }
  const asked = names.map((name) => origins[name]!.asked.length);
  expect(asked.reduce((sum, count) => sum + count)).toBe(90);
  for (const count of asked) expect(count).toBeGreaterThan(9);
});

test("a request of a peer's is not sent on, whoever holds the object, and its mark ends here", async () => {
  const all = await scene();
  const target = heldBy(all, "b");
  const mark = createPeerMarks(secret).make("c", target);
  expect(await ask(all.peers.a!, target, { headers: ["accept", "*/*", PEER_FIELD, mark] })).toBe("200 from a");
  expect(all.origins.a!.asked[0]!.headers).toEqual(["accept", "*/*"]);
});

test("a mark that no peer made changes nothing, and goes no further either", async () => {
  const all = await scene();
  const target = heldBy(all, "b");
  for (const mark of ["c;00000000000000000000000000000000", "1", createPeerMarks(secret).make("c", "/other")]) {
    expect(await ask(all.peers.a!, target, { headers: [PEER_FIELD, mark, "accept", "*/*"] })).toBe("200 from b");
  }
  expect(all.origins.b!.asked.flatMap(({ headers }) => headers)).not.toContain(PEER_FIELD);
});

test("what is for one client alone, or may have an effect, goes to the own upstreams", async () => {
  const all = await scene();
  const target = heldBy(all, "b");
  expect(await ask(all.peers.a!, target, { alone: true })).toBe("200 from a");
  expect(await ask(all.peers.a!, target, { method: "POST" })).toBe("200 from a");
});

test("a peer that is dead is out at once: its keys go to the next, and come back after a trial", async () => {
  const all = await scene();
  const { peers, nodes, state } = all;
  const [toA, toC] = [heldBy(all, "b", "a"), heldBy(all, "b", "c")];
  expect(await ask(peers.a!, toC)).toBe("200 from b");
  await nodes.b!.die();
  expect(await ask(peers.a!, toC)).toBe("200 from c");
  expect(await ask(peers.a!, toA)).toBe("200 from a");
  expect(peers.a!.stats[0]).toMatchObject({ name: "b", circuit: "open" });
  const { requests } = peers.a!.stats[0]!;
  for (let turn = 0; turn < 5; turn += 1) expect(await ask(peers.a!, toC)).toBe("200 from c");
  expect(peers.a!.stats[0]!.requests).toBe(requests);
  await nodes.b!.listen();
  state.now += 1_000;
  expect(await ask(peers.a!, toC)).toBe("200 from b");
  expect(peers.a!.stats[0]).toMatchObject({ circuit: "closed" });
});

test("a peer that dies in the middle of a body is an error for its readers, and out", async () => {
  const all = await scene();
  const target = heldBy(all, "b", "c");
  const [begun, begin] = gate<ServerResponse>();
  all.nodes.b!.answer = (_request, response) => {
    response.writeHead(200, { "content-length": "1000000" });
    response.write("half");
    begin(response);
  };
  const response = await send(all.peers.a!, target);
  (await begun).destroy();
  await expect(textOf(response)).rejects.toMatchObject({ code: "UPSTREAM_TRUNCATED" });
  expect(await ask(all.peers.a!, target)).toBe("200 from c");
});

test("a peer that hangs keeps nobody waiting: the own upstreams are asked as well, and then it is out", async () => {
  const all = await scene({ patience: 30 });
  const { peers, nodes } = all;
  const target = heldBy(all, "b", "c");
  const [left, leave] = gate();
  nodes.b!.answer = (_request, response) => void response.once("close", () => leave());
  for (let turn = 0; turn < 5; turn += 1) expect(await ask(peers.a!, target)).toBe("200 from a");
  await left;
  expect(peers.a!.stats[0]).toMatchObject({ circuit: "open", inFlight: 0 });
  expect(await ask(peers.a!, target)).toBe("200 from c");
});

test("what waits for a peer moves on when that dies", async () => {
  const all = await scene({ patience: 20 });
  const { peers, nodes } = all;
  const playlist = (turn: number): string => `/live/${turn}.m3u8?_HLS_msn=9`;
  const turn = Array.from({ length: 100 }, (_, at) => at).find((at) => rankOf(all.names, playlist(at))[0] === "b")!;
  let asked = 0;
  nodes.b!.answer = () => {
    asked += 1;
  };
  const reload = ask(peers.a!, playlist(turn));
  await expect.poll(() => asked).toBe(1);
  // It hangs for everything else as well, and that is how it comes out.
  const target = heldBy(all, "b");
  for (let at = 0; at < 5; at += 1) await ask(peers.a!, target);
  expect(await reload).toBe(`200 from ${rankOf(all.names, playlist(turn))[1]}`);
});

test("a peer whose upstreams fail is believed, but for few second opinions", async () => {
  const all = await scene();
  const target = heldBy(all, "b");
  all.origins.b!.answer = () => ({ status: 502, headers: [], body: null, closeDelimited: false });
  const answers: string[] = [];
  for (let turn = 0; turn < 20; turn += 1) answers.push(await ask(all.peers.a!, target));
  expect(answers.filter((answer) => answer === "200 from a").length).toBeLessThanOrEqual(3);
  expect(answers.filter((answer) => answer === "502 ").length).toBeGreaterThanOrEqual(17);
  expect(all.peers.a!.stats[0]).toMatchObject({ circuit: "closed" });
});

test("where no other is there, the own upstreams answer for all", async () => {
  const all = await scene();
  await Promise.all([all.nodes.b!.die(), all.nodes.c!.die()]);
  for (let turn = 0; turn < 20; turn += 1) expect(await ask(all.peers.a!, `/${turn}`)).toBe("200 from a");
});

test("a client that leaves takes its request to the peer along, and does the peer no harm", async () => {
  const all = await scene();
  const target = heldBy(all, "b");
  const [asked, hear] = gate();
  const [left, leave] = gate();
  all.nodes.b!.answer = (_request, response) => {
    response.once("close", () => leave());
    hear();
  };
  const controller = new AbortController();
  const sent = send(all.peers.a!, target, { signal: controller.signal });
  await asked;
  controller.abort(new Error("left"));
  await expect(sent).rejects.toThrow("left");
  await left;
  expect(all.peers.a!.stats[0]).toMatchObject({ circuit: "closed", inFlight: 0, failures: {} });
});

test("peers on one machine speak over unix domain sockets", async () => {
  const fallback = origin("a");
  const path = await listenOnSocket((request, response) => {
    response.end(`b got ${createPeerMarks(secret).read(String(request.headers[PEER_FIELD]), request.url!)}`);
  });
  const peers = createPeerUpstream({ self: "a", peers: [{ name: "b", url: `unix:${path}` }], secret, fallback });
  onTestFinished(() => peers.close());
  const target = Array.from({ length: 50 }, (_, turn) => `/${turn}`).find((each) => peers.ownerOf(each) === "b")!;
  expect(await ask(peers, target)).toBe("200 b got a");
});

test.each<[string, Partial<PeerUpstreamOptions>]>([
  ["a load factor of 1", { loadFactor: 1 }],
  ["a short secret", { secret: "short" }],
  ["no patience", { patience: 0 }],
  ["a name with a space", { self: "a b" }],
  ["a peer without a URL", { peers: [{ name: "b", url: "b" }] }],
])("options that make no sense are refused: %s", (_what, options) => {
  const given = { self: "a", peers: [], secret, fallback: origin("a"), ...options };
  expect(() => createPeerUpstream(given)).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});
