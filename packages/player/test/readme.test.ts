import { runReadmeExample } from "@ami-streams/testing";
import { expect, test } from "vitest";

test("the example of the README runs on a server, where there is no DOM", async () => {
  const { stdout } = await runReadmeExample(new URL("..", import.meta.url));
  expect(stdout).toBe(
    '<ami-player controls autoplay muted src="https://edge1.example/live/demo/index.m3u8 https://edge2.example/live/demo/index.m3u8"></ami-player>\n',
  );
});
