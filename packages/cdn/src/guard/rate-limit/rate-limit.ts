/** Limits how often clients ask. */

import { CdnError } from "../../errors.ts";
import type { RawRequest, RawResponse } from "../../handler/raw.ts";
import {
  above0,
  callable,
  checkOptions,
  listOf,
  object,
  oneOf,
  orFunction,
  required,
  text,
  whole,
} from "../../options/check-options.ts";
import { addressOf } from "../address/client-address.ts";
import { createGuard, type Guard } from "../guard.ts";
import { tokenOf } from "../passed-request.ts";
import { canonicalPath, covers, pathOf, scopesOption } from "../path-scope.ts";
import { createRefusal, type Refusal } from "../refusal.ts";
import { GcraTable } from "./gcra-table.ts";
import { type KeyedHash, KeyedHasher } from "./keyed-hash.ts";

/** One limit. */
export interface RateLimitRule {
  /**
   * Who is counted: each IPv4 address and each IPv6 /64; each token that {@link signedUrls} or {@link jwt} further out let pass (by address
   * where there is none); or what a function says, with undefined for requests that do not count.
   */
  readonly by: "address" | "token" | ((request: RawRequest) => string | undefined);
  /** Only these paths: `/live/` (all below) or `/live.json`. Default: all. */
  readonly paths?: readonly string[];
  /** Requests per second, in the long run. May be below 1. */
  readonly rate: number;
  /** Requests that may come at once. Default: those of ten seconds, at least 1. */
  readonly burst?: number;
  /** Default 429. */
  readonly status?: number;
  /** Names the limit in `RateLimit` fields. Default `address`, `token` or `custom`. */
  readonly name?: string;
  /** Clients in the table, which takes 12 bytes for each. Default 262,144. */
  readonly entries?: number;
}

/** Options of {@link rateLimit}. */
export interface RateLimitOptions {
  /** All that apply to a request have to let it pass; the first that does not answers. */
  readonly rules: readonly RateLimitRule[];
  /** Milliseconds of a steady clock. Default `performance.now`. */
  readonly clock?: () => number;
}

const rule = object<RateLimitRule>({
  by: required(orFunction(oneOf("address", "token"))),
  paths: listOf(text),
  rate: required(above0("requests a second")),
  burst: above0("requests"),
  status: whole(400, 599),
  name: text,
  entries: above0("clients"),
});

/** Waits that differ in their refusals, in seconds; a longer one is told as this. */
const MAX_RETRY_AFTER = 3600;
const BURST_SECONDS = 10;
const EXPOSED = "Retry-After, RateLimit, RateLimit-Policy";

/**
 * Rate limits with a memory of fixed size, see `GcraTable` for its bound and which way it errs. Refusals are `429` `RATE_LIMITED` with
 * `Retry-After`, `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers).
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function rateLimit(options: RateLimitOptions): Guard {
  checkOptions("rateLimit", options, { rules: required(listOf(rule)), clock: callable });
  const { rules, clock = () => performance.now() } = options;
  const limits = rules.map((each) => new Limit(each));
  return createGuard((next) => (request) => {
    const now = clock();
    for (const limit of limits) {
      const refusal = limit.judge(request, now);
      if (refusal !== undefined) return refusal;
    }
    return next(request);
  });
}

class Limit {
  readonly #by: RateLimitRule["by"];
  readonly #scopes: readonly string[] | undefined;
  readonly #table: GcraTable;
  readonly #hasher = new KeyedHasher();
  readonly #refusal: (seconds: number) => RawResponse;

  constructor(rule: RateLimitRule) {
    const { by, paths, rate, burst = Math.max(1, Math.ceil(rate * BURST_SECONDS)), status = 429, entries } = rule;
    const name = rule.name ?? (typeof by === "string" ? by : "custom");
    if (!/^[\w-]+$/.test(name) || !(Number.isInteger(status) && status >= 400 && status <= 599)) {
      throw new CdnError(
        "INVALID_OPTION",
        `limit ${JSON.stringify(name)} with status ${status}: a word, and 400 to 599`,
      );
    }
    this.#by = by;
    this.#scopes = paths && scopesOption("rules.paths", paths);
    this.#table = new GcraTable({ rate, burst, ...(entries !== undefined && { entries }) });
    // A quota of `burst` in the time in which as many come back.
    const policy = `"${name}";q=${Math.floor(burst)};w=${Math.max(1, Math.ceil(burst / rate))}`;
    this.#refusal = refusalsOf(status, name, policy);
  }

  /** What to answer instead, or undefined when the request passes. */
  judge(request: RawRequest, now: number): RawResponse | undefined {
    if (this.#scopes !== undefined && !isWithin(this.#scopes, request.target)) return undefined;
    const hash = this.#hash(request);
    if (hash === undefined) return undefined;
    const wait = this.#table.take(hash.set, hash.fingerprint, now);
    return wait === 0 ? undefined : this.#refusal(Math.min(MAX_RETRY_AFTER, Math.ceil(wait / 1000)));
  }

  #hash(request: RawRequest): KeyedHash | undefined {
    if (typeof this.#by === "function") {
      const key = this.#by(request);
      return key === undefined ? undefined : this.#hasher.text(key);
    }
    const token = this.#by === "token" ? tokenOf(request) : undefined;
    if (token !== undefined) return this.#hasher.text(token);
    const address = addressOf(request);
    if (address === undefined) return undefined;
    return address.family === 4
      ? this.#hasher.words(address.word3, 0, 4)
      : this.#hasher.words(address.word0, address.word1, 6);
  }
}

/** A path that no handler takes counts, too: it could be meant for any. */
function isWithin(scopes: readonly string[], target: string): boolean {
  const path = canonicalPath(pathOf(target));
  return path === undefined || covers(scopes, path);
}

/** One refusal for each number of seconds to wait, made when first needed. */
function refusalsOf(status: number, name: string, policy: string): (seconds: number) => RawResponse {
  const made: Refusal[] = [];
  return (seconds) => {
    made[seconds] ??= createRefusal({
      status,
      code: "RATE_LIMITED",
      message: "too many requests: wait as long as Retry-After says",
      headers: [
        "retry-after",
        String(seconds),
        "ratelimit-policy",
        policy,
        "ratelimit",
        `"${name}";r=0;t=${seconds}`,
        "access-control-expose-headers",
        EXPOSED,
      ],
    });
    return made[seconds]();
  };
}
