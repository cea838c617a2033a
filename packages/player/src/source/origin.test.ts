import { expect, test } from "vitest";
import { originOf } from "./origin.ts";

test("an address has an origin, the name of a loader has none", () => {
  expect(originOf("https://edge1.example:8443/live/a.m3u8?x=1")).toBe("https://edge1.example:8443");
  expect(originOf("p2p")).toBeNull();
  expect(originOf("p2p:peer")).toBeNull();
  expect(originOf("/live/a.m3u8")).toBeNull();
});
