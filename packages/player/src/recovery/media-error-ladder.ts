/** How hard to push after a media error: gently first, harder when it comes back soon. No I/O, no timers. */

/**
 * - `recover`: detach and attach the media source; the decoder starts anew.
 * - `swap-codec`: the same, with the other AAC flavour declared (HE-AAC announced as AAC-LC and the reverse).
 * - `reload`: load the source from its manifest on.
 * - `next-source`: give the source up.
 */
type MediaErrorRemedy = "recover" | "swap-codec" | "reload" | "next-source";

/** See {@link createMediaErrorLadder}. */
export interface MediaErrorLadder {
  /** A media error happened now: what to do. */
  next(): MediaErrorRemedy;
}

const ladder: readonly MediaErrorRemedy[] = ["recover", "swap-codec", "reload", "next-source"];

/**
 * @param options.now - monotonic milliseconds.
 * @param options.calmAfter - an error this many milliseconds after the one before it starts the ladder again. Default 10000.
 */
export function createMediaErrorLadder(options: { now: () => number; calmAfter?: number }): MediaErrorLadder {
  const { now, calmAfter = 10_000 } = options;
  let step = 0;
  let lastAt = Number.NEGATIVE_INFINITY;
  return {
    next() {
      const time = now();
      if (time - lastAt > calmAfter) step = 0;
      lastAt = time;
      const remedy = ladder[Math.min(step, ladder.length - 1)]!;
      step += 1;
      return remedy;
    },
  };
}
