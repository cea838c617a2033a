/** `Vary` (RFC 9111 §4.1): the secondary key, from the request fields that a response says it depends on. */

import type { RawRequest } from "../../handler/raw.ts";
import { trimField } from "../../http/fields.ts";
import { BoundedMemory } from "./bounded-memory.ts";

const ENCODINGS = ["br", "gzip", "zstd"];

/** What each key's answers vary by. */
export class VaryIndex {
  readonly #names = new BoundedMemory<{ readonly names: readonly string[]; readonly generation: number }>();
  #generation: number;

  /** @param generation - to begin with: one that no earlier process has used, where what it stored is still there. Default 0. */
  constructor(generation = 0) {
    this.#generation = generation;
  }

  /** The full key of a request, as far as is known of the answers to it. */
  keyOf(key: string, headers: RawRequest["headers"]): string {
    if (this.#names.size === 0) return key;
    const known = this.#names.get(key);
    return known === undefined ? key : variantKey(key, known.names, known.generation, headers);
  }

  /** Notes what an answer varies by. */
  learn(key: string, names: readonly string[]): void {
    const known = this.#names.get(key);
    if (known?.names.join() === names.join()) return;
    this.#names.delete(key);
    if (names.length === 0) return;
    this.#names.set(key, { names, generation: known?.generation ?? this.#generation });
  }

  knows(key: string): boolean {
    return this.#names.get(key) !== undefined;
  }

  /** What is known of a key, for {@link restore}. */
  describe(key: string): { readonly names: readonly string[]; readonly generation: number } | undefined {
    return this.#names.get(key);
  }

  /** Takes up what an earlier process knew, unless more is known by now. */
  restore(key: string, names: readonly string[], generation: number): void {
    if (this.#names.get(key) === undefined) this.#names.set(key, { names, generation });
  }

  /** Makes every variant so far unreachable. */
  invalidate(key: string): void {
    const known = this.#names.get(key);
    this.#generation += 1;
    if (known !== undefined) this.#names.set(key, { names: known.names, generation: this.#generation });
  }

  /**
   * Whether an answer that varies by these fields may be filed now. What was forgotten since its head was read is learned again; one whose
   * fields a later answer has replaced may not: it would be filed, and found, as another variant.
   */
  admits(key: string, names: readonly string[]): boolean {
    const known = this.#names.get(key);
    if (known === undefined) this.learn(key, names);
    return known === undefined || known.names.join() === names.join();
  }
}

/** Names in a `Vary` field, lower case and sorted; null for `*`, which no two requests share. */
export function varyNames(field: string | undefined): readonly string[] | null {
  if (field === undefined) return [];
  const names = field
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  return names.includes("*") ? null : [...new Set(names)].sort();
}

/** Whether two requests get the same of several variants. */
export function isSameVariant(names: readonly string[], a: RawRequest["headers"], b: RawRequest["headers"]): boolean {
  return names.every((name) => normalizedField(name, a[name]) === normalizedField(name, b[name]));
}

function variantKey(key: string, names: readonly string[], generation: number, headers: RawRequest["headers"]): string {
  let variant = `${key}\n${generation}`;
  for (const name of names) variant += `\n${name}:${normalizedField(name, headers[name])}`;
  return variant;
}

/** Whether an encoding is named, and not with a quality of zero. */
const TAKEN = ENCODINGS.map((encoding) => ({
  encoding,
  pattern: new RegExp(`(?:^|[\\s,])${encoding}\\s*(?:$|,|;(?!\\s*q=0(?:\\.0*)?\\s*(?:,|$)))`, "i"),
}));

/**
 * A field's value as far as it can matter: of `Accept-Encoding`, only which of the encodings in use are taken; of `Accept-Language`, the
 * languages in the order in which they are preferred; of all others, the members of the list without blanks around them.
 */
export function normalizedField(name: string, value: string | undefined): string {
  if (value === undefined) return "";
  if (name === "accept-language") return normalizedLanguages(value);
  if (name !== "accept-encoding") return value.split(",").map(trimField).join(",");
  return TAKEN.filter(({ pattern }) => pattern.test(value))
    .map(({ encoding }) => encoding)
    .join(",");
}

/** Lower case, the best first, and those that are as good as each other by name: their order says nothing (RFC 9110 §12.5.4). */
function normalizedLanguages(value: string): string {
  const ranges = value
    .toLowerCase()
    .split(",")
    .map((member) => {
      const [range = "", ...parameters] = member.split(";").map(trimField);
      const weight = parameters.find((parameter) => parameter.startsWith("q="));
      return { range, quality: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
    })
    .filter(({ range }) => range !== "");
  ranges.sort((a, b) => b.quality - a.quality || (a.range < b.range ? -1 : a.range > b.range ? 1 : 0));
  return ranges.map(({ range, quality }) => (quality === 1 ? range : `${range};q=${quality}`)).join(",");
}
