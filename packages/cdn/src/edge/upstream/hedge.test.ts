/** What is asked for twice. */

import { expect, test } from "vitest";
import { createHedging, isSegment } from "./hedge.ts";
import { LatencySketch } from "./latency-sketch.ts";

test.each([
  ["/live/a/720p/s0-12.m4s", true],
  ["/vod/film/segment_00012.ts", true],
  ["/vod/film/init.mp4?v=1", true],
  ["/v/parting/s1.m4s", true],
  ["/live/a/720p/s0-p12.m4s", false],
  ["/live/a/720p/s12.p3.m4s", false],
  ["/live/a/filePart271.0.mp4", false],
  ["/live/a/part-3.m4s?x=1", false],
  ["/live/a/index.m3u8", false],
  ["/live/a/index.m3u8?_HLS_msn=3&x=.ts", false],
  ["/page.html", false],
])("%s has the name of a segment: %s", (target, expected) => {
  expect(isSegment(target)).toBe(expected);
});

test("what an upstream holds is never asked for twice, whatever the option says", () => {
  const hedging = createHedging({ when: () => true });
  expect(hedging.isFor("/a/index.m3u8?_HLS_msn=3")).toBe(false);
  expect(hedging.isFor("/a/index.m3u8")).toBe(true);
  expect(createHedging(false).isFor("/s1.m4s")).toBe(false);
});

test("the delay is what is usual for that upstream, within bounds, and none where nothing is usual yet", () => {
  const latency = new LatencySketch();
  expect(createHedging().delay(latency)).toBeUndefined();
  expect(createHedging({ after: 5 }).delay(latency)).toBe(5);
  for (let turn = 0; turn < 100; turn += 1) latency.add(200);
  expect(createHedging().delay(latency)).toBeCloseTo(200, -2);
  expect(createHedging({ min: 500 }).delay(latency)).toBe(500);
  expect(createHedging({ max: 50 }).delay(latency)).toBe(50);
  expect(() => createHedging({ min: 10, max: 1 })).toThrow(expect.objectContaining({ code: "INVALID_OPTION" }));
});
