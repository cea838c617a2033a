/** RFC 9875: an answer may invalidate groups, and clients may not use that to flood the edges. */

import { expect, test } from "vitest";
import { silentLogger } from "../../logger.ts";
import { createGroupInvalidation, MAX_GROUP_INVALIDATIONS } from "./group-invalidation.ts";
import type { Purge } from "./purge.ts";

test("groups are purged, URLs are not, and no more than so many a second", () => {
  const state = { now: 0, purged: [] as Purge[] };
  const purges = {
    purge: (purge: Purge) => {
      state.purged.push(purge);
      return Promise.reject(new Error("an edge is cut off"));
    },
  };
  const invalidate = createGroupInvalidation({ purges, clock: () => state.now, logger: silentLogger });
  invalidate({ urls: ["/a"] });
  expect(state.purged).toEqual([]);
  for (let turn = 0; turn < 100; turn += 1) invalidate({ urls: ["/a"], tags: [`${turn}`] });
  expect(state.purged).toEqual(Array.from({ length: MAX_GROUP_INVALIDATIONS }, (_, turn) => ({ tags: [`${turn}`] })));
  state.now = 1000;
  invalidate({ tags: ["late"] });
  expect(state.purged.at(-1)).toEqual({ tags: ["late"] });
});
