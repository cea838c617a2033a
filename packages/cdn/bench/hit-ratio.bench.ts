/**
 * How much of video requests the memory tier answers, beside LRU, SIEVE, W-TinyLFU and S3-FIFO, on traces made from seeds.
 *
 * `--seeds 11,12,13` are the seeds; mean, least and most over them are printed. `--zipf 0.7,1.1`, `--share 0.01,0.2` (of the catalog's bytes)
 * and `--sizes segments,small` change the traces, one after the other.
 */

import { parseArgs } from "node:util";
import {
  createLru,
  createOurs,
  createSieve,
  createUnbounded,
  createWTinyLfu,
  type Policy,
} from "./eviction/policies.ts";
import { createS3Fifo } from "./eviction/s3-fifo.ts";
import { type Ratios, simulate } from "./eviction/simulate.ts";
import { allTraces, createRandom, createZipf, type SizeMix, type TraceOptions } from "./eviction/traces.ts";

const policies: Record<string, (maxBytes: number) => Policy> = {
  ours: createOurs,
  "S3-FIFO": createS3Fifo,
  LRU: createLru,
  SIEVE: createSieve,
  "W-TinyLFU": createWTinyLfu,
  "W-TinyLFU by size": (maxBytes) => createWTinyLfu(maxBytes, { together: true }),
  "(all kept)": createUnbounded,
};
/** Those that ours is to be within two points of. */
const PEERS = ["S3-FIFO", "SIEVE", "W-TinyLFU"];

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "11,12,13,14,15,16" },
    zipf: { type: "string" },
    share: { type: "string" },
    sizes: { type: "string" },
  },
});
const seeds = values.seeds.split(",").map(Number);

/** What the traces are made with, but for their seeds: as usual, or each of what was asked for. */
function* variants(): Iterable<Omit<TraceOptions, "seed">> {
  for (const zipf of values.zipf?.split(",") ?? []) yield { zipf: Number(zipf) };
  for (const share of values.share?.split(",") ?? []) yield { share: Number(share) };
  for (const sizes of values.sizes?.split(",") ?? []) yield { sizes: sizes as SizeMix };
  if (values.zipf === undefined && values.share === undefined && values.sizes === undefined) yield {};
}

const mean = (all: readonly number[]): number => all.reduce((sum, each) => sum + each, 0) / all.length;
const points = (share: number): string => (share * 100).toFixed(1);

/** Mean, least and most. */
function spread(all: readonly number[]): string {
  if (all.some(Number.isNaN)) return "–";
  return `${points(mean(all))} (${points(Math.min(...all))}–${points(Math.max(...all))})`;
}

/** The least that ours is ahead of others, in points, over all seeds. */
function lead(results: ReadonlyMap<string, readonly Ratios[]>, others: readonly string[], of: keyof Ratios): string {
  const leads = results
    .get("ours")!
    .map((ours, at) => ours[of] - Math.max(...others.map((name) => results.get(name)![at]![of])));
  return points(Math.min(...leads));
}

function compare(variant: Omit<TraceOptions, "seed">): void {
  const summary: string[] = [];
  const names = allTraces({ ...variant, seed: 1 }).map(({ name }) => name);
  for (const [kind, name] of names.entries()) {
    const results = new Map(Object.keys(policies).map((each): [string, Ratios[]] => [each, []]));
    for (const seed of seeds) {
      const trace = allTraces({ ...variant, seed })[kind]!;
      const list = [...trace.requests()];
      for (const [each, create] of Object.entries(policies)) {
        results.get(each)!.push(simulate(trace, list, create(trace.cacheBytes)));
      }
    }
    console.log(`\n${name}, ${seeds.length} seeds${JSON.stringify(variant)}`);
    console.log("| eviction | objects, % | bytes, % | hot tenth, % |");
    console.log("| --- | --- | --- | --- |");
    for (const [each, ratios] of results) {
      const [objects, bytes, hot] = (["objects", "bytes", "hot"] as const).map((of) =>
        spread(ratios.map((r) => r[of])),
      );
      console.log(`| ${each} | ${objects} | ${bytes} | ${hot} |`);
    }
    const leads = [["LRU"], PEERS].flatMap((others) =>
      (["objects", "bytes"] as const).map((of) => lead(results, others, of)),
    );
    summary.push(`| ${[name, ...leads].join(" | ")} |`);
  }
  console.log("\nPoints that ours is ahead, in the worst of the seeds:");
  console.log("| trace | of LRU, objects | bytes | of the best of S3-FIFO, SIEVE and W-TinyLFU, objects | bytes |");
  console.log("| --- | --- | --- | --- | --- |");
  console.log(summary.join("\n"));
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

for (const variant of variants()) compare(variant);

console.log("\n| eviction | CPU per hit |");
console.log("| --- | --- |");
for (const [name, create] of Object.entries(policies)) console.log(`| ${name} | ${Math.round(timeOfHit(create))} ns |`);
