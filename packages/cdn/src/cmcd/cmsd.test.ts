import { decodeSfList } from "@svta/cml-structured-field-values";
import { expect, test } from "vitest";
import { createCmsd } from "./cmsd.ts";
import { Duress } from "./duress.ts";

test("an edge says what it knows, and nothing else", () => {
  const cmsd = createCmsd({ name: "edge-1" });
  expect(cmsd.value()).toBe('"edge-1"');
  expect(cmsd.value({ responseDelay: 12.6 })).toBe('"edge-1";rd=13');
  expect(cmsd.value({ responseDelay: 0, roundTrip: 40, throughput: 5000.4, maxBitrate: 3000 })).toBe(
    '"edge-1";etp=5000;mb=3000;rd=0;rtt=40',
  );
  expect(cmsd.value({ throughput: Number.NaN, roundTrip: -1 })).toBe('"edge-1"');
});

test("duress is said while it lasts", () => {
  let loaded = true;
  const cmsd = createCmsd({ name: "edge-1", duress: () => loaded });
  expect(cmsd.value({ responseDelay: 3 })).toBe('"edge-1";du;rd=3');
  loaded = false;
  expect(cmsd.value({ responseDelay: 3 })).toBe('"edge-1";rd=3');
});

test("with those of the servers before it, it is one list that clients can read", () => {
  const own = createCmsd({ name: 'AMI "1" \\ edge', duress: () => true }).value({ responseDelay: 1e15 });
  const list = decodeSfList(`"origin";rd=76, ${own}`) as { value: string; params: object }[];
  expect(list.map(({ value, params }) => [value, params])).toEqual([
    ["origin", { rd: 76 }],
    ['AMI "1" \\ edge', { du: true, rd: 999_999_999_999 }],
  ]);
});

test.each(["", "a".repeat(65), "a\n", "ä"])("%j is no name", (name) => {
  expect(() => createCmsd({ name })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});

test("a short peak is no duress, and a short rest is not its end", () => {
  const state = new Duress(0.9, 0.7);
  const after = (...loads: number[]): boolean => {
    for (const load of loads) state.look(load);
    return state.is;
  };
  expect(after(1, 1, 1, 0.5, 1, 1, 1)).toBe(false);
  expect(after(0.95)).toBe(true);
  expect(after(...Array<number>(9).fill(0.1), 0.8, ...Array<number>(9).fill(0.1))).toBe(true);
  expect(after(0.1)).toBe(false);
});
