/** The README's example, run as a reader would. */

import { runReadmeExample } from "@ami-streams/testing";
import { expect, test } from "vitest";

test("the README's example writes a deployment", async () => {
  const { stdout } = await runReadmeExample(new URL("..", import.meta.url));
  expect(stdout).toMatch(/^https:\/\/matrix\.example\.org .*compose\.yaml.*homeserver\.yaml.*secrets/);
});
