import { runReadmeExample } from "@ami-streams/testing";
import { expect, test } from "vitest";

test("the example of the README packages, and prints a playlist", async () => {
  const { stdout } = await runReadmeExample(new URL("..", import.meta.url));
  expect(stdout).toContain("#EXT-X-PART:DURATION=0.2");
});
