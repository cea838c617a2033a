/**
 * What the edge's cache asks about live media, in one place: rules for answers, what to fetch ahead, what players say. No I/O of its own.
 *
 * ```
 * request ─► asked ──────────────► CMCD, and what follows what is asked for
 * head    ─► atHead ─► rules ────► provisional lifetime, and what its `Link` and CMSD announce
 * body    ─► atEnd  ─► rules ────► lifetime of the entry, what the playlist says of its stream, and what it hints at
 * ```
 */

import type { Cmcd } from "../../cmcd/cmcd.ts";
import type { CmcdTap } from "../../cmcd/tap.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { isPlaylist, type LiveAnswer, type LiveRules, liveRulesFor, readPlaylist } from "./live-rules.ts";
import { LiveStreams } from "./live-streams.ts";
import type { Prefetcher } from "./prefetch.ts";

/** An upstream's answer, as far as it is here. */
export interface ArrivedAnswer {
  /** Canonical target, without what it varies by. */
  readonly key: string;
  readonly status: number;
  /** End-to-end fields. */
  readonly headers: readonly string[];
  /** Whether a client caused it, rather than the edge itself by fetching ahead. */
  readonly byClient: boolean;
  /** A peer holds it, which fetches ahead what follows it. Default false. */
  readonly fromPeer?: boolean;
}

/** Options of {@link LiveEdge}. */
export interface LiveEdgeOptions {
  /** Milliseconds, steady. */
  readonly clock: () => number;
  /** False: everything is kept as its fields say. Default true. */
  readonly rules?: boolean;
  /** Default: nothing is fetched ahead. */
  readonly prefetcher?: Prefetcher;
  /** Default: CMCD is not read. */
  readonly cmcd?: CmcdTap;
}

const NO_RULES: LiveRules = { kind: "other" };

export class LiveEdge {
  readonly #streams = new LiveStreams();
  readonly #options: LiveEdgeOptions;

  constructor(options: LiveEdgeOptions) {
    this.#options = options;
  }

  /** A client asks, by GET. @returns what its player says, for the access log. */
  asked(request: Pick<RawRequest, "target" | "headers">, key: string): Cmcd | undefined {
    const said = this.#options.cmcd?.take(request);
    this.#options.prefetcher?.asked(key, said?.nor);
    return said;
  }

  /** The head is here. The rules hold until the body is: give the answer the lifetime they allow, so that it is stored and shared. */
  atHead({ key, status, headers, byClient, fromPeer }: ArrivedAnswer): LiveRules {
    const { prefetcher, clock } = this.#options;
    const isRead = status === 200 && isPlaylist(key, headers);
    if (status === 200 && !isRead && !fromPeer) prefetcher?.answered({ key, headers, byClient });
    const stream = isRead || status === 404 || status === 410 ? this.#streams.of(key, clock()) : undefined;
    return this.#rulesFor({ target: key, status, headers, stream });
  }

  /**
   * The whole body is here: the rules that its entry is stored under, instead of those at the head. An entry that has no lifetime of its
   * own and gets none here is not stored.
   */
  atEnd(answer: ArrivedAnswer, body: Uint8Array): LiveRules {
    const { key, status, headers, byClient, fromPeer } = answer;
    const read = status === 200 ? readPlaylist(key, headers, body) : undefined;
    const now = this.#options.clock();
    if (read !== undefined) {
      this.#streams.learn(key, read, now);
      const hls = read.format === "hls" ? read.hls : undefined;
      if (!fromPeer) this.#options.prefetcher?.answered({ key, headers, hls, byClient });
    }
    return this.#rulesFor({ target: key, status, headers, read, stream: this.#streams.of(key, now) });
  }

  #rulesFor(answer: LiveAnswer): LiveRules {
    return this.#options.rules === false ? NO_RULES : liveRulesFor(answer);
  }
}
