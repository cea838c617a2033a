/**
 * Mutates inputs and looks for outcomes not seen before: `node --conditions=@ami-streams/source fuzz/fuzz.ts [seconds] [target]`.
 *
 * Inputs with a new outcome are kept in `src/testing/fixtures/fuzz`, where a test replays them; one that throws anything but a typed error, or
 * takes longer than a second, ends the run with its path.
 */

import { createHash, randomInt } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fuzzOnce, fuzzSeeds, fuzzTargets } from "../src/testing/fuzz-targets.ts";

const folder = new URL("../src/testing/fixtures/fuzz/", import.meta.url);
const seconds = Number(process.argv[2] ?? 10);
const only = process.argv[3];
/** Kept inputs per target, and their size: a corpus to commit, not to archive. */
const MAX_KEPT = 24;
const MAX_SIZE = 4096;
const INTERESTING = [0, 1, 2, 3, 4, 7, 0x0f, 0x11, 0x17, 0x7f, 0x80, 0x97, 0xaf, 0xc6, 0xff];

mkdirSync(folder, { recursive: true });
const targets = Object.keys(fuzzTargets).filter((name) => only === undefined || name === only);
for (const name of targets) {
  const pool = [...(fuzzSeeds[name] ?? [])];
  const kept = readdirSync(folder).filter((file) => file.startsWith(`${name}-`));
  pool.push(...kept.map((file) => new Uint8Array(readFileSync(new URL(file, folder)))));
  const seen = new Set(pool.map((bytes) => fuzzOnce(name, bytes)));
  let room = MAX_KEPT - kept.length;
  let runs = 0;
  for (const end = performance.now() + (1000 * seconds) / targets.length; performance.now() < end; runs += 1) {
    const bytes = mutate(pool[randomInt(pool.length)]!);
    let outcome: string;
    try {
      outcome = fuzzOnce(name, bytes);
    } catch (error) {
      console.error(`${name}: ${keep(name, bytes)} throws`, error);
      process.exit(1);
    }
    const slowest = timed(name, bytes, 1000);
    if (slowest > 1000) {
      console.error(`${name}: ${keep(name, bytes)} takes ${slowest} ms`);
      process.exit(1);
    }
    if (seen.has(outcome) || bytes.length > MAX_SIZE) continue;
    seen.add(outcome);
    pool.push(bytes);
    if (room-- > 0) keep(name, bytes);
  }
  console.log(`${name}: ${runs} runs, ${seen.size} outcomes`);
}

function keep(name: string, bytes: Uint8Array): string {
  const file = new URL(`${name}-${createHash("sha256").update(bytes).digest("hex").slice(0, 12)}.bin`, folder);
  writeFileSync(file, bytes);
  return file.pathname;
}

/** Milliseconds of a run, the best of three where the first is over the limit: machines have hiccups. */
function timed(name: string, bytes: Uint8Array, limit: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 3 && best > limit; attempt += 1) {
    const startedAt = performance.now();
    fuzzOnce(name, bytes);
    best = Math.min(best, performance.now() - startedAt);
  }
  return best;
}

function mutate(input: Uint8Array): Uint8Array {
  let bytes = input.slice();
  for (let count = randomInt(1, 6); count > 0 && bytes.length > 0; count -= 1) {
    const at = randomInt(bytes.length);
    switch (randomInt(6)) {
      case 0:
        bytes[at] = randomInt(256);
        break;
      case 1:
        bytes[at] = INTERESTING[randomInt(INTERESTING.length)]!;
        break;
      case 2:
        bytes[at] = bytes[at]! ^ (1 << randomInt(8));
        break;
      case 3:
        bytes = bytes.subarray(0, at);
        break;
      case 4:
        bytes = new Uint8Array([...bytes.subarray(0, at), ...bytes.subarray(randomInt(bytes.length))]);
        break;
      default:
        bytes = new Uint8Array([...bytes.subarray(0, at), randomInt(256), ...bytes.subarray(at)]);
    }
  }
  return bytes;
}
