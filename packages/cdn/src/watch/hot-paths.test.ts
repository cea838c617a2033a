import fc from "fast-check";
import { expect, test } from "vitest";
import { HotPaths } from "./hot-paths.ts";

test("the paths that are asked for most are known, with how often", () => {
  const paths = new HotPaths();
  for (let count = 0; count < 5; count += 1) paths.count("/b");
  for (let count = 0; count < 9; count += 1) paths.count("/a");
  paths.count("/c");
  expect(paths.top(2)).toEqual([
    { path: "/a", requests: 9 },
    { path: "/b", requests: 5 },
  ]);
});

test("a path with more than its share is never missing, never counted too high, and at most too low by a share", () => {
  const most = 4;
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h", "i"), { maxLength: 400 }), (asked) => {
      const paths = new HotPaths(most);
      const real = new Map<string, number>();
      for (const path of asked) {
        paths.count(path);
        real.set(path, (real.get(path) ?? 0) + 1);
      }
      const counted = new Map(paths.top(100).map(({ path, requests }) => [path, requests]));
      expect(counted.size).toBeLessThanOrEqual(most);
      const slack = asked.length / (most + 1);
      for (const [path, count] of real) {
        const known = counted.get(path) ?? 0;
        expect(known).toBeLessThanOrEqual(count);
        expect(known).toBeGreaterThanOrEqual(count - slack);
      }
    }),
  );
});

test("what is not asked for any more fades", () => {
  const paths = new HotPaths();
  for (let count = 0; count < 4; count += 1) paths.count("/a");
  paths.fade();
  expect(paths.top(1)).toEqual([{ path: "/a", requests: 2 }]);
  paths.fade();
  paths.fade();
  expect(paths.top(1)).toEqual([]);
});

test("few requests are all counted, of many some stand for the others", () => {
  const paths = new HotPaths();
  for (let count = 0; count < 3; count += 1) paths.see("/rare?a=1");
  expect(paths.top(1)).toEqual([{ path: "/rare", requests: 3 }]);
  for (let count = 0; count < 50_000; count += 1) paths.see("/hot");
  const [hot] = paths.top(1);
  expect(hot!.path).toBe("/hot");
  expect(Math.abs(hot!.requests - 50_000)).toBeLessThan(32);
});
