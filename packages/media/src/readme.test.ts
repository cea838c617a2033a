import { runReadmeExample } from "@ami-streams/testing";
import { expect, test } from "vitest";

test("the first example of the README runs as printed", async () => {
  const { stdout } = await runReadmeExample(new URL("..", import.meta.url));
  expect(stdout).toBe("avc1.64001f 1280x720 25\ntrue true\n");
});
