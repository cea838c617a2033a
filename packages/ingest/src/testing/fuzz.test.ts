import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fuzzOnce, fuzzSeeds, fuzzTargets } from "./fuzz-targets.ts";

const folder = new URL("./fixtures/fuzz/", import.meta.url);

for (const name of Object.keys(fuzzTargets)) {
  test(`the fuzz corpus of ${name} gives results or typed errors, however it is cut`, () => {
    const files = readdirSync(folder).filter((file) => file.startsWith(`${name}-`));
    expect(files.length).toBeGreaterThan(0);
    const inputs = [
      ...(fuzzSeeds[name] ?? []),
      ...files.map((file) => new Uint8Array(readFileSync(new URL(file, folder)))),
    ];
    for (const bytes of inputs) {
      fuzzOnce(name, bytes);
      for (let size = 0; size < Math.min(bytes.length, 64); size += 1) fuzzOnce(name, bytes.subarray(0, size));
    }
  });
}
