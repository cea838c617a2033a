/** Tags that responses carry, and groups that they invalidate. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { groupInvalidation, tagsOf } from "./response-tags.ts";

test.each<[string[], string[]]>([
  [
    ["surrogate-key", "a  b\tc a"],
    ["a", "b", "c"],
  ],
  [
    ["cache-tag", " a b ,c,, a b"],
    ["a b", "c"],
  ],
  [
    ["cache-groups", '"a", "b c";x=1, token, 4, ("d")'],
    ["a", "b c"],
  ],
  [
    ["cache-groups", '"a"', "etag", '"x"', "cache-groups", '"b"'],
    ["a", "b"],
  ],
  [
    ["surrogate-key", "a", "surrogate-key", "b", "cache-tag", "c", "cache-groups", '"a", "D"'],
    ["a", "b", "c", "D"],
  ],
  [["cache-groups", '"a'], []],
  [["surrogate-key", " ", "cache-tag", ",", "cache-groups", '""'], []],
  [["surrogate-keys", "a"], []],
  [[], []],
])("%j carries %j", (headers, tags) => {
  expect(tagsOf(headers)).toEqual(tags);
});

test("whatever a field says, tags are unique and never empty", () => {
  const field = fc.constantFrom("surrogate-key", "cache-tag", "cache-groups");
  const value = fc.string({ unit: fc.constantFrom(...'ab",; \t()\\') });
  fc.assert(
    fc.property(fc.array(fc.tuple(field, value)), (fields) => {
      const tags = tagsOf(fields.flat());
      expect(new Set(tags).size).toBe(tags.length);
      expect(tags).not.toContain("");
    }),
  );
});

test("an answer to an unsafe method purges the groups that it names", () => {
  const headers = ["cache-group-invalidation", '"scores", "scores";q=1', "cache-group-invalidation", '"home"'];
  expect(groupInvalidation("POST", 204, headers)).toEqual({ tags: ["scores", "home"] });
  expect(groupInvalidation("DELETE", 303, headers)).toEqual({ tags: ["scores", "home"] });
});

test.each([
  ["GET", 200, '"a"'],
  ["HEAD", 200, '"a"'],
  ["OPTIONS", 204, '"a"'],
  ["POST", 500, '"a"'],
  ["POST", 409, '"a"'],
  ["POST", 200, "a"],
  ["POST", 200, '"a'],
])("an answer %s %i with %s purges nothing", (method, status, value) => {
  expect(groupInvalidation(method, status, ["cache-group-invalidation", value])).toBeUndefined();
});
