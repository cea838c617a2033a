/** RFC 9875: an answer may invalidate groups, and clients may not use that to flood the edges. */

import { expect, test } from "vitest";
import { silentLogger } from "../../logger.ts";
import { createGroupInvalidation, MAX_GROUP_INVALIDATIONS } from "./group-invalidation.ts";
import { MAX_PURGE_NAMES, type Purge } from "./purge.ts";

function scene() {
  const state = { now: 0, purged: [] as Purge[], later: [] as (() => void)[] };
  const purges = {
    purge: (purge: Purge) => {
      state.purged.push(purge);
      return Promise.reject(new Error("an edge is cut off"));
    },
  };
  const after = (_milliseconds: number, run: () => void) => void state.later.push(run);
  return {
    state,
    invalidate: createGroupInvalidation({ purges, clock: () => state.now, logger: silentLogger, after }),
  };
}

const single = (count: number): Purge[] => Array.from({ length: count }, (_, turn) => ({ tags: [`${turn}`] }));

test("groups are purged, URLs are not; those over the bound of a second go together in the next", () => {
  const { state, invalidate } = scene();
  invalidate({ urls: ["/a"] });
  expect(state.purged).toEqual([]);
  for (let turn = 0; turn < 100; turn += 1) invalidate({ urls: ["/a"], tags: [`${turn}`] });
  const atOnce = single(MAX_GROUP_INVALIDATIONS);
  expect(state.purged).toEqual(atOnce);
  expect(state.later).toHaveLength(1);
  state.later.pop()?.();
  const rest = single(100)
    .slice(MAX_GROUP_INVALIDATIONS)
    .flatMap(({ tags = [] }) => tags);
  expect(state.purged).toEqual([...atOnce, { tags: rest }]);
  state.now = 1000;
  invalidate({ tags: ["late"] });
  expect(state.purged.at(-1)).toEqual({ tags: ["late"] });
});

test("what waits is bounded, and one tag a thousand times is one", () => {
  const { state, invalidate } = scene();
  for (let turn = 0; turn < 1000; turn += 1) invalidate({ tags: ["same"] });
  for (let turn = 0; turn < 2 * MAX_PURGE_NAMES; turn += 1) invalidate({ tags: [`${turn}`] });
  expect(state.later).toHaveLength(1);
  state.later.pop()?.();
  expect(state.purged.at(-1)?.tags).toHaveLength(MAX_PURGE_NAMES);
  expect(state.purged.at(-1)?.tags?.[0]).toBe("same");
});
