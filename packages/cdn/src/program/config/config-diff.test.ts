import { expect, test } from "vitest";
import { checkConfig } from "./check-config.ts";
import { diffConfigs, effectiveConfig } from "./config-diff.ts";

const configOf = (fields: object) => checkConfig({ upstreams: ["http://a"], ...fields }).config!;

test("what a running edge cannot change is told from what it can, and stays as it was", () => {
  const before = configOf({ port: 8080, host: "::1", memory: "1GiB" });
  const after = configOf({
    port: 8081,
    upstreams: ["http://b"],
    log: { sample: 0.5 },
    guard: { addresses: { deny: ["::1"] } },
  });
  const { live, restart } = diffConfigs(before, after);
  expect([live.toSorted(), restart.toSorted()]).toEqual([
    ["guard", "log", "memory", "upstreams"],
    ["host", "port"],
  ]);
  expect(effectiveConfig(before, after)).toEqual({ ...after, port: 8080, host: "::1" });
});

test("a certificate may change, but not whether there is one", () => {
  const [plain, a, b] = [{}, { tls: { cert: "a", key: "a" } }, { tls: { cert: "b", key: "b" } }].map(configOf);
  expect(diffConfigs(a!, b!)).toEqual({ live: ["tls"], restart: [] });
  expect(effectiveConfig(a!, b!)).toEqual(b);
  expect(diffConfigs(plain!, a!)).toEqual({ live: [], restart: ["tls"] });
  expect(effectiveConfig(plain!, a!)).toEqual(plain);
});

test("what keys are made of stays, whatever else changes of the cache", () => {
  const before = configOf({ cache: { keepParams: ["a"], negativeTtl: 1 } });
  const after = configOf({ cache: { ignoreParams: ["b"], negativeTtl: 2 } });
  expect(diffConfigs(before, after)).toEqual({ live: ["cache"], restart: ["cache.keepParams", "cache.ignoreParams"] });
  expect(effectiveConfig(before, after).cache).toEqual({ keepParams: ["a"], negativeTtl: 2 });
});

test("the same config, written anew, changes nothing", () => {
  expect(diffConfigs(configOf({ drain: "10s" }), configOf({ drain: 10_000 }))).toEqual({ live: [], restart: [] });
});
