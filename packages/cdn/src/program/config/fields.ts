/** The kinds of field that a config has, each with a message that says what to write instead. */

import * as v from "valibot";
import { nearest } from "../../options/nearest.ts";
import { parseDuration, parseSize } from "./units.ts";

/** An object with these keys alone. An unknown one is told with the one that was probably meant. */
export function section<const TEntries extends v.ObjectEntries>(entries: TEntries) {
  const keys = Object.keys(entries);
  return v.strictObject(entries, ({ expected, received }) => {
    if (expected === "never") return `is not an option${suggestionFor(unquoted(received), keys)}`;
    if (expected === "Object") return "must be an object";
    return "is missing";
  });
}

/** Bytes above zero. */
export const size = v.pipe(
  v.union([v.number(), v.string()], "must be a size, such as 512MiB, 1GiB or a number of bytes"),
  v.rawTransform<number | string, number>(({ dataset, addIssue, NEVER }) => {
    const bytes = typeof dataset.value === "string" ? parseSize(dataset.value) : Math.floor(dataset.value);
    if (bytes !== undefined && bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
    addIssue({ message: `${JSON.stringify(dataset.value)} is no size: write it like 512MiB, 1GiB or 200GB` });
    return NEVER;
  }),
);

/** Milliseconds above zero. */
export const duration = durationFrom(Number.MIN_VALUE);
/** Milliseconds, or none. */
export const durationOrZero = durationFrom(0);

function durationFrom(least: number) {
  return v.pipe(
    v.union([v.number(), v.string()], "must be a duration, such as 500ms, 10s or a number of milliseconds"),
    v.rawTransform<number | string, number>(({ dataset, addIssue, NEVER }) => {
      const milliseconds = typeof dataset.value === "string" ? parseDuration(dataset.value) : dataset.value;
      if (milliseconds !== undefined && milliseconds >= least && Number.isFinite(milliseconds)) return milliseconds;
      addIssue({ message: `${JSON.stringify(dataset.value)} is no duration: write it like 500ms, 10s or 5min` });
      return NEVER;
    }),
  );
}

/** Text that is not empty. */
export const text = v.pipe(v.string("must be text"), v.minLength(1, "must not be empty"));
/** True or false. */
export const flag = v.boolean("must be true or false");
/** A list of texts. */
export const texts = v.array(text, "must be a list");
/** Names and values. */
export const textsByName = v.record(v.string(), v.string("must be text"), "must be an object of names and values");

/** A whole number within bounds. */
export function whole(least: number, most: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(
    v.number(message),
    v.check((value) => Number.isInteger(value) && value >= least && value <= most, message),
  );
}

/** A number above zero. */
export const positive = v.pipe(
  v.number("must be a number"),
  v.check((value) => value > 0 && Number.isFinite(value), "must be a number above zero"),
);

/** A number from zero to one. */
export const share = v.pipe(
  v.number("must be a number from 0 to 1"),
  v.check((value) => value >= 0 && value <= 1, "must be a number from 0 to 1"),
);

/** One of some words. */
export function oneOf<const TWords extends readonly string[]>(words: TWords) {
  return v.picklist(words, ({ received }) => {
    const meant = suggestionFor(unquoted(received), words);
    return `must be ${listOf(words)}, not ${received}${meant}`;
  });
}

/** An `http` or `https` URL. */
export const httpUrl = v.pipe(
  text,
  v.check(
    (url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol),
    ({ input }) => `${JSON.stringify(input)} is no http(s)://host[:port] URL`,
  ),
);

/** `: did you mean …?`, where a word is close enough to one of those that may stand there. */
function suggestionFor(word: string, words: readonly string[]): string {
  const meant = nearest(word, words);
  return meant === undefined ? "" : `: did you mean ${meant}?`;
}

function unquoted(received: string): string {
  return received.replace(/^"(.*)"$/, "$1");
}

function listOf(words: readonly string[]): string {
  const [last, ...others] = [...words].reverse();
  return others.length === 0 ? `${last}` : `${others.reverse().join(", ")} or ${last}`;
}
