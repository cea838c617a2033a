/** Options that contradict each other. */

import { expect, test } from "vitest";
import { checkEdgeOptions } from "./edge-rules.ts";

test("parameters are ignored or kept by name, not both", () => {
  const upstreams = ["http://origin"];
  checkEdgeOptions({ upstreams, cache: { ignoreParams: [] } });
  checkEdgeOptions({ upstreams, cache: { keepParams: [] } });
  expect(() => checkEdgeOptions({ upstreams, cache: { ignoreParams: [], keepParams: [] } })).toThrow(
    expect.objectContaining({ code: "INVALID_OPTION" }),
  );
});
