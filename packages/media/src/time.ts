/** Timestamp arithmetic: exact between timescales, monotonic over wrapping counters. */

import { MediaError } from "./errors.ts";

/** How {@link rescale} treats what does not divide evenly. `round` takes halves towards positive infinity. */
export type Rounding = "floor" | "round" | "ceil";

/**
 * Converts a time from one timescale to another, without the error of floating point.
 *
 * Rounds to nearest unless told otherwise: then a time that came from the coarser scale survives the way to the finer one and back.
 *
 * @param ticks - a safe integer, negative too.
 * @param from - ticks per second of `ticks`.
 * @param to - ticks per second wanted.
 * @throws {MediaError} `INVALID_ARGUMENT` when an argument is no safe integer, or a scale is not positive;
 * `LIMIT_EXCEEDED` when the result is no safe integer.
 */
export function rescale(ticks: number, from: number, to: number, rounding: Rounding = "round"): number {
  if (!Number.isSafeInteger(ticks))
    throw new MediaError("INVALID_ARGUMENT", `ticks must be a safe integer, not ${ticks}`);
  checkTimescale(from);
  checkTimescale(to);
  if (from === to) return ticks;
  // Whole seconds apart from the rest keeps the product small, and hence exact, for every timescale in use.
  const rest = ((ticks % from) + from) % from;
  const product = rest * to;
  const base = ticks - rest;
  const whole = (base / from) * to;
  const result =
    Number.isSafeInteger(base) && Number.isSafeInteger(product) && Number.isSafeInteger(whole)
      ? whole + divide(product, from, rounding)
      : rescaleBig(ticks, from, to, rounding);
  if (!Number.isSafeInteger(result)) {
    throw new MediaError("LIMIT_EXCEEDED", `${ticks} ticks of 1/${from} s are too many for a timescale of ${to}`);
  }
  return result;
}

function divide(dividend: number, divisor: number, rounding: Rounding): number {
  const remainder = dividend % divisor;
  const floor = (dividend - remainder) / divisor;
  if (rounding === "floor" || remainder === 0) return floor;
  return rounding === "ceil" || remainder >= divisor - remainder ? floor + 1 : floor;
}

function rescaleBig(ticks: number, from: number, to: number, rounding: Rounding): number {
  const divisor = BigInt(from);
  const dividend = BigInt(ticks) * BigInt(to);
  const remainder = ((dividend % divisor) + divisor) % divisor;
  const floor = (dividend - remainder) / divisor;
  const up = rounding === "ceil" ? remainder > 0n : rounding === "round" && 2n * remainder >= divisor;
  return Number(up ? floor + 1n : floor);
}

/**
 * Compares two times of different timescales exactly: negative when `a` is earlier, 0 at the same instant, positive when later.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when an argument is no safe integer, or a scale is not positive.
 */
export function compareTimes(aTicks: number, aTimescale: number, bTicks: number, bTimescale: number): number {
  if (aTimescale === bTimescale) return aTicks - bTicks;
  const a = aTicks * bTimescale;
  const b = bTicks * aTimescale;
  if (Number.isSafeInteger(a) && Number.isSafeInteger(b)) return a - b;
  if (!Number.isSafeInteger(aTicks) || !Number.isSafeInteger(bTicks)) {
    throw new MediaError("INVALID_ARGUMENT", "ticks must be safe integers");
  }
  checkTimescale(aTimescale);
  checkTimescale(bTimescale);
  const left = BigInt(aTicks) * BigInt(bTimescale);
  const right = BigInt(bTicks) * BigInt(aTimescale);
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Seconds of a time in ticks: for display and estimates, not for arithmetic that adds up. */
export function ticksToSeconds(ticks: number, timescale: number): number {
  return ticks / timescale;
}

/**
 * Seconds as ticks, rounded to nearest.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when the result is no safe integer.
 */
export function secondsToTicks(seconds: number, timescale: number): number {
  checkTimescale(timescale);
  const ticks = Math.round(seconds * timescale);
  if (!Number.isSafeInteger(ticks))
    throw new MediaError("INVALID_ARGUMENT", `${seconds} s are no time to count in ticks`);
  return ticks;
}

function checkTimescale(timescale: number): void {
  if (!Number.isSafeInteger(timescale) || timescale <= 0) {
    throw new MediaError("INVALID_ARGUMENT", `a timescale must be a positive integer, not ${timescale}`);
  }
}

/** Follows a counter that wraps, as {@link createTimestampUnwrapper} makes it. */
export interface TimestampUnwrapper {
  /**
   * The counter's value as an integer that does not wrap.
   *
   * Takes the step nearest to the value before, forward or backward by up to half the counter's range, so B-frames and late
   * packets are no wrap. The first value is taken as it is; one that steps back from it across zero is negative.
   *
   * @throws {MediaError} `INVALID_ARGUMENT` when the value does not fit the counter.
   */
  unwrap(value: number): number;
  /** Forgets everything: the next value is the first again. */
  reset(): void;
}

/**
 * Makes a wrapping counter one that counts for months: 32 bits for RTMP milliseconds, 33 for MPEG-TS, 32 for RTP.
 *
 * @param bits - width of the counter, 1 to 48.
 * @throws {MediaError} `INVALID_ARGUMENT` for another width.
 */
export function createTimestampUnwrapper(bits: number): TimestampUnwrapper {
  if (!Number.isInteger(bits) || bits < 1 || bits > 48) {
    throw new MediaError("INVALID_ARGUMENT", `a counter has 1 to 48 bits, not ${bits}`);
  }
  const range = 2 ** bits;
  let last: number | undefined;
  return {
    unwrap(value) {
      if (!Number.isInteger(value) || value < 0 || value >= range) {
        throw new MediaError("INVALID_ARGUMENT", `${value} does not fit a counter of ${bits} bits`);
      }
      if (last === undefined) {
        last = value;
        return value;
      }
      const lastValue = ((last % range) + range) % range;
      let step = value - lastValue;
      if (step >= range / 2) step -= range;
      else if (step < -range / 2) step += range;
      last += step;
      return last;
    },
    reset() {
      last = undefined;
    },
  };
}
