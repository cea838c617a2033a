import fc from "fast-check";
import { expect, test } from "vitest";
import { linksAhead } from "./link-field.ts";

test.each([
  ["<seg-8.m4s>; rel=next", ["seg-8.m4s"]],
  ['<a>; rel="next"', ["a"]],
  ['<a>; REL="Prefetch"', ["a"]],
  ['<a>; rel="stylesheet preload"; as=fetch, <b>;rel=next', ["a", "b"]],
  ['<a,b>; title="x, y; rel=next"; rel=prev, <c>; rel=prefetch', ["c"]],
  ['<a>; title="a \\" quote"; rel=next', ["a"]],
  ["<a>; rel=next; rel=prev", ["a"]],
  ["<a>; rel=prev; rel=next", []],
  ['<a>; rel=next; anchor="/other"', []],
  ["<a>", []],
  ["a; rel=next", []],
  ["<a; rel=next", []],
  ["  <  a  > ;  rel = next ", ["a"]],
  ["", []],
])("%s announces %j", (field, expected) => {
  expect(linksAhead(field)).toEqual(expected);
});

test("no field makes it fail, hang, or find more than eight", () => {
  const piece = fc.constantFrom("<a>", ";", "rel=next", ",", '"', "\\", "=", " ", "<", ">");
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
      expect(linksAhead(pieces.join("")).length).toBeLessThanOrEqual(8);
    }),
  );
  expect(linksAhead("<a>;rel=next,".repeat(1000)).length).toBe(8);
});
