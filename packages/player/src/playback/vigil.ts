/** Keeps asking the sources of a stream that is offline until one has it again. */

import { createComeback } from "../recovery/comeback.ts";
import { probe } from "../source/probe.ts";
import type { Source } from "../source/source.ts";

/** Milliseconds between two rounds: grows from the first to the second. */
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 5000;
const GROWTH = 1.15;

/**
 * Asks all sources, round after round.
 *
 * @param options.live - see {@link createComeback}.
 * @param options.delay - milliseconds before the first round.
 * @returns index of a source that is worth loading.
 * @throws what `signal` aborts with.
 */
export async function keepVigil(
  sources: readonly Source[],
  options: { live: boolean; delay: number; signal: AbortSignal },
): Promise<number> {
  const { signal } = options;
  const comeback = createComeback({ live: options.live });
  await pause(options.delay, signal);
  for (let length = FIRST_PAUSE; ; length = Math.min(LONGEST_PAUSE, length * GROWTH)) {
    const answers = await Promise.all(sources.map((source) => probe(source, signal)));
    const index = answers.findIndex((answer, source) => comeback.observe(source, answer));
    if (index >= 0) return index;
    // A tenth of chance, so that a thousand waiting viewers do not ask in one breath.
    await pause(length * (0.95 + Math.random() * 0.1), signal);
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(done, milliseconds);
    function done() {
      signal.removeEventListener("abort", abort);
      resolve();
    }
    function abort() {
      clearTimeout(timer);
      reject(signal.reason);
    }
    signal.addEventListener("abort", abort, { once: true });
  });
}
