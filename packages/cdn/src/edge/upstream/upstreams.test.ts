/** Upstreams from outside, over loopback: those that die, hang, break off or are slow, and those that come back. */

import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { gate, upstream } from "../edge.test-setup.ts";
import { ask, send, textOf } from "./upstream.test-setup.ts";
import { createUpstreams, type Upstreams, type UpstreamsOptions } from "./upstreams.ts";

/** With a clock that the test moves. */
function upstreams(options: UpstreamsOptions) {
  const state = { now: 0 };
  const all: Upstreams = createUpstreams({ clock: () => state.now, ...options });
  onTestFinished(() => all.close());
  return { all, state };
}

/** A port that nobody listens on. */
async function deadUrl(): Promise<string> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

/** An origin of bare node:http that can die and come back on the same port. */
async function mortal(): Promise<{ url: string; die: () => void; live: () => Promise<void>; asked: string[] }> {
  const asked: string[] = [];
  let port = 0;
  let server: ReturnType<typeof createHttpServer> | undefined;
  const die = (): void => {
    server?.closeAllConnections();
    server?.close();
  };
  const live = async (): Promise<void> => {
    server = createHttpServer((request, response) => {
      asked.push(request.url!);
      response.end("alive");
    }).listen(port, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  };
  await live();
  onTestFinished(die);
  return { url: `http://127.0.0.1:${port}`, die, live, asked };
}

test("one that dies is not asked again and again: its circuit opens, and a single trial brings it back", async () => {
  const origin = await mortal();
  const { all, state } = upstreams({ upstreams: [origin.url], retry: { backoff: [] } });
  expect(await ask(all, "/0")).toBe("200 alive");
  origin.die();
  for (let turn = 0; turn < 5; turn += 1) {
    await expect(send(all, "/dead")).rejects.toMatchObject({ code: /UPSTREAM_(UNREACHABLE|FAILED)/ });
  }
  expect(all.stats[0]).toMatchObject({ circuit: "open" });
  const { requests } = all.stats[0]!;
  await expect(send(all, "/refused")).rejects.toMatchObject({ code: "UPSTREAM_DOWN" });
  expect(all.stats[0]!.requests).toBe(requests);

  await origin.live();
  await expect(send(all, "/refused still")).rejects.toMatchObject({ code: "UPSTREAM_DOWN" });
  state.now += 1_000;
  expect(all.stats[0]).toMatchObject({ circuit: "half-open" });
  expect(await ask(all, "/trial")).toBe("200 alive");
  expect(all.stats[0]).toMatchObject({ circuit: "closed" });
  expect(origin.asked).toEqual(["/0", "/trial"]);
});

test("a 404 does not stand where another that might have it is not asked", async () => {
  const empty = await upstream((_request, response) => {
    response.statusCode = 404;
    response.end();
  });
  const { all } = upstreams({ upstreams: [await deadUrl(), empty], circuit: { failures: 1 } });
  await expect(send(all, "/a")).rejects.toMatchObject({ code: "UPSTREAM_UNREACHABLE" });
  await expect(send(all, "/a")).rejects.toMatchObject({ code: "UPSTREAM_DOWN" });
});

test("one that never answers costs its head timeout, and then the others are asked first", async () => {
  const held: ServerResponse[] = [];
  const hanging = await upstream((_request, response) => void held.push(response));
  const good = await upstream((_request, response) => response.end("good"));
  const { all } = upstreams({ upstreams: [{ url: hanging, timeouts: { head: 50 } }, good] });
  expect(await ask(all, "/a.m3u8")).toBe("200 good");
  expect(await ask(all, "/b.m3u8")).toBe("200 good");
  expect(held).toHaveLength(1);
  expect(all.stats[0]).toMatchObject({ failures: { UPSTREAM_TIMEOUT: 1 }, inFlight: 0 });
  expect(all.stats[1]).toMatchObject({ requests: 2, retries: 1 });
});

test("one that hangs in the middle of a body is an error for the reader, and a failure of the upstream", async () => {
  const hanging = await upstream((_request, response) => {
    response.setHeader("content-length", "10");
    response.write("half!");
  });
  const { all } = upstreams({ upstreams: [{ url: hanging, timeouts: { body: 50 } }] });
  const { body } = await send(all, "/a");
  const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe("half!");
  await expect(chunks.next()).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
  expect(all.stats[0]).toMatchObject({ failures: { UPSTREAM_TIMEOUT: 1 }, inFlight: 0 });
});

test("the time for a whole answer ends a body that trickles for ever, and one of a handler that heeds nothing", async () => {
  const trickling = await upstream(async (_request, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write("x"), 5);
    response.once("close", () => clearInterval(timer));
  });
  const handler = (): Response => new Response(new ReadableStream({ start: (c) => c.enqueue(Buffer.from("x")) }));
  for (const option of [{ url: trickling }, { handler }]) {
    const { all } = upstreams({ upstreams: [{ ...option, timeouts: { total: 60 } }] });
    await expect(textOf(await send(all, "/a"))).rejects.toMatchObject({ code: "UPSTREAM_TIMEOUT" });
    expect(all.stats[0]!.inFlight).toBe(0);
  }
});

test("a body that is broken off opens the circuit when it happens again and again", async () => {
  const origin = await upstream((_request, response) => {
    response.setHeader("content-length", "10");
    response.write("half!");
    setImmediate(() => response.destroy());
  });
  const { all } = upstreams({ upstreams: [origin] });
  for (let turn = 0; turn < 5; turn += 1) {
    const response = await send(all, "/a");
    await expect(textOf(response)).rejects.toMatchObject({ code: "UPSTREAM_TRUNCATED" });
  }
  expect(all.stats[0]).toMatchObject({ failures: { UPSTREAM_TRUNCATED: 5 }, circuit: "open" });
});

test("who leaves in the middle of a body does the upstream no harm", async () => {
  const origin = await upstream((_request, response) => {
    response.writeHead(200);
    response.write("begin");
  });
  const { all } = upstreams({ upstreams: [origin] });
  for (let turn = 0; turn < 6; turn += 1) {
    const controller = new AbortController();
    const { body } = await send(all, "/a", { signal: controller.signal });
    const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    await chunks.next();
    if (turn % 2 === 0) await chunks.return?.();
    else {
      controller.abort(new Error("left"));
      await expect(chunks.next()).rejects.toThrow("left");
    }
  }
  expect(all.stats[0]).toMatchObject({ failures: {}, circuit: "closed", inFlight: 0 });
});

test("a kept connection that the upstream closed under a request is no failure: it is sent once more", async () => {
  let connections = 0;
  const server = createTcpServer((socket) => {
    connections += 1;
    let requests = 0;
    socket.on("error", () => {});
    socket.on("data", () => {
      requests += 1;
      // The second request on the first connection finds it closing.
      if (connections === 1 && requests === 2) socket.destroy();
      else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { all } = upstreams({ upstreams: [{ url, connections: 1 }], retry: { backoff: [] } });
  expect(await ask(all, "/1")).toBe("200 ok");
  expect(await ask(all, "/2")).toBe("200 ok");
  expect(connections).toBe(2);
  expect(all.stats[0]).toMatchObject({ failures: {}, retries: 1 });
});

test("a fresh connection that is closed is a failure, and an only upstream is asked again after a pause", async () => {
  let connections = 0;
  const sockets: Socket[] = [];
  const server = createTcpServer((socket) => {
    sockets.push(socket);
    connections += 1;
    socket.on("error", () => {});
    if (connections < 3) socket.once("data", () => socket.destroy());
    else socket.on("data", () => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { all } = upstreams({ upstreams: [url], retry: { backoff: [1, 1] } });
  expect(await ask(all, "/1")).toBe("200 ok");
  expect(all.stats[0]).toMatchObject({ requests: 3, retries: 2, failures: { UPSTREAM_FAILED: 2 } });
});

test("an outage is not doubled: when the budget is spent, the first failure stands", async () => {
  const failing = await upstream((_request, response) => {
    response.statusCode = 500;
    response.end("broken");
  });
  let second = 0;
  const good = await upstream((_request, response) => {
    second += 1;
    response.end("good");
  });
  const { all } = upstreams({ upstreams: [failing, good], retry: { share: 0.2, floor: 0 } });
  const answers: string[] = [];
  // Below twenty, so that the first keeps its place.
  for (let turn = 0; turn < 15; turn += 1) answers.push(await ask(all, `/${turn}`));
  expect(answers.filter((answer) => answer === "200 good")).toHaveLength(3);
  expect(answers.filter((answer) => answer === "500 broken")).toHaveLength(12);
  expect(second).toBe(3);
});

test("one whose answers are errors for the most part is asked last", async () => {
  const failing = await upstream((_request, response) => {
    response.statusCode = 500;
    response.end("broken");
  });
  const good = await upstream((_request, response) => response.end("good"));
  const { all, state } = upstreams({ upstreams: [failing, good], retry: { floor: 100 } });
  for (let turn = 0; turn < 30; turn += 1) expect(await ask(all, `/${turn}`)).toBe("200 good");
  expect(all.stats[0]).toMatchObject({ requests: 20, failures: { 500: 20 }, circuit: "closed" });
  state.now += 20_000;
  expect(await ask(all, "/later")).toBe("200 good");
  expect(all.stats[0]!.requests).toBe(21);
});

test("a 404 asks the next one free of charge: streams may live anywhere", async () => {
  const empty = await upstream((_request, response) => {
    response.statusCode = 404;
    response.end();
  });
  const good = await upstream((_request, response) => response.end("good"));
  const { all } = upstreams({ upstreams: [empty, good], retry: { share: 0, floor: 0 } });
  for (let turn = 0; turn < 30; turn += 1) expect(await ask(all, `/${turn}`)).toBe("200 good");
  expect(all.stats[1]).toMatchObject({ requests: 30, retries: 0 });
});

test("a segment that is late is asked for elsewhere, the first good head wins, and the other one is given up", async () => {
  const [gone, go] = gate();
  const slow = await upstream((_request, response) => void response.once("close", () => go()));
  const quick = await upstream((_request, response) => response.end("quick"));
  const { all } = upstreams({ upstreams: [slow, quick], hedge: { after: 20 } });
  const response = await send(all, "/s1.m4s");
  expect(response.upstream).toBe(quick);
  expect(await textOf(response)).toBe("quick");
  await gone;
  expect(all.stats[0]).toMatchObject({ requests: 1, failures: {}, inFlight: 0, circuit: "closed" });
  expect(all.stats[1]).toMatchObject({ requests: 1, hedges: 1, hedgesWon: 1, hedgesLost: 0 });
});

test("a hedge whose answer is a 404 does not stand in the way of the answer that is late", async () => {
  const [released, release] = gate();
  const slow = await upstream(async (_request, response) => {
    await released;
    response.end("late");
  });
  const empty = await upstream((_request, response) => {
    response.statusCode = 404;
    response.end();
    release();
  });
  const { all } = upstreams({ upstreams: [slow, empty], hedge: { after: 20 } });
  expect(await ask(all, "/s1.m4s")).toBe("200 late");
  expect(all.stats[1]).toMatchObject({ hedges: 1, hedgesWon: 0, hedgesLost: 1 });
});

test.each(["/a.m3u8?_HLS_msn=4", "/s1-p4.m4s", "/a.m3u8"])("%s is not hedged, however late", async (target) => {
  const slow = await upstream((_request, response) => void setTimeout(() => response.end("slow"), 80));
  const quick = await upstream((_request, response) => response.end("quick"));
  const { all } = upstreams({ upstreams: [slow, quick], hedge: { after: 1 } });
  expect(await ask(all, target)).toBe("200 slow");
  expect(all.stats[1]!.requests).toBe(0);
});

test("hedges cost the retry budget, and where it is spent there are none", async () => {
  const slow = await upstream((_request, response) => void setTimeout(() => response.end("slow"), 60));
  const quick = await upstream((_request, response) => response.end("quick"));
  const { all } = upstreams({ upstreams: [slow, quick], hedge: { after: 5 }, retry: { share: 0, floor: 1 } });
  expect(await ask(all, "/s1.m4s")).toBe("200 quick");
  expect(await ask(all, "/s2.m4s")).toBe("200 slow");
});

test("an only upstream may be asked twice over two connections, where that is wanted", async () => {
  let asked = 0;
  const origin = await upstream((_request, response) => {
    asked += 1;
    if (asked > 1) response.end(`turn ${asked}`);
  });
  const { all } = upstreams({ upstreams: [origin], hedge: { after: 20, sameUpstream: true } });
  expect(await ask(all, "/s1.m4s")).toBe("200 turn 2");
  expect(all.stats[0]).toMatchObject({ requests: 2, hedges: 1, hedgesWon: 1, inFlight: 0 });
});

test("an upstream on trial that hangs keeps nobody waiting: the next one is asked as well", async () => {
  const origin = await mortal();
  const good = await upstream((_request, response) => response.end("good"));
  const { all, state } = upstreams({
    upstreams: [origin.url, good],
    retry: { floor: 100 },
    circuit: { failures: 1, openFor: 10 },
  });
  origin.die();
  expect(await ask(all, "/1")).toBe("200 good");
  expect(all.stats[0]!.circuit).toBe("open");
  const hanging = createHttpServer(() => {}).listen(Number(new URL(origin.url).port), "127.0.0.1");
  await once(hanging, "listening");
  onTestFinished(() => {
    hanging.closeAllConnections();
    hanging.close();
  });
  state.now += 10_000;
  expect(all.stats[0]!.circuit).toBe("half-open");
  expect(await ask(all, "/2.m3u8")).toBe("200 good");
  expect(all.stats[0]!.requests).toBe(2);
});

test("one that is slow at the head beside the others is asked last for a while", async () => {
  const state = { now: 0 };
  const answer = (name: string, takes: number) => () => {
    state.now += takes;
    return new Response(name);
  };
  const all = createUpstreams({
    upstreams: [{ handler: answer("slow", 400) }, { handler: answer("quick", 10) }],
    balance: "weighted",
    hedge: {},
    clock: () => state.now,
  });
  onTestFinished(() => all.close());
  for (let turn = 0; turn < 64; turn += 1) await ask(all, `/s${turn}.m4s`);
  const before = all.stats.map(({ requests }) => requests);
  for (let turn = 0; turn < 10; turn += 1) expect(await ask(all, `/t${turn}.m4s`)).toBe("200 quick");
  expect(all.stats[0]!.requests).toBe(before[0]);
  state.now += 30_000;
  const later = [await ask(all, "/u0.m4s"), await ask(all, "/u1.m4s")];
  expect(later.sort()).toEqual(["200 quick", "200 slow"]);
});

test("backups are asked only where nobody of the first is well", async () => {
  const origin = await mortal();
  const good = await upstream((_request, response) => response.end("backup"));
  const { all } = upstreams({ upstreams: [{ url: good, backup: true }, origin.url], balance: "weighted" });
  for (let turn = 0; turn < 4; turn += 1) expect(await ask(all, `/${turn}`)).toBe("200 alive");
  origin.die();
  expect(await ask(all, "/5")).toBe("200 backup");
  expect(all.stats[0]).toMatchObject({ requests: 1 });
});

test("an upstream that its health check finds ill is asked last, and first again when it is well", async () => {
  let status = 500;
  const first = await upstream((request, response) => {
    if (request.url === "/healthz") {
      response.statusCode = status;
      response.end();
    } else response.end("first");
  });
  const second = await upstream((_request, response) => response.end("second"));
  const health = { path: "/healthz", intervalMs: 5, timeoutMs: 1_000, healthyAfter: 2, unhealthyAfter: 2 };
  const { all } = upstreams({ upstreams: [{ url: first, health }, second] });
  await expect.poll(() => all.stats[0]!.healthy).toBe(false);
  expect(await ask(all, "/a")).toBe("200 second");
  status = 200;
  await expect.poll(() => all.stats[0]!.healthy).toBe(true);
  expect(await ask(all, "/a")).toBe("200 first");
});

test("where all are ill they are asked all the same: the check may be wrong", async () => {
  const handler = ({ url }: Request): Response => new Response("here", { status: url.endsWith("/check") ? 500 : 200 });
  const { all } = upstreams({ upstreams: [{ handler, health: { path: "/check", unhealthyAfter: 1 } }] });
  await expect.poll(() => all.stats[0]!.healthy).toBe(false);
  expect(await ask(all, "/a")).toBe("200 here");
});

test("fields of an upstream's own go along, instead of the client's", async () => {
  const seen: unknown[] = [];
  const origin = await upstream(({ headers }, response) => {
    seen.push([headers.host, headers["x-key"]]);
    response.end();
  });
  const { all } = upstreams({ upstreams: [{ url: origin, headers: { Host: "vod.example", "X-Key": "own" } }] });
  await ask(all, "/a", { headers: ["x-key", "client's", "x-other", "1"] });
  expect(seen).toEqual([["vod.example", "own"]]);
});

test("interim answers are told before the head", async () => {
  const origin = await upstream((_request, response) => {
    response.writeEarlyHints({ link: "</s2.m4s>; rel=preload" });
    response.end("ok");
  });
  const { all } = upstreams({ upstreams: [origin] });
  const hints: unknown[] = [];
  const onInformational = (status: number, headers: readonly string[]): void => void hints.push([status, ...headers]);
  expect(await ask(all, "/a", { onInformational })).toBe("200 ok");
  expect(hints).toEqual([[103, "link", "</s2.m4s>; rel=preload"]]);
});

test.each<[string, UpstreamsOptions["upstreams"]]>([
  ["none", []],
  ["neither URL nor handler", [{ weight: 1 }]],
  ["both", [{ url: "http://a", handler: () => new Response() }]],
  ["no weight", [{ url: "http://a", weight: 0 }]],
  ["no connections", [{ url: "http://a", connections: 0 }]],
  [
    "a bucket without an endpoint",
    [{ handler: () => new Response(), s3: { region: "r", accessKeyId: "", secretAccessKey: "" } }],
  ],
  ["a check without a path", [{ url: "http://a", health: { path: "healthz" } }]],
])("options that make no sense are refused: %s", (_what, given) => {
  expect(() => createUpstreams({ upstreams: given })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});

test("nobody at all is UPSTREAM_UNREACHABLE", async () => {
  const { all } = upstreams({ upstreams: [await deadUrl()], retry: { backoff: [] } });
  await expect(send(all, "/a")).rejects.toMatchObject({ code: "UPSTREAM_UNREACHABLE" });
});

test("a hinted part that the origin holds keeps nothing else waiting, on one connection and through all that is between", async () => {
  const [asked, ask_] = gate<ServerResponse>();
  const url = await upstream((request, response) => {
    if (request.url === "/part") ask_(response);
    else response.end("other");
  });
  const { all } = upstreams({ upstreams: [{ url, connections: 1 }] });
  const part = send(all, "/part", { held: true });
  const response = await asked;
  expect(await textOf(await send(all, "/other"))).toBe("other");
  response.end("part");
  expect(await textOf(await part)).toBe("part");
});
