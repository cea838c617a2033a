/** Bounds of what processes of one edge ask each other. */

import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { siblingLimits } from "./siblings.ts";

test("a limit that is taken out of a config is the default again for the other processes, too", () => {
  const limits = Object.assign({ ...siblingLimits({ maxBodyBytes: 1, maxUrlBytes: 10 }) }, siblingLimits({}));
  expect(limits).toMatchObject({
    maxBodyBytes: DEFAULT_LIMITS.maxBodyBytes,
    maxUrlBytes: 2 * DEFAULT_LIMITS.maxUrlBytes,
    maxHeaders: DEFAULT_LIMITS.maxHeaders + 50,
  });
});
