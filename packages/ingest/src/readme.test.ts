import { runReadmeExample } from "@ami-streams/testing";
import { expect, test } from "vitest";

test("the README's example runs by itself", async () => {
  const { stdout } = await runReadmeExample(new URL("..", import.meta.url));
  expect(stdout).toMatch(/^live: key \[ 'mp4a\.40\.2' \]\n(\{ dts: \d+, duration: 1024 \}\n){3}$/);
});
