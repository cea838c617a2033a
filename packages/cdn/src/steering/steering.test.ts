/** Which edge players are sent to. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { HealthState } from "./health.ts";
import { orderPathways } from "./pathway-order.ts";
import { createSteering, type SteeringOptions } from "./steering.ts";
import type { SteeringDocument } from "./steering-document.ts";

const URL_ = "https://steer.example/live.json";

function steering(options: Partial<SteeringOptions> = {}) {
  let sessions = 0;
  const server = createSteering({
    pathways: [{ id: "a" }, { id: "b" }],
    newSession: () => {
      sessions += 1;
      return `s${sessions}`;
    },
    ...options,
  });
  onTestFinished(() => server.close());
  const get = async (query = ""): Promise<SteeringDocument> => {
    const response = await server.handle(new Request(new URL(query, URL_)));
    expect(response.status).toBe(200);
    return (await response.json()) as SteeringDocument;
  };
  return { server, get };
}

test("the document says who comes first, when to ask again, and with what", async () => {
  const { server, get } = steering();
  const response = await server.handle(new Request(`${URL_}?channel=1&_HLS_pathway=a&_HLS_throughput=5140000`));
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "content-type": "application/json",
    "cache-control": "no-store",
    "access-control-allow-origin": "*",
  });
  const document = (await response.json()) as SteeringDocument;
  expect(document).toEqual({
    VERSION: 1,
    TTL: 300,
    "RELOAD-URI": "?channel=1&session=s1",
    "PATHWAY-PRIORITY": expect.arrayContaining(["a", "b"]),
  });
  expect(await get(document["RELOAD-URI"])).toEqual(document);
});

test("a session keeps its order, whichever server it asks", async () => {
  const servers = [steering(), steering(), steering()];
  for (const session of ["x", "y", "z", "w"]) {
    const orders = await Promise.all(servers.map(({ get }) => get(`?session=${session}`)));
    expect(new Set(orders.map((order) => order["PATHWAY-PRIORITY"].join())).size).toBe(1);
  }
});

test("over all sessions, pathways get their weights", () => {
  const pathways = [
    { id: "a", weight: 3, healthy: true, load: 0 },
    { id: "b", weight: 1, healthy: true, load: 0 },
  ];
  let first = 0;
  for (let n = 0; n < 4000; n += 1) {
    if (orderPathways(pathways, { session: `s${n}`, slow: new Set() })[0] === "a") first += 1;
  }
  expect(first / 4000).toBeGreaterThan(0.72);
  expect(first / 4000).toBeLessThan(0.78);
});

test("a player on a pathway that fails is told another one at once, and the others stay where they are", async () => {
  const down = new Set<string>();
  const pathways = ["a", "b", "c"].map((id) => ({ id, healthy: () => !down.has(id) }));
  const { get } = steering({ pathways });
  const first = async (session: string) => (await get(`?session=${session}`))["PATHWAY-PRIORITY"][0]!;
  const sessions = Array.from({ length: 60 }, (_, n) => `s${n}`);
  const before = await Promise.all(sessions.map(first));
  down.add("a");
  const after = await Promise.all(sessions.map(first));
  sessions.forEach((_session, n) => {
    if (before[n] === "a") expect(after[n]).not.toBe("a");
    else expect(after[n]).toBe(before[n]);
  });
  expect(before).toContain("a");
  const document = await get("?session=s1&_HLS_pathway=a");
  expect([document.TTL, document["PATHWAY-PRIORITY"].at(-1)]).toEqual([10, "a"]);
  down.delete("a");
  expect(await Promise.all(sessions.map(first))).toEqual(before);
});

test("when all are down, all are listed all the same", async () => {
  const { get } = steering({ pathways: ["a", "b"].map((id) => ({ id, healthy: () => false })) });
  expect([...(await get())["PATHWAY-PRIORITY"]].sort()).toEqual(["a", "b"]);
});

test("a full pathway keeps few of its sessions, and takes none from the others", () => {
  const order = (load: number, session: string) =>
    orderPathways(
      [
        { id: "a", weight: 1, healthy: true, load },
        { id: "b", weight: 1, healthy: true, load: 0 },
      ],
      { session, slow: new Set() },
    )[0];
  let kept = 0;
  for (let n = 0; n < 1000; n += 1) {
    const session = `s${n}`;
    expect(order(0.6, session)).toBe(order(0, session));
    if (order(0, session) === "b") expect(order(1, session)).toBe("b");
    if (order(1, session) === "a") kept += 1;
  }
  expect(kept).toBeLessThan(100);
});

test("a pathway that was too slow for a session stays last for it", async () => {
  const { get } = steering({ minThroughput: 1_000_000 });
  const [first] = (await get("?session=x"))["PATHWAY-PRIORITY"];
  const slow = await get(`?session=x&_HLS_pathway=${first}&_HLS_throughput=400000`);
  expect(slow["PATHWAY-PRIORITY"][0]).not.toBe(first);
  expect(slow["RELOAD-URI"]).toBe(`?session=x&slow=${first}`);
  const later = await get(`${slow["RELOAD-URI"]}&_HLS_pathway=b&_HLS_throughput=9000000`);
  expect(later["PATHWAY-PRIORITY"]).toEqual(slow["PATHWAY-PRIORITY"]);
});

test("where every pathway is slow, it is not theirs to change", async () => {
  const { get } = steering({ minThroughput: 1_000_000 });
  const fine = await get("?session=x");
  const slow = await get("?session=x&slow=a&_HLS_pathway=b&_HLS_throughput=1");
  expect(slow).toEqual(fine);
});

test("DASH players ask for several at a time, in quotes", async () => {
  const { get } = steering({ minThroughput: 1_000_000 });
  const query = `?session=x&_DASH_pathway=${encodeURIComponent('"a,b"')}&_DASH_throughput=400000,`;
  expect((await get(query))["RELOAD-URI"]).toBe("?session=x&slow=a");
});

test("a pathway that no playlist lists is made from one that does", async () => {
  const { get } = steering({
    pathways: [{ id: "a" }, { id: "b", clone: { baseId: "a", host: "edge-2.example", params: { via: "b" } } }],
  });
  expect((await get())["PATHWAY-CLONES"]).toEqual([
    { "BASE-ID": "a", ID: "b", "URI-REPLACEMENT": { HOST: "edge-2.example", PARAMS: { via: "b" } } },
  ]);
});

test("what a client writes into its query comes back escaped and bounded, or not at all", async () => {
  const { get } = steering();
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 40, unit: "grapheme" }), async (text) => {
      const given = encodeURIComponent(text);
      const document = await get(`?session=${given}&slow=${given}&x=${given}&_HLS_throughput=${given}`);
      const reload = new URL(document["RELOAD-URI"], URL_).searchParams;
      expect(reload.get("session")).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      expect(reload.get("x")).toBe(text);
      expect(document["PATHWAY-PRIORITY"]).toHaveLength(2);
    }),
  );
  expect((await get(`?x=${"x".repeat(3000)}`))["RELOAD-URI"].length).toBeLessThan(100);
});

test("only reading is allowed; pages of other origins may", async () => {
  const { server } = steering();
  expect((await server.handle(new Request(URL_, { method: "POST" }))).status).toBe(405);
  const preflight = await server.handle(new Request(URL_, { method: "OPTIONS" }));
  expect(preflight.headers.get("access-control-allow-headers")).toContain("CMCD-Session");
  const head = await server.handle(new Request(URL_, { method: "HEAD" }));
  expect([head.status, await head.text()]).toEqual([200, ""]);
});

test.each<[string, SteeringOptions["pathways"]]>([
  ["none", []],
  ["two of one name", [{ id: "a" }, { id: "a" }]],
  ["a name with a comma", [{ id: "a,b" }]],
  ["no weight", [{ id: "a", weight: 0 }]],
  ["only clones", [{ id: "a", clone: { baseId: "b", host: "h" } }]],
  ["a clone of nothing", [{ id: "a" }, { id: "b", clone: { baseId: "c", host: "h" } }]],
  [
    "a clone of a later clone",
    [{ id: "a" }, { id: "b", clone: { baseId: "c", host: "h" } }, { id: "c", clone: { baseId: "a", host: "h" } }],
  ],
  ["a host that is a URL", [{ id: "a" }, { id: "b", clone: { baseId: "a", host: "https://h/" } }]],
  [
    "a host with a port, which players would pass over",
    [{ id: "a" }, { id: "b", clone: { baseId: "a", host: "h:8443" } }],
  ],
  ["a health URL that is none", [{ id: "a", healthUrl: "file:///etc/passwd" }]],
])("%s is no set of pathways", (_what, pathways) => {
  expect(() => createSteering({ pathways })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});

test("one failure is none, and one answer after it no recovery", () => {
  const state = new HealthState();
  const after = (...answers: boolean[]): boolean => {
    for (const ok of answers) state.record(ok);
    return state.healthy;
  };
  expect(after(false, true, false, true)).toBe(true);
  expect(after(false, false)).toBe(false);
  expect(after(true, true, false, true, true)).toBe(false);
  expect(after(true)).toBe(true);
});

test("an edge is polled: it goes down when it fails or hangs, comes back, and may say its load", async () => {
  let mode: "fine" | "failing" | "hanging" = "fine";
  const edge = createServer((_request, response) => {
    if (mode === "hanging") return;
    response.statusCode = mode === "failing" ? 503 : 200;
    response.end(JSON.stringify({ load: 0.9 }));
  }).listen(0, "127.0.0.1");
  await once(edge, "listening");
  onTestFinished(() => {
    edge.closeAllConnections();
    edge.close();
  });
  const healthUrl = `http://127.0.0.1:${(edge.address() as AddressInfo).port}/readyz`;
  const { server, get } = steering({
    pathways: [{ id: "a", healthUrl }, { id: "b" }],
    healthInterval: 5,
    healthTimeout: 50,
  });
  const healthy = (): boolean => server.pathways[0]!.healthy;
  await expect.poll(() => server.pathways[0]!.load).toBe(0.9);
  for (const next of ["failing", "fine", "hanging", "fine"] as const) {
    mode = next;
    await expect.poll(healthy).toBe(next === "fine");
    expect((await get())["PATHWAY-PRIORITY"].at(-1) === "a" || healthy()).toBe(true);
  }
});

test("an edge that is not there is down, and closing ends the polls", async () => {
  const { server } = steering({
    pathways: [{ id: "a", healthUrl: "http://127.0.0.1:1/" }, { id: "b" }],
    healthInterval: 5,
  });
  await expect.poll(() => server.pathways[0]!.healthy).toBe(false);
  await server.close();
  await server.close();
  const sockets = (): string[] =>
    process.getActiveResourcesInfo().filter((kind) => /^TCP(?:Socket|Connect)Wrap$/.test(kind));
  await expect.poll(sockets).toEqual([]);
});
