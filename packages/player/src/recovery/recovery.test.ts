import fc from "fast-check";
import { expect, test } from "vitest";
import { createComeback, UNCHANGED_LIMIT } from "./comeback.ts";
import { liveSync, MAX_CATCH_UP, MAX_LIVE_RATE } from "./live-sync.ts";
import { createMediaErrorLadder } from "./media-error-ladder.ts";

test("media errors in quick succession are met harder each time, a late one gently again", () => {
  let time = 0;
  const ladder = createMediaErrorLadder({ now: () => time, calmAfter: 10_000 });
  const remedies = [0, 3000, 3000, 3000, 3000, 10_001].map((passed) => {
    time += passed;
    return ladder.next();
  });
  expect(remedies).toEqual(["recover", "swap-codec", "reload", "next-source", "next-source", "recover"]);
});

test("a source that had nothing and now has a live manifest is back", () => {
  const comeback = createComeback({ live: true });
  expect(comeback.observe(0, { kind: "absent" })).toBe(false);
  expect(comeback.observe(0, { kind: "live", fingerprint: "a" })).toBe(true);
});

test("a manifest that merely answers is the last one of a publisher that left, until it changes", () => {
  const comeback = createComeback({ live: true });
  expect(comeback.observe(0, { kind: "live", fingerprint: "a" })).toBe(false);
  expect(comeback.observe(0, { kind: "live", fingerprint: "a" })).toBe(false);
  expect(comeback.observe(0, { kind: "live", fingerprint: "b" })).toBe(true);
});

test("one that never changes is tried now and then all the same", () => {
  const comeback = createComeback({ live: true });
  comeback.observe(0, { kind: "live", fingerprint: "a" });
  const tries = Array.from({ length: 2 * UNCHANGED_LIMIT }, () =>
    comeback.observe(0, { kind: "live", fingerprint: "a" }),
  );
  expect(tries.filter(Boolean)).toHaveLength(2);
});

test("a finished playlist is over for a live stream, and playable on demand", () => {
  expect(createComeback({ live: true }).observe(0, { kind: "complete" })).toBe(false);
  expect(createComeback({ live: false }).observe(0, { kind: "complete" })).toBe(true);
});

test("at its target a player plays at its own speed", () => {
  expect(liveSync({ latency: 0.6, targetLatency: 0.56, bufferAhead: 0.5 })).toEqual({ rate: 1, seek: false });
});

test("behind the target it speeds up as far as the buffer allows", () => {
  expect(liveSync({ latency: 2, targetLatency: 0.6, bufferAhead: 1 })).toEqual({ rate: 1.25, seek: false });
  expect(liveSync({ latency: 2, targetLatency: 0.6, bufferAhead: 0.4 })).toEqual({ rate: 1.05, seek: false });
  expect(liveSync({ latency: 2, targetLatency: 0.6, bufferAhead: 0.2 })).toEqual({ rate: 1, seek: false });
});

test("far behind it jumps", () => {
  expect(liveSync({ latency: 0.6 + MAX_CATCH_UP + 0.1, targetLatency: 0.6, bufferAhead: 3 })).toEqual({
    rate: 1,
    seek: true,
  });
});

test("the rate is always between normal and the fastest that is not heard", () => {
  const seconds = fc.double({ min: 0, max: 100, noNaN: true });
  fc.assert(
    fc.property(seconds, seconds, seconds, (latency, targetLatency, bufferAhead) => {
      const { rate } = liveSync({ latency, targetLatency, bufferAhead });
      expect(rate).toBeGreaterThanOrEqual(1);
      expect(rate).toBeLessThanOrEqual(MAX_LIVE_RATE);
    }),
  );
});
