/** How much of video requests the memory tier answers, beside LRU, SIEVE, W-TinyLFU and S3-FIFO, on traces made from a seed. */

import {
  createLru,
  createOurs,
  createS3Fifo,
  createSieve,
  createUnbounded,
  createWTinyLfu,
  type Policy,
} from "./eviction/policies.ts";
import { allTraces, createRandom, createZipf, type Trace, type TraceRequest } from "./eviction/traces.ts";

const policies: Record<string, (maxBytes: number) => Policy> = {
  ours: createOurs,
  "S3-FIFO": createS3Fifo,
  LRU: createLru,
  SIEVE: createSieve,
  "W-TinyLFU": createWTinyLfu,
  "W-TinyLFU by size": (maxBytes) => createWTinyLfu(maxBytes, { together: true }),
  "(all kept)": createUnbounded,
};

interface Result {
  objects: number;
  bytes: number;
  hot: number;
  /** Nanoseconds per request, the trace's own included. */
  time: number;
}

function simulate(trace: Trace, list: readonly TraceRequest[], policy: Policy): Result {
  let requests = 0,
    hits = 0,
    asked = 0,
    served = 0,
    hotRequests = 0,
    hotHits = 0,
    at = 0;
  const start = process.cpuUsage();
  for (const { key, size, hot } of list) {
    const hit = policy.get(key);
    if (!hit) policy.set(key, size);
    at += 1;
    if (at <= trace.warmUp) continue;
    requests += 1;
    asked += size;
    if (hot) hotRequests += 1;
    if (!hit) continue;
    hits += 1;
    served += size;
    if (hot) hotHits += 1;
  }
  const { user, system } = process.cpuUsage(start);
  return {
    objects: hits / requests,
    bytes: served / asked,
    hot: hotHits / hotRequests,
    time: ((user + system) * 1000) / at,
  };
}

/** Only what the policy does, on keys that are there: nanoseconds per hit. */
function timeOfHit(create: (maxBytes: number) => Policy): number {
  const policy = create(2 ** 30);
  const keys = Array.from({ length: 5000 }, (_, at) => `/vod/title-${at % 50}/video-1080p/segment-${at}.m4s`);
  for (const key of keys) policy.set(key, 64 * 1024);
  const draw = createZipf(keys.length, 0.9, createRandom(7));
  const order = Array.from({ length: 200_000 }, draw);
  for (const at of order) policy.get(keys[at]!);
  const start = process.cpuUsage();
  for (const at of order) policy.get(keys[at]!);
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / order.length;
}

const percent = (share: number): string => (Number.isNaN(share) ? "–" : `${(share * 100).toFixed(1)} %`);

for (const trace of allTraces()) {
  console.log(`\n${trace.name}, ${Math.round(trace.cacheBytes / 2 ** 20)} MiB`);
  console.log("| eviction | objects | bytes | hot tenth | CPU per request |");
  console.log("| --- | --- | --- | --- | --- |");
  const list = [...trace.requests()];
  for (const [name, create] of Object.entries(policies)) {
    const { objects, bytes, hot, time } = simulate(trace, list, create(trace.cacheBytes));
    console.log(`| ${name} | ${percent(objects)} | ${percent(bytes)} | ${percent(hot)} | ${Math.round(time)} ns |`);
  }
}

console.log("\n| eviction | CPU per hit |");
console.log("| --- | --- |");
for (const [name, create] of Object.entries(policies)) console.log(`| ${name} | ${Math.round(timeOfHit(create))} ns |`);
