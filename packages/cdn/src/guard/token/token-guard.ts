/** What signed URLs and JWTs share: find the token, judge it, and hand on the request as if there had never been one. */

import { CdnError, type CdnErrorCode } from "../../errors.ts";
import type { RawRequest, RawResponse } from "../../handler/raw.ts";
import { atLeast0, callable, flag, listOf, object, orFlag, type Rules, text } from "../../options/check-options.ts";
import { addressOf } from "../address/client-address.ts";
import { type Answerer, createGuard, type Guard } from "../guard.ts";
import { ownText, PassedRequest } from "../passed-request.ts";
import { canonicalPath, covers, pathOf, scopesOption } from "../path-scope.ts";
import { withCookie } from "../personal-answer.ts";
import { createRefusal, type Refusal } from "../refusal.ts";
import { Remembered } from "../remembered.ts";
import { answerRewritten } from "../rewrite/playlist-rewriter.ts";
import { faultOf, type Grant, type GrantUse, type TokenFault } from "./grant.ts";
import { type GrantCookieOptions, grantCookie } from "./grant-cookie.ts";
import { type Candidate, createTokenCarrier, type TokenPlaces } from "./token-carrier.ts";

/** What both kinds of token guard can be told. */
export interface TokenGuardOptions {
  /** Paths that need a token: `/live/` (all below) or `/film.mp4`. Others pass without one. Default: all. */
  readonly paths?: readonly string[];
  /** Methods that a token allows; 405 for others. `OPTIONS` always passes: browsers ask before they send a token. Default GET and HEAD. */
  readonly methods?: readonly string[];
  /**
   * Answers a request that has its token in the query or in a header with a cookie of it, so that what is below the token's path needs
   * none. Default false.
   */
  readonly setCookie?: boolean | GrantCookieOptions;
  /**
   * Writes the token into the links of HLS and DASH playlists, as the query parameter `query`: for players and networks that need every URL
   * signed. Where the token stood in the path, relative links have it anyway, and nothing is written. Default false.
   */
  readonly rewritePlaylists?: boolean;
  /** Seconds by which clocks may differ. Default 0. */
  readonly clockTolerance?: number;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly clock?: () => number;
}

/** What these must be. */
export const TOKEN_RULES: Rules<TokenGuardOptions> = {
  paths: listOf(text),
  methods: listOf(text),
  setCookie: orFlag(object<GrantCookieOptions>({ name: text, secure: flag, partitioned: flag })),
  rewritePlaylists: flag,
  clockTolerance: atLeast0("seconds"),
  clock: callable,
};

/** Finds out whether a token is genuine, and what it grants. */
type TokenVerifier = (token: string) => Grant | TokenFault | Promise<Grant | TokenFault>;

interface TokenGuardParts extends TokenGuardOptions {
  readonly places: TokenPlaces;
  readonly verify: TokenVerifier;
  /** Status and fields of refusals. */
  readonly refusals: Readonly<Record<TokenFault, { readonly status: number; readonly headers?: readonly string[] }>>;
}

const MESSAGES: Readonly<Record<TokenFault, string>> = {
  TOKEN_MISSING: "the request needs a token and has none",
  TOKEN_INVALID: "the token is not one of this service, or was changed",
  TOKEN_EXPIRED: "the token is over: get a new one",
  TOKEN_NOT_YET_VALID: "the token does not count yet",
  PATH_NOT_GRANTED: "the token is not for this path",
  ADDRESS_NOT_GRANTED: "the token is not for this address",
  KEYS_UNREACHABLE: "tokens cannot be checked now: their keys cannot be had",
  GUARD_BUSY: "too many tokens are being checked: try again",
};

/** A grant, and the token as it is remembered. */
interface Verified {
  readonly token: string;
  readonly grant: Grant;
}

/** A token that lets a request pass, and where it stood. */
interface Admission extends Verified {
  readonly place: Candidate["place"];
}

/** A guard that lets pass what a token grants. @throws {CdnError} `INVALID_OPTION`. */
export function createTokenGuard(parts: TokenGuardParts): Guard {
  const clock = parts.clock ?? Date.now;
  const desk = new TokenDesk(parts, clock);
  const { setCookie = false, rewritePlaylists = false } = parts;
  const cookieOptions = setCookie === true ? {} : setCookie;
  const param = parts.places.query;
  if (rewritePlaylists && param === undefined) {
    throw new CdnError("INVALID_OPTION", "rewritePlaylists needs places.query: the parameter that links get");
  }

  return createGuard((next) => {
    const admit = (request: RawRequest, passed: RawRequest, { token, grant, place }: Admission) => {
      const rewrites = rewritePlaylists && param !== undefined && place !== "path";
      const answer = rewrites ? answerRewritten(passed, { token, paths: grant.paths, param }, next) : next(passed);
      if (cookieOptions === false || (place !== "query" && place !== "header")) return answer;
      const isTls = request.origin.startsWith("https:");
      const cookie = grantCookie(token, grant, isTls, clock() / 1000, cookieOptions);
      return answer instanceof Promise ? answer.then((raw) => withCookie(raw, cookie)) : withCookie(answer, cookie);
    };
    return desk.answerer(next, admit);
  });
}

type Admit = (request: RawRequest, passed: RawRequest, admission: Admission) => RawResponse | Promise<RawResponse>;

/** Judges requests by their tokens. */
class TokenDesk {
  readonly #parts: TokenGuardParts;
  readonly #clock: () => number;
  readonly #take: ReturnType<typeof createTokenCarrier>;
  readonly #scopes: readonly string[];
  readonly #methods: ReadonlySet<string>;
  readonly #refusals: Readonly<Record<TokenFault, Refusal>>;
  readonly #invalidPath: Refusal;
  readonly #wrongMethod: Refusal;
  /** Only genuine ones: whoever makes up tokens cannot crowd them out. */
  readonly #verified = new Remembered<Verified>();

  constructor(parts: TokenGuardParts, clock: () => number) {
    const { paths = ["/"], methods = ["GET", "HEAD"] } = parts;
    this.#parts = parts;
    this.#clock = clock;
    this.#take = createTokenCarrier(parts.places);
    this.#scopes = scopesOption("paths", paths);
    this.#methods = new Set(methods.map((method) => method.toUpperCase()));
    const refusals = Object.entries(MESSAGES).map(([code, message]) => {
      const { status, headers = [] } = parts.refusals[code as TokenFault];
      return [code, createRefusal({ status, code: code as CdnErrorCode, message, headers }, clock)];
    });
    this.#refusals = Object.fromEntries(refusals);
    const invalid = { status: 400, code: "INVALID_PATH", message: "the path is not one that anything has" } as const;
    this.#invalidPath = createRefusal(invalid, clock);
    const allow = ["allow", [...this.#methods, "OPTIONS"].join(", ")];
    const method = { status: 405, code: "METHOD_NOT_ALLOWED", message: "a token does not allow this method" } as const;
    this.#wrongMethod = createRefusal({ ...method, headers: allow }, clock);
  }

  answerer(next: Answerer, admit: Admit): Answerer {
    return (request) => {
      const { candidates, target, headers } = this.#take(request);
      const received = pathOf(target);
      const path = canonicalPath(received);
      if (path === undefined) return this.#invalidPath();
      // What was judged is what is handed on: nobody behind the guard reads it another way.
      const canonical = path === received ? target : path + target.slice(received.length);
      const isChanged = canonical !== request.target || headers !== request.headers;
      if (request.method === "OPTIONS" || !covers(this.#scopes, path)) {
        return next(isChanged ? new PassedRequest(request, { target: canonical, headers }) : request);
      }
      if (!this.#methods.has(request.method)) return this.#wrongMethod();
      const pass = (admission: Admission): RawResponse | Promise<RawResponse> => {
        const changes = { target: canonical, headers, token: admission.token };
        return admit(request, new PassedRequest(request, changes), admission);
      };
      const { clockTolerance: tolerance = 0 } = this.#parts;
      const use = { path, address: addressOf(request), now: this.#clock() / 1000, tolerance };
      const verdict = this.#judge(candidates, use, 0, "TOKEN_MISSING");
      if (verdict instanceof Promise) return verdict.then((late) => this.#settle(late, pass));
      return this.#settle(verdict, pass);
    };
  }

  #settle(
    verdict: Admission | TokenFault,
    pass: (admission: Admission) => RawResponse | Promise<RawResponse>,
  ): RawResponse | Promise<RawResponse> {
    return typeof verdict === "string" ? this.#refusals[verdict]() : pass(verdict);
  }

  /** The first of the tokens that allows it, or what is wrong with the first one. */
  #judge(
    candidates: readonly Candidate[],
    use: GrantUse,
    from: number,
    fault: TokenFault,
  ): Admission | TokenFault | Promise<Admission | TokenFault> {
    let first = fault;
    for (let at = from; at < candidates.length; at += 1) {
      const { token, place } = candidates[at]!;
      const verified = this.#verified.get(token) ?? this.#verify(token);
      if (verified instanceof Promise) {
        const wrong = first;
        return verified.then((late) => {
          const verdict = judged(late, place, use);
          if (typeof verdict !== "string") return verdict;
          return this.#judge(candidates, use, at + 1, at === 0 ? verdict : wrong);
        });
      }
      const verdict = judged(verified, place, use);
      if (typeof verdict !== "string") return verdict;
      if (at === 0) first = verdict;
    }
    return first;
  }

  #verify(token: string): Verified | TokenFault | Promise<Verified | TokenFault> {
    const outcome = this.#parts.verify(token);
    return outcome instanceof Promise
      ? outcome.then((late) => this.#remember(token, late))
      : this.#remember(token, outcome);
  }

  #remember(token: string, outcome: Grant | TokenFault): Verified | TokenFault {
    if (typeof outcome === "string") return outcome;
    const own = ownText(token);
    const verified = { token: own, grant: outcome };
    this.#verified.set(own, verified);
    return verified;
  }
}

function judged(verified: Verified | TokenFault, place: Candidate["place"], use: GrantUse): Admission | TokenFault {
  if (typeof verified === "string") return verified;
  const fault = faultOf(verified.grant, use);
  return fault ?? { ...verified, place };
}
