/** What a small object costs in memory, against what the memory tier counts for it. Run with `--expose-gc`. */

import { createEdge } from "@ami-streams/cdn";
import { rawHandlerOf } from "../src/handler/raw.ts";

const ENTRIES = 20_000;

/** Heap and what is outside of it, after everything that can go has gone. */
async function used(): Promise<number> {
  for (let turn = 0; turn < 4; turn += 1) {
    globalThis.gc?.();
    // What is only weakly held goes between two turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

console.log("| body | bytes per entry | counted | ratio |");
console.log("| --- | --- | --- | --- |");
for (const size of [0, 200, 1024, 2048, 8192]) {
  await using edge = createEdge({
    upstreams: [
      () =>
        new Response(new Uint8Array(size), {
          headers: {
            "cache-control": "max-age=3600",
            "content-type": "video/mp4",
            "content-length": `${size}`,
            date: new Date().toUTCString(),
            etag: '"0123456789abcdef"',
          },
        }),
    ],
    cache: { maxBytes: 2 ** 31 },
  });
  const raw = rawHandlerOf(edge.handle)!;
  const ask = async (name: number): Promise<void> => {
    const target = `/vod/a-title/rendition-1080p/segment-${name}.m4s`;
    const signal = AbortSignal.any([]);
    const request = {
      method: "GET",
      target,
      origin: "http://edge",
      headers: {},
      body: null,
      connection: undefined,
      signal,
    };
    for (let turn = 0; turn < 2; turn += 1) {
      const answer = await raw(request);
      const body = answer?.body;
      if (body !== null && body !== undefined && !(body instanceof Uint8Array)) for await (const _chunk of body);
      answer?.release?.();
    }
  };
  for (let name = 0; name < 5000; name += 1) await ask(-name - 1);
  const [before, countedBefore, heldBefore] = [await used(), edge.stats.bytes, edge.stats.entries];
  for (let name = 0; name < ENTRIES; name += 1) await ask(name);
  const held = edge.stats.entries - heldBefore;
  const real = ((await used()) - before) / held;
  const counted = (edge.stats.bytes - countedBefore) / held;
  console.log(`| ${size} | ${Math.round(real)} | ${Math.round(counted)} | ${(counted / real).toFixed(2)} |`);
}
