/** Only peers can mark a request as theirs. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { createPeerMarks } from "./peer-mark.ts";

const marks = createPeerMarks("a secret of peers");

test("a mark says who sent the request, and is good for its target only", () => {
  const mark = marks.make("edge-1", "/a.m4s");
  expect(mark).toMatch(/^edge-1;[0-9a-f]{32}$/);
  expect(marks.read(mark, "/a.m4s")).toBe("edge-1");
  expect(marks.read(mark, "/b.m4s")).toBeUndefined();
  expect(marks.read(mark.replace("edge-1", "edge-2"), "/a.m4s")).toBeUndefined();
  expect(marks.read(undefined, "/a.m4s")).toBeUndefined();
  expect(createPeerMarks("another secret of").read(mark, "/a.m4s")).toBeUndefined();
});

test("property: what is not a mark reads as none, whatever it is", () => {
  const code = fc.string({ unit: fc.constantFrom(..."0123456789abcdef"), minLength: 32, maxLength: 32 });
  const forged = fc.oneof(
    fc.string(),
    fc.tuple(fc.constantFrom("a", "edge-1", ""), code).map((parts) => parts.join(";")),
  );
  fc.assert(fc.property(forged, fc.string(), (mark, target) => marks.read(mark, target) === undefined));
});

test("a secret that can be guessed is refused", () => {
  expect(() => createPeerMarks("short")).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});
