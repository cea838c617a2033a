/** The README's example, run as a reader would. */

import { runReadmeExample } from "@ami-streams/testing";
import { expect, test } from "vitest";

test("the README's example asks the origin once and the cache after that", async () => {
  const { stdout } = await runReadmeExample(new URL("..", import.meta.url));
  expect(stdout).toMatch(/^65536 ami-edge; fwd=uri-miss; stored; ttl=86\d{3}\n65536 ami-edge; hit; ttl=86\d{3}\n$/);
});
