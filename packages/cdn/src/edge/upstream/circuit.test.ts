/** When an upstream is asked, and when it is left alone. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Circuit, type CircuitOutcome, DEFAULT_CIRCUIT } from "./circuit.ts";

/** Asks once, and says what came of it. */
function request(circuit: Circuit, outcome: CircuitOutcome, now: number): boolean {
  const permit = circuit.admit(now);
  if (permit === undefined) return false;
  circuit.record(permit, outcome, now);
  return true;
}

function opened(now = 0): Circuit {
  const circuit = new Circuit();
  for (let turn = 0; turn < DEFAULT_CIRCUIT.failures; turn += 1) request(circuit, "failure", now);
  expect(circuit.state(now)).toBe("open");
  return circuit;
}

test("it opens where failures are many and most, and not where they are few or one among many", () => {
  const few = new Circuit();
  for (let turn = 0; turn < 4; turn += 1) request(few, "failure", 0);
  expect(few.state(0)).toBe("closed");
  const rare = new Circuit();
  for (let turn = 0; turn < 20; turn += 1) request(rare, turn % 3 === 0 ? "failure" : "success", 0);
  expect(rare.state(0)).toBe("closed");
  expect(opened().admit(0)).toBeUndefined();
});

test("failures are forgotten after the window", () => {
  const circuit = new Circuit();
  for (let turn = 0; turn < 20; turn += 1) request(circuit, "failure", turn * 3_000);
  expect(circuit.state(60_000)).toBe("closed");
});

test("half-open it gives one trial, whose success closes it", () => {
  const circuit = opened();
  expect(circuit.state(1_000)).toBe("half-open");
  const trial = circuit.admit(1_000)!;
  expect(circuit.admit(1_000)).toBeUndefined();
  circuit.record(trial, "success", 1_200);
  expect(circuit.state(1_200)).toBe("closed");
  expect(request(circuit, "failure", 1_200)).toBe(true);
  expect(circuit.state(1_200)).toBe("closed");
});

test("a trial that fails opens it for twice as long, up to the bound", () => {
  const circuit = opened();
  let now = 0;
  for (const openFor of [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]) {
    expect(circuit.admit(now + openFor - 1)).toBeUndefined();
    now += openFor;
    expect(request(circuit, "failure", now)).toBe(true);
  }
});

test("a trial that was given up, or hangs, makes room for the next", () => {
  const circuit = opened();
  request(circuit, "nothing", 1_000);
  const hanging = circuit.admit(1_000)!;
  expect(circuit.admit(1_999)).toBeUndefined();
  expect(circuit.admit(2_000)).toBeDefined();
  circuit.record(hanging, "success", 2_500);
  expect(circuit.state(2_500)).toBe("closed");
});

test("what was asked before it opened neither closes it nor keeps it open", () => {
  const circuit = new Circuit();
  const early = [circuit.admit(0)!, circuit.admit(0)!];
  for (let turn = 0; turn < 5; turn += 1) request(circuit, "failure", 0);
  circuit.record(early[0]!, "success", 500);
  expect(circuit.state(500)).toBe("open");
  circuit.record(early[1]!, "failure", 900);
  expect(circuit.state(1_000)).toBe("half-open");
});

test("property: open, nothing goes out; half-open, never two trials within the time that it would be open", () => {
  const step = fc.record({
    wait: fc.integer({ min: 0, max: 3_000 }),
    outcome: fc.constantFrom("success" as const, "failure" as const, "nothing" as const, "never" as const),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const circuit = new Circuit();
      let now = 0;
      let lastTrial = Number.NEGATIVE_INFINITY;
      for (const { wait, outcome } of steps) {
        now += wait;
        const before = circuit.state(now);
        const admits = circuit.admits(now);
        const permit = circuit.admit(now);
        expect(permit !== undefined).toBe(admits);
        if (before === "closed") expect(permit).toBeDefined();
        if (before === "open") expect(permit).toBeUndefined();
        if (permit === undefined) continue;
        if (before === "half-open") {
          expect(now - lastTrial).toBeGreaterThanOrEqual(DEFAULT_CIRCUIT.openFor);
          lastTrial = outcome === "never" ? now : Number.NEGATIVE_INFINITY;
        }
        if (outcome !== "never") circuit.record(permit, outcome, now);
        if (before === "half-open" && outcome === "success") expect(circuit.state(now)).toBe("closed");
        if (before === "half-open" && outcome === "failure") expect(circuit.state(now)).toBe("open");
      }
      // Whatever was, it gets a trial in the end.
      expect(circuit.admits(now + DEFAULT_CIRCUIT.maxOpenFor)).toBe(true);
    }),
  );
});

test("one failure that tells enough opens it", () => {
  const circuit = new Circuit();
  for (let turn = 0; turn < 100; turn += 1) request(circuit, "success", 0);
  request(circuit, "fatal", 0);
  expect(circuit.state(0)).toBe("open");
  request(circuit, "fatal", 1_000);
  expect(circuit.state(2_999)).toBe("open");
  expect(circuit.state(3_000)).toBe("half-open");
});

test("options that make no sense are refused", () => {
  expect(() => new Circuit({ openFor: 0 })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});
