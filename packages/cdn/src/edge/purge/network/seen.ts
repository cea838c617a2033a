/**
 * What an edge tells another one of the purges it knows, when it asks it for an object: signed, so that no viewer can have an edge ask its origin by
 * claiming to know more.
 */

import { createHmac } from "node:crypto";
import type { PurgeMember } from "./member.ts";
import { isSame } from "./signature.ts";

/** Values of other edges that were checked, and hold. In calm times there is one. */
const MAX_CHECKED = 64;

export class Seen {
  readonly #member: Pick<PurgeMember, "vector" | "covers">;
  readonly #secrets: readonly string[];
  readonly #checked = new Map<string, string>();
  #vector: string | undefined;
  #value: string | undefined;

  /** @param secrets - none where there is no network: then there is nothing to tell. */
  constructor(member: Pick<PurgeMember, "vector" | "covers">, secrets: readonly string[]) {
    this.#member = member;
    this.#secrets = secrets;
  }

  /** Value of the header field; undefined where there is no network. Made anew only when it changes. */
  get value(): string | undefined {
    const [secret] = this.#secrets;
    if (secret === undefined) return undefined;
    const { vector } = this.#member;
    if (vector !== this.#vector) {
      this.#vector = vector;
      this.#value = `${vector}; ${sign(secret, vector)}`;
    }
    return this.#value;
  }

  /** Whether this edge knows all that the value says. One that is not signed says nothing. */
  covers(value: string | undefined): boolean {
    if (value === undefined || this.#secrets.length === 0 || value === this.value) return true;
    const vector = this.#checked.get(value) ?? this.#check(value);
    return vector === undefined || this.#member.covers(vector);
  }

  #check(value: string): string | undefined {
    const semicolon = value.lastIndexOf("; ");
    if (semicolon === -1) return undefined;
    const vector = value.slice(0, semicolon);
    const signature = value.slice(semicolon + 2);
    if (!this.#secrets.some((secret) => isSame(sign(secret, vector), signature))) return undefined;
    if (this.#checked.size >= MAX_CHECKED) this.#checked.clear();
    this.#checked.set(value, vector);
    return vector;
  }
}

function sign(secret: string, vector: string): string {
  return createHmac("sha256", secret).update(`seen\n${vector}`).digest("base64url");
}
