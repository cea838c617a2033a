import fc from "fast-check";
import { expect, test } from "vitest";
import { createFailover } from "./failover.ts";

function machine(sources: number) {
  const clock = { now: 0 };
  return {
    clock,
    failover: createFailover({ sources, now: () => clock.now, penalty: 1000, maxPenalty: 8000, stableAfter: 20_000 }),
  };
}

test("a failed source hands over to the next one", () => {
  const { failover } = machine(3);
  expect(failover.fail()).toEqual({ action: "switch", index: 1 });
  expect(failover.fail()).toEqual({ action: "switch", index: 2 });
});

test("when all have failed, the one whose penalty ends first is waited for", () => {
  const { failover, clock } = machine(2);
  failover.fail();
  clock.now = 400;
  expect(failover.fail()).toEqual({ action: "wait", index: 0, delay: 600 });
});

test("a single source is waited for twice as long each time, up to the limit", () => {
  const { failover, clock } = machine(1);
  const delays = [1, 2, 3, 4, 5].map(() => {
    const decision = failover.fail();
    if (decision.action !== "wait") throw new Error("there is nowhere to go");
    clock.now += decision.delay;
    return decision.delay;
  });
  expect(delays).toEqual([1000, 2000, 4000, 8000, 8000]);
});

test("a source that served its penalty is a candidate again, and nobody goes back unasked", () => {
  const { failover, clock } = machine(2);
  failover.fail();
  clock.now = 60_000;
  failover.progress();
  expect(failover.current).toBe(1);
  expect(failover.fail()).toEqual({ action: "switch", index: 0 });
});

test("failures are forgiven after playing long enough", () => {
  const { failover, clock } = machine(1);
  failover.fail();
  failover.progress();
  clock.now = 19_999;
  failover.progress();
  expect(failover.health[0]?.failures).toBe(1);
  clock.now = 20_000;
  failover.progress();
  expect(failover.health[0]).toEqual({ failures: 0, penalisedUntil: 0 });
});

test("a choice lifts the penalty", () => {
  const { failover } = machine(2);
  failover.fail();
  failover.select(0);
  expect(failover.current).toBe(0);
  expect(failover.health[0]).toEqual({ failures: 0, penalisedUntil: 0 });
  expect(() => failover.select(2)).toThrow(RangeError);
});

test("whatever happens, the current source exists and nobody waits longer than the longest penalty", () => {
  const step = fc.oneof(
    fc.constant({ kind: "fail" as const }),
    fc.constant({ kind: "progress" as const }),
    fc.record({ kind: fc.constant("select" as const), index: fc.nat(3) }),
    fc.record({ kind: fc.constant("time" as const), by: fc.nat(30_000) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), (sources, steps) => {
      const { failover, clock } = machine(sources);
      for (const action of steps) {
        if (action.kind === "time") clock.now += action.by;
        else if (action.kind === "progress") failover.progress();
        else if (action.kind === "select") failover.select(action.index % sources);
        else {
          const decision = failover.fail();
          expect(failover.current).toBe(decision.index);
          if (decision.action === "wait") expect(decision.delay).toBeLessThanOrEqual(8000);
          if (decision.action === "wait") expect(decision.delay).toBeGreaterThan(0);
        }
        expect(failover.current).toBeGreaterThanOrEqual(0);
        expect(failover.current).toBeLessThan(sources);
      }
    }),
  );
});
