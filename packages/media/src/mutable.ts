/** Immutable documents while they are built. */

/** A type whose fields may still be set. */
export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Takes over a value where there is one: what is absent in the document is absent in the value. */
export function put<T, K extends keyof T>(target: T, key: K, value: T[K] | undefined): void {
  if (value !== undefined) target[key] = value;
}
