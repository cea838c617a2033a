/** Purging everywhere, whatever the network and the edges do. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { PurgeMember } from "./member.ts";
import { parseExchangeAnswer, parseExchangeRequest } from "./messages.ts";
import { simulate } from "./simulation.test-setup.ts";

const LEASE = 1000;
/** Leases run out by the clock of whoever has them; whoever gave them waits this much longer. */
const LEASE_AND_DRIFT = LEASE * 1.02;

/** Edges `a`, `b`, `c`, …, that have been up for long, at time 0. */
function members(count: number, tolerate: number): PurgeMember[] {
  const names = [..."abcdefghij"].slice(0, count);
  const all = names.map(
    (self) =>
      new PurgeMember({
        self,
        peers: names.filter((name) => name !== self),
        tolerate,
        leaseMs: LEASE,
        now: -10 * LEASE,
        systemTime: 1,
        memory: { heads: [], purges: [], leaseMs: LEASE, recovering: false },
      }),
  );
  return all;
}

/** One question and its answer, both at once. */
function exchange(from: PurgeMember, to: PurgeMember, now: number): void {
  const { answer } = to.receive(from.ask(nameOf(to)), now);
  from.hear(answer, now, now, 1);
}

function nameOf(member: PurgeMember): string {
  return member.memory.heads.at(0)?.source ?? "";
}

function exchangeAll(all: readonly PurgeMember[], now: number): void {
  for (const from of all) for (const to of all) if (from !== to) exchange(from, to, now);
}

test("an edge serves from its cache for as long as enough others let it", () => {
  const [a, b, c] = members(3, 1) as [PurgeMember, PurgeMember, PurgeMember];
  expect(a.trustedUntil).toBe(Number.NEGATIVE_INFINITY);
  exchange(a, b, 0);
  expect(a.trustedUntil).toBe(LEASE);
  exchange(a, c, 300);
  expect(a.trustedUntil).toBe(LEASE + 300);
});

test("where none may be down, the first lease that runs out ends it", () => {
  const [a, b, c] = members(3, 0) as [PurgeMember, PurgeMember, PurgeMember];
  exchange(a, b, 0);
  expect(a.trustedUntil).toBe(Number.NEGATIVE_INFINITY);
  exchange(a, c, 300);
  expect(a.trustedUntil).toBe(LEASE);
});

test("a lease counts from when it was asked for, not from when it came", () => {
  const [a, b] = members(2, 0) as [PurgeMember, PurgeMember];
  const { answer } = b.receive(a.ask("b"), 400);
  a.hear(answer, 0, 800, 1);
  expect(a.trustedUntil).toBe(LEASE);
});

test("a purge is settled when all have it", () => {
  const all = members(3, 1);
  const [a, b, c] = all as [PurgeMember, PurgeMember, PurgeMember];
  exchangeAll(all, 0);
  const purge = a.issue({ urls: ["/a"] });
  a.persisted(purge);
  expect(a.standing(purge, 1)).toMatchObject({ settled: false, edges: { b: "waiting", c: "waiting" } });
  exchange(a, b, 1);
  expect(a.standing(purge, 1)).toMatchObject({ settled: false, edges: { b: "purged", c: "waiting" } });
  exchange(a, c, 2);
  expect(a.standing(purge, 2)).toMatchObject({ settled: true, edges: { b: "purged", c: "purged" } });
});

test("a purge is not settled before it is written down where it was asked for, though all others have it", () => {
  const all = members(2, 0);
  const [a, b] = all as [PurgeMember, PurgeMember];
  exchangeAll(all, 0);
  const purge = a.issue({ urls: ["/a"] });
  exchange(a, b, 1);
  expect(a.standing(purge, 1)).toMatchObject({ settled: false, edges: { b: "purged" } });
  a.persisted(purge);
  expect(a.standing(purge, 1)).toMatchObject({ settled: true, edges: { b: "purged" } });
});

test("a purge is settled without an edge once that can no longer have the leases it needs", () => {
  const all = members(3, 1);
  const [a, b] = all as [PurgeMember, PurgeMember];
  exchangeAll(all, 0);
  const purge = a.issue({ urls: ["/a"] });
  a.persisted(purge);
  exchange(a, b, 100);
  const { again } = a.standing(purge, 100);
  expect(again).toBeGreaterThanOrEqual(LEASE_AND_DRIFT);
  expect(a.standing(purge, again - 1)).toMatchObject({ settled: false, edges: { c: "waiting" } });
  expect(a.standing(purge, again)).toMatchObject({ settled: true, edges: { b: "purged", c: "cut-off" } });
});

test("a purge that too few have is not settled, however long it takes", () => {
  const all = members(3, 1);
  const [a] = all as [PurgeMember];
  exchangeAll(all, 0);
  const purge = a.issue({ urls: ["/a"] });
  a.persisted(purge);
  expect(a.standing(purge, 1e9)).toMatchObject({ settled: false, again: Number.POSITIVE_INFINITY });
});

test("an edge that started again takes it that all others had leases of it", () => {
  const a = new PurgeMember({
    self: "a",
    peers: ["b"],
    tolerate: 0,
    leaseMs: LEASE,
    now: 0,
    systemTime: 2,
    memory: { heads: [], purges: [], leaseMs: 3 * LEASE, recovering: false },
  });
  const purge = a.issue({ urls: ["/a"] });
  a.persisted(purge);
  expect(a.standing(purge, 3 * LEASE_AND_DRIFT - 1).settled).toBe(false);
  expect(a.standing(purge, 3 * LEASE_AND_DRIFT).settled).toBe(true);
});

test("who missed purges gets them with the next answer, from any edge that has them", () => {
  const all = members(3, 1);
  const [a, b, c] = all as [PurgeMember, PurgeMember, PurgeMember];
  const purges = ["/1", "/2", "/3"].map((url) => a.issue({ urls: [url] }));
  exchange(b, a, 0);
  const { answer } = b.receive(c.ask("b"), 1);
  expect(c.hear(answer, 1, 1, 1).purges).toEqual(purges);
  expect(c.covers(a.vector)).toBe(true);
});

test("a question of a life that is over is refused", () => {
  const [a, b] = members(2, 0) as [PurgeMember, PurgeMember];
  const late = a.ask("b");
  const again = new PurgeMember({
    self: "a",
    peers: ["b"],
    tolerate: 0,
    leaseMs: LEASE,
    now: 0,
    systemTime: 9,
    memory: a.memory,
  });
  b.receive(again.ask("b"), 0);
  expect(() => b.receive(late, 1)).toThrow(/started again/);
});

test("a purge keeps its identity to itself, whatever the system's clock says at a restart", () => {
  const before = members(2, 0)[0]!;
  const { at } = before.issue({ all: true });
  const after = new PurgeMember({
    self: "a",
    peers: ["b"],
    tolerate: 0,
    leaseMs: LEASE,
    now: 0,
    systemTime: 0,
    memory: before.memory,
  });
  expect(after.issue({ all: true }).at.incarnation).toBeGreaterThan(at.incarnation);
});

test("an edge that lost its journal, and ended again before it had heard from the others, still has to", () => {
  const options = { self: "a", peers: ["b", "c"], tolerate: 1, leaseMs: LEASE, now: 0 };
  const lost = new PurgeMember({ ...options, systemTime: 5, memory: undefined });
  const [, b, c] = members(3, 1) as [PurgeMember, PurgeMember, PurgeMember];
  exchange(b, c, 0);
  const { answer } = b.receive(lost.ask("b"), 0);
  lost.hear(answer, 0, 0, 5);
  const again = new PurgeMember({ ...options, systemTime: 6, memory: lost.memory });
  expect(again.recovering).toBe(true);
  for (const [each, recovering] of [
    [b, true],
    [c, false],
  ] as const) {
    again.hear(each.receive(again.ask(nameOf(each)), 0).answer, 0, 0, 6);
    expect(again.recovering).toBe(recovering);
  }
});

test("messages are read as they were written, and anything else is refused", () => {
  const all = members(3, 1);
  all[0]!.issue({ urls: ["/a"], soft: true });
  const question = all[0]!.ask("b");
  expect(parseExchangeRequest(JSON.stringify(question))).toEqual(question);
  const { answer } = all[1]!.receive(question, 0);
  expect(parseExchangeAnswer(JSON.stringify(answer))).toEqual(answer);
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      expect(() => parseExchangeRequest(text)).toThrow(expect.objectContaining({ code: "BAD_REQUEST" }));
      expect(() => parseExchangeAnswer(text)).toThrow(expect.objectContaining({ code: "BAD_REQUEST" }));
    }),
  );
});

// A failure names its seed, which makes it happen again.
const seeds = [1, 2, 3, 4, 5];

test.each([
  { edges: 1, tolerate: 0, loss: true },
  { edges: 2, tolerate: 0, loss: true },
  { edges: 3, tolerate: 0, loss: true },
  { edges: 3, tolerate: 1, loss: true },
  { edges: 3, tolerate: 2, loss: false },
  { edges: 4, tolerate: 1, loss: true, maxNews: 3 },
  { edges: 4, tolerate: 2, loss: true, maxHistory: 5 },
])("nothing purged is served once the purge is settled: %o", (options) => {
  const reports = seeds.map((seed) => simulate({ duration: 12_000, ...options, seed }));
  const total = (count: (report: (typeof reports)[number]) => number): number =>
    reports.reduce((sum, report) => sum + count(report), 0);
  // What would make the test pass for nothing.
  expect(total(({ served }) => served)).toBeGreaterThan(100_000);
  expect(total(({ settled }) => settled)).toBeGreaterThan(100);
  if (options.edges > 1) expect(total(({ distrusted }) => distrusted)).toBeGreaterThan(10_000);
  if (options.edges > 1 && options.tolerate < 2)
    expect(total(({ settledWithout }) => settledWithout)).toBeGreaterThan(10);
  if (options.maxHistory !== undefined) expect(total(({ resets }) => resets)).toBeGreaterThan(0);
});
