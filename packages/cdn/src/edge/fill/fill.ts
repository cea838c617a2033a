/** One upstream request that answers many: its head first, then its body as it grows. */

import { CdnError } from "../../errors.ts";
import { leave, letGo } from "../../handler/let-go.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { contentLengthOf, joinedFieldOf } from "../../http/fields.ts";
import { varyNames } from "../cache-key/vary.ts";
import type { ArrivedAnswer, LiveEdge } from "../live/live-edge.ts";
import type { LiveRules } from "../live/live-rules.ts";
import type { MemoryTier } from "../memory-tier/memory-tier.ts";
import { StoredResponse } from "../memory-tier/stored-response.ts";
import { type SiblingWord, siblingWord } from "../peers/sibling.ts";
import { decideStorage, type StorageDecision, type StoragePolicy } from "../policy/storage.ts";
import { tagsOf } from "../purge/response-tags.ts";
import { contentRangeOf } from "../slices/content-range.ts";
import { isConsistent } from "../slices/stored-part.ts";
import type { UpstreamResponse } from "../upstream/upstream.ts";
import { GrowingBody } from "./growing-body.ts";
import { splitHeaders, without } from "./response-head.ts";

/** A body that is not stored is kept only so far: enough to smooth a reader's pauses. */
const WINDOW_BYTES = 1024 * 1024;
/** A fill that everybody left is finished all the same when so little is missing. */
const WORTH_FINISHING_BYTES = 1024 * 1024;

/** What arrived before the body. */
export interface FillHead {
  readonly status: number;
  /** End-to-end fields. */
  readonly headers: readonly string[];
  readonly cacheStatus: string | undefined;
  readonly age: string | undefined;
  readonly decision: StorageDecision;
  /** Request fields that it varies by, stored or not; null: by anything. */
  readonly vary: readonly string[] | null;
  /** Milliseconds of the clock when the request went out and when this arrived. */
  readonly requestedAt: number;
  readonly receivedAt: number;
  /** The system's time then. */
  readonly systemTime: number;
  /** Bytes of the whole body, where the upstream said so. */
  readonly length: number | undefined;
  /** Name of the upstream that answered. */
  readonly upstream: string | undefined;
  /** A peer holds it. */
  readonly fromPeer: boolean;
  /** What another process of this edge says of its answer, where it is one's. */
  readonly sibling: SiblingWord | undefined;
}

/** Options of a {@link Fill}. */
export interface FillOptions {
  /** What it is filed under while it is under way. */
  readonly key: string;
  /** Canonical target. */
  readonly target: string;
  /** Of the purge log, now. */
  readonly generation: number;
  /** The request that caused it: the answer is chosen by its fields. */
  readonly request: Pick<RawRequest, "headers">;
  readonly send: (signal: AbortSignal) => Promise<UpstreamResponse>;
  readonly tier: MemoryTier<StoredResponse>;
  readonly clock: () => number;
  /** Milliseconds since 1970 by the system's clock, which may jump. */
  readonly systemClock: () => number;
  readonly policy: StoragePolicy;
  /** What is known of live media. */
  readonly live: LiveEdge | undefined;
  /** Whether a client caused it, rather than the edge itself by fetching ahead. */
  readonly byClient: boolean;
  /** Milliseconds to wait for the next byte of the body. */
  readonly bodyTimeout: number;
  readonly onBytes: (bytes: number) => void;
  /** Called when the head is here, before anybody who waits for it hears of it. */
  readonly onHead: (head: FillHead) => void;
  /** Called once, when nothing more will arrive. With the entry when it is one that may be stored. */
  readonly onEnd: (entry: StoredResponse | undefined) => void;
}

/**
 * Runs by itself from the moment it is made. It is cancelled when everybody has left, unless nearly everything is here. What is cut short,
 * by whomever, never becomes an entry.
 */
export class Fill {
  readonly key: string;
  /** Canonical target. */
  readonly target: string;
  /** Of the purge log when it started. */
  readonly generation: number;
  readonly request: Pick<RawRequest, "headers">;
  /** Rejects when there is no answer. */
  readonly head: Promise<FillHead>;
  readonly body: GrowingBody;
  readonly #options: FillOptions;
  readonly #controller = new AbortController();
  #arrived: FillHead | undefined;
  #answer: ArrivedAnswer | undefined;
  #decide: ((rules: LiveRules | undefined) => StorageDecision) | undefined;
  #users = 0;
  #reserved = 0;
  #stored = false;
  #pacing = false;
  #invalidated = false;

  constructor(options: FillOptions) {
    this.#options = options;
    this.key = options.key;
    this.target = options.target;
    this.generation = options.generation;
    this.request = options.request;
    this.body = new GrowingBody(WINDOW_BYTES);
    this.head = this.#start();
    // Who waits hears of it; where nobody waits, nobody has to.
    this.head.catch(() => {});
  }

  /** The head, once it is here. */
  get arrived(): FillHead | undefined {
    return this.#arrived;
  }

  /** Whether its body is on its way into the cache. */
  get willBeStored(): boolean {
    return this.#stored;
  }

  /**
   * Whether another request may share the answer: before the head is here, always, because then the upstream made it after both asked;
   * afterwards only while it is fresh.
   */
  isJoinable(isFresh: (decision: StorageDecision) => boolean): boolean {
    if (this.#controller.signal.aborted) return false;
    if (this.#arrived === undefined) return true;
    return this.#stored && this.body.isWhole && isFresh(this.#arrived.decision);
  }

  /** Takes part. @returns how to leave, idempotent. */
  join(): () => void {
    this.#users += 1;
    let joined = true;
    return () => {
      if (!joined) return;
      joined = false;
      this.#users -= 1;
      if (this.#users === 0 && !this.#isWorthFinishing()) {
        this.abort(new CdnError("ABORTED", "nobody waits for this object any more"));
      }
    };
  }

  /** Whether what it brings was declared out of date while it was under way. */
  get invalidated(): boolean {
    return this.#invalidated;
  }

  /** Lets it arrive for those who wait, and no further. */
  doNotStore(): void {
    this.#stored = false;
    this.#invalidated = true;
  }

  /** Ends it. Readers get the reason. */
  abort(reason: CdnError): void {
    this.body.fail(reason);
    this.#controller.abort(reason);
  }

  async #start(): Promise<FillHead> {
    const { send, clock, onEnd } = this.#options;
    const requestedAt = clock();
    let response: UpstreamResponse | undefined;
    try {
      response = await send(this.#controller.signal);
      const head = this.#read(response, requestedAt);
      void this.#receive(response, head);
      return head;
    } catch (error) {
      // Whatever went wrong, nobody may wait for it or board it any more.
      if (response !== undefined) letGo(response.body);
      this.body.fail(error);
      this.#controller.abort(error);
      onEnd(undefined);
      throw error;
    }
  }

  #read(response: UpstreamResponse, requestedAt: number): FillHead {
    const { clock, systemClock, policy, request, onHead, live, byClient } = this.#options;
    const { headers, cacheStatus: said, age } = splitHeaders(response.headers);
    const { before: cacheStatus, sibling } = siblingWord(response, said);
    const { status, closeDelimited } = response;
    const receivedAt = clock();
    const systemTime = systemClock();
    const fromPeer = response.peer !== undefined;
    this.#answer = { key: this.target, status, headers, byClient, fromPeer };
    const read = {
      request,
      status,
      headers,
      age,
      closeDelimited,
      requestedAt,
      receivedAt,
      systemTime,
      policy,
      fromPeer,
      sibling,
    };
    this.#decide = (rules) => decideStorage({ ...read, rules });
    const decision = this.#decide(live?.atHead(this.#answer));
    const head: FillHead = {
      ...{ status, headers, cacheStatus, age, decision, requestedAt, receivedAt, systemTime, fromPeer, sibling },
      vary: varyNames(joinedFieldOf(headers, "vary")),
      length: response.body === null ? 0 : contentLengthOf(headers),
      upstream: sibling === undefined ? (response.peer ?? response.upstream) : sibling.facts.upstream,
    };
    this.#arrived = head;
    this.#stored = decision.store && !this.#invalidated;
    if (decision.store) this.body.keepAtMost(policy.maxObjectBytes);
    onHead(head);
    return head;
  }

  async #receive({ body }: UpstreamResponse, head: FillHead): Promise<void> {
    const source = body instanceof Uint8Array ? undefined : body?.[Symbol.asyncIterator]();
    const { bodyTimeout } = this.#options;
    const timer = setTimeout(() => {
      // The upstream is not late while it is we who make it wait for our fastest reader.
      if (this.#pacing) timer.refresh();
      else this.abort(new CdnError("UPSTREAM_TIMEOUT", `no byte of the body came for ${bodyTimeout} ms`));
    }, bodyTimeout);
    // A source that does not heed the signal is let go of here.
    const letGo = (): void => {
      if (source !== undefined) leave(source);
    };
    this.#controller.signal.addEventListener("abort", letGo, { once: true });
    try {
      if (body instanceof Uint8Array) await this.#take(body, head, timer);
      while (source !== undefined) {
        const next = await source.next();
        this.#controller.signal.throwIfAborted();
        if (next.done) break;
        await this.#take(next.value, head, timer);
        this.#controller.signal.throwIfAborted();
      }
      if (head.length !== undefined && this.body.received !== head.length) {
        const { received } = this.body;
        throw new CdnError("UPSTREAM_TRUNCATED", `the upstream sent ${received} of ${head.length} bytes`);
      }
      this.body.end();
    } catch (error) {
      this.body.fail(error);
      letGo();
    } finally {
      clearTimeout(timer);
      this.#controller.signal.removeEventListener("abort", letGo);
      this.#finish(head);
    }
  }

  async #take(chunk: Uint8Array, head: FillHead, timer: NodeJS.Timeout): Promise<void> {
    const { tier, policy, onBytes } = this.#options;
    onBytes(chunk.byteLength);
    if (head.length !== undefined && this.body.received + chunk.byteLength > head.length) {
      throw new CdnError("UPSTREAM_FAILED", `the upstream sent more than ${head.length} bytes`);
    }
    if (this.#stored && this.body.received + chunk.byteLength > policy.maxObjectBytes) this.#stored = false;
    if (this.#stored) {
      if (tier.reserve(chunk.byteLength)) this.#reserved += chunk.byteLength;
      else {
        this.#stored = false;
        this.body.keepAtMost(Math.max(WINDOW_BYTES, this.#reserved));
      }
    }
    if (!this.#stored && this.#users === 0) {
      throw new CdnError("ABORTED", "nobody waits for this object, and it cannot be stored");
    }
    this.#pacing = true;
    await this.body.append(chunk);
    this.#pacing = false;
    timer.refresh();
  }

  #finish(head: FillHead): void {
    const { onEnd } = this.#options;
    let entry: StoredResponse | undefined;
    try {
      entry = this.#entryOf(head);
    } finally {
      onEnd(entry);
    }
  }

  /** What is to be stored, if anything. */
  #entryOf(head: FillHead): StoredResponse | undefined {
    const { tier, key } = this.#options;
    const reserved = this.#reserved;
    if (!this.body.ended || !this.#stored || !head.decision.store || !this.#isWholePart(head)) {
      // What its readers have yet to read is there for as long as they are.
      this.body.whenUnread(() => tier.release(reserved));
      return undefined;
    }
    tier.release(reserved);
    const body = this.body.settle();
    const decision = this.#decideAgain(body) ?? head.decision;
    if (!decision.store) {
      return undefined;
    }
    const { freshness, vary, withheld } = decision;
    const headers = [...without(head.headers, withheld)];
    if (head.length === undefined) headers.push("content-length", String(this.body.received));
    const { status, cacheStatus, upstream, systemTime } = head;
    const parts = {
      key: this.target,
      status,
      headers,
      cacheStatus,
      body,
      freshness,
      vary,
      upstream,
      isCopy: head.fromPeer,
    };
    const entry = new StoredResponse(
      { ...parts, tags: tagsOf(head.headers), generation: this.generation, storedAt: systemTime },
      key,
    );
    const release = entry.use();
    if (release !== undefined) this.body.whenUnread(release);
    return entry;
  }

  /** What a playlist says of itself, now that it can be read, may be another lifetime than what its head said. */
  #decideAgain(body: Uint8Array): StorageDecision | undefined {
    const { live } = this.#options;
    if (live === undefined || this.#answer === undefined) return undefined;
    return this.#decide?.(live.atEnd(this.#answer, body));
  }

  /** A part has as many bytes as it says, everything else as it has. */
  #isWholePart({ status, headers }: FillHead): boolean {
    if (status !== 206) return true;
    const range = contentRangeOf(headers);
    return range !== undefined && isConsistent(range, this.body.received);
  }

  #isWorthFinishing(): boolean {
    const length = this.#arrived?.length;
    if (length === undefined || !this.#stored) return false;
    return length - this.body.received <= WORTH_FINISHING_BYTES || this.body.received * 2 >= length;
  }
}
