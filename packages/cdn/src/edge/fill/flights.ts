/** Upstream requests under way, by key: who may board one, and what becomes of what it brings. */

import { CdnError } from "../../errors.ts";
import type { RawRequest } from "../../handler/raw.ts";
import { BoundedMemory } from "../cache-key/bounded-memory.ts";
import { isSameVariant, VaryIndex } from "../cache-key/vary.ts";
import { ttlOf } from "../freshness/freshness.ts";
import type { LiveEdge } from "../live/live-edge.ts";
import type { Prefetch } from "../live/prefetch.ts";
import type { MemoryTier } from "../memory-tier/memory-tier.ts";
import type { StoredResponse } from "../memory-tier/stored-response.ts";
import { isPersonal, isShareable, type StoragePolicy } from "../policy/storage.ts";
import type { PurgeJudge } from "../purge/purge-judge.ts";
import type { Verdict } from "../purge/purge-log.ts";
import { tagsOf } from "../purge/response-tags.ts";
import { PURGES_SEEN_FIELD } from "../purge/seen-field.ts";
import { missingAfter, sendForRest } from "../slices/completion.ts";
import type { EdgeCounts } from "../stats.ts";
import type { TieredStore } from "../tiered-store.ts";
import { type Forwarder, sharedHeaders } from "../upstream/forward-headers.ts";
import type { Upstream, UpstreamRequest, UpstreamTimeouts } from "../upstream/upstream.ts";
import { Fill, type FillHead } from "./fill.ts";
import {
  isOfAnother,
  mayStandIn,
  pushValidators,
  type Refreshed,
  type RefreshingHead,
  refresh,
} from "./revalidation.ts";

/** Milliseconds that requests for something which turned out not to be shared go straight to the upstream, each for itself. */
const PASS_MEMORY = 5_000;
/** What follows an object's key in the key of what is known of it as a whole, of the part of it that is here, and of its slices. */
export const OBJECT = "\n#object";
export const PART = "\n#part";
export const SLICE = "\n#";
/** Statuses of answers to a part's request that say something of the object as a whole. */
const ABOUT_WHOLE = new Set([200, 404, 410]);

/** What a flight asks for, where it is not the whole object. */
export interface FlightPart {
  /** What follows the object's key in the key of this part: `\n#` and what tells it from others. */
  readonly suffix: string;
  /** What follows it in the key under which a 206 is stored. Default: the same. */
  readonly storedAs?: string;
  /** Value of `Range`. */
  readonly range: string;
  /** Asks for the bytes only where this has changed. */
  readonly unlessLike?: StoredResponse;
}

/** One upstream request and those who wait for it. */
export interface Flight {
  readonly fill: Fill;
  /** The stale response it asks about. */
  readonly stored: StoredResponse | undefined;
  readonly part: FlightPart | undefined;
  /** The same response with new fields, once the upstream said 304, and whether they let it be stored. */
  refreshed: Refreshed | undefined;
  /** Who wants to hear of interim answers while they wait for the head. */
  readonly listeners: Set<NonNullable<RawRequest["onInformational"]>>;
}

/** A flight boarded. */
export interface Boarded {
  readonly flight: Flight;
  readonly leave: () => void;
  /** Somebody else's request started it. */
  readonly collapsed: boolean;
}

/** Who asks when something is fetched ahead. */
const NOBODY: Omit<RawRequest, "target"> = {
  method: "GET",
  origin: "http://prefetch.internal",
  headers: {},
  body: null,
  connection: undefined,
  signal: new AbortController().signal,
};

/** Where a response with new fields is filed, and from when it is. */
interface Place {
  readonly fullKey: string;
  readonly suffix?: string;
  readonly generation: number;
  /** False: it is only made. Default true. */
  readonly store?: boolean;
}

/** Options of {@link Flights}. */
export interface FlightsOptions {
  readonly upstream: Upstream;
  readonly timeouts: UpstreamTimeouts;
  readonly clock: () => number;
  readonly systemClock: () => number;
  /** Asked for each flight: one keeps to what it began with. */
  readonly policy: () => StoragePolicy;
  readonly tier: MemoryTier<StoredResponse>;
  readonly forwarder: Forwarder;
  readonly counts: EdgeCounts;
  /** See {@link UpstreamRequest.wanted}. */
  readonly wantedOf: (request: Pick<RawRequest, "headers">) => string | undefined;
  /** What is known of live media. Default: nothing. */
  readonly live?: LiveEdge | undefined;
  /** The tier, where there is a disk behind it. */
  readonly tiers?: TieredStore | undefined;
  /** Default: a new one. */
  readonly vary?: VaryIndex;
  /** Default: nothing is ever purged. */
  readonly purges: PurgeJudge | undefined;
}

export class Flights {
  readonly vary: VaryIndex;
  readonly #options: FlightsOptions;
  /** Those that may be boarded. */
  readonly #byKey = new Map<string, Flight>();
  readonly #all = new Set<Flight>();
  /** Until when a key is passed. */
  readonly #passed = new BoundedMemory<number>();

  constructor(options: FlightsOptions) {
    this.#options = options;
    this.vary = options.vary ?? new VaryIndex();
  }

  get size(): number {
    return this.#all.size;
  }

  /** What is stored under a key, unless it was purged. Softly purged: {@link isSoft} says so. */
  find(fullKey: string): StoredResponse | undefined {
    return this.judged(fullKey, this.#options.tier.get(fullKey));
  }

  /** Whether all purges are known here, so that what is stored may be served without asking. */
  isTrusted(): boolean {
    const { purges, clock } = this.#options;
    return purges?.trustedUntil === undefined || clock() < purges.trustedUntil;
  }

  /** Takes what is only on disk into memory, for {@link find}. Undefined where there is nothing to wait for. */
  warm(storageKey: string): Promise<unknown> | undefined {
    return this.#options.tiers?.warm(storageKey);
  }

  /** Whether {@link warm} may bring it. */
  isOnDisk(storageKey: string): boolean {
    return this.#options.tiers?.isOnDisk(storageKey) === true;
  }

  /** What {@link find} gives for what is stored, wherever it was found. */
  judged(fullKey: string, stored: StoredResponse | undefined): StoredResponse | undefined {
    const { tier, purges } = this.#options;
    if (stored === undefined || purges === undefined || stored.judgedAt === purges.generation) return stored;
    const verdict = judge(purges, stored);
    if (verdict === "kept") stored.judgedAt = purges.generation;
    if (verdict !== "hard") return stored;
    tier.delete(fullKey);
    return undefined;
  }

  /** Whether what {@link find} gave counts as stale though its time is not over. */
  isSoft(stored: StoredResponse): boolean {
    const { purges } = this.#options;
    if (purges === undefined || stored.judgedAt === purges.generation) return false;
    return judge(purges, stored) === "soft";
  }

  /** Whether answers to this key are known not to be shared. */
  isPassed(fullKey: string): boolean {
    const until = this.#passed.get(fullKey);
    if (until === undefined) return false;
    if (this.#options.clock() < until) return true;
    this.#passed.delete(fullKey);
    return false;
  }

  /** Whether something for this key is under way that a request may take part in. */
  isUnderWay(fullKey: string): boolean {
    const flight = this.#byKey.get(fullKey);
    return flight !== undefined && this.#isJoinable(flight);
  }

  /**
   * Takes part in the flight for a key, or starts one. Undefined for a HEAD that would have to start one: a whole body is too much for it.
   * A request with `Authorization` flies alone: whether its answer is for others is only known afterwards.
   *
   * @param fresh - starts one even where one is under way whose head is here already.
   */
  board(
    request: RawRequest,
    key: string,
    fullKey: string,
    stored: StoredResponse | undefined,
    { part, fresh = false }: { part?: FlightPart; fresh?: boolean } = {},
  ): Boarded | undefined {
    const alone = request.headers.authorization !== undefined;
    const existing = alone ? undefined : this.#byKey.get(fullKey + (part?.suffix ?? ""));
    if (existing !== undefined && this.#isJoinable(existing) && !(fresh && existing.fill.arrived !== undefined)) {
      return this.#join(existing, request, true);
    }
    if (request.method === "HEAD") return undefined;
    return this.#join(this.#start(request, key, fullKey, stored, part, alone), request, false);
  }

  /** Fetches a stale response again in the background, unless that is under way. Nobody boards: it ends where it cannot be stored. */
  refresh(request: RawRequest, key: string, fullKey: string, stored: StoredResponse): void {
    // Whether the answer to one with `Authorization` is for others is only known afterwards: it would not refresh anything.
    if (this.#byKey.has(fullKey) || request.headers.authorization !== undefined) return;
    this.#start(request, key, fullKey, stored, undefined, false);
  }

  /**
   * Fetches and stores what nobody has asked for yet. Undefined where it is fresh, or on its way already. Resolves with the bytes that came when
   * nothing more will; never rejects.
   */
  prefetch({ target, range, held }: Prefetch): Promise<number> | undefined {
    if (range !== undefined || this.isPassed(target)) return undefined;
    const request: RawRequest = { ...NOBODY, target };
    const fullKey = this.vary.keyOf(target, request.headers);
    if (this.#byKey.has(fullKey)) return undefined;
    const stored = this.find(fullKey);
    if (stored !== undefined && ttlOf(stored.freshness, this.#options.clock()) > 0) return undefined;
    return new Promise((resolve) => {
      this.#start(request, target, fullKey, stored, undefined, false, { held, onEnd: resolve });
    });
  }

  /**
   * Whether a request gets this flight's answer, once its head is here. `retry`: it varies by a field in which they differ. `pass`: it is for
   * the client alone that caused it.
   */
  admits({ flight, collapsed }: Boarded, head: FillHead, request: RawRequest): "yes" | "retry" | "pass" {
    const { fill, refreshed } = flight;
    // It is not the one that was asked about: another time without asking about it.
    if (head.status === 304 && knownOf(flight) !== undefined && refreshed === undefined) return "retry";
    if (!collapsed) return "yes";
    if (head.vary === null || !isSameVariant(head.vary, fill.request.headers, request.headers)) return "retry";
    const personal = isPersonal(request) || isPersonal(fill.request);
    return isShareable(refreshed?.decision ?? head.decision, head.status, personal) ? "yes" : "pass";
  }

  /** Forgets what is stored and arriving for a key. */
  invalidate(key: string): void {
    this.vary.invalidate(key);
    this.#options.tier.delete(key);
    for (const suffix of [OBJECT, PART]) this.#options.tier.delete(key + suffix);
    for (const flight of this.#all) if (flight.fill.target === key) flight.fill.doNotStore();
    for (const [fullKey, { fill }] of this.#byKey) if (fill.target === key) this.#byKey.delete(fullKey);
  }

  /** Stores what came with a 304, or a HEAD: the same body with new fields. @returns the decision, and the response whether stored or not. */
  freshen(
    stored: StoredResponse,
    request: Pick<RawRequest, "headers">,
    head: RefreshingHead,
    { fullKey, suffix = "", generation, store = true }: Place,
  ): Refreshed {
    const { tier, policy, live } = this.#options;
    const refreshed = refresh({ stored, request, head, fullKey, generation, policy: policy(), live });
    const { response, decision } = refreshed;
    // What an authorized client may not leave here says nothing of what was here before.
    if (!store || (!decision.store && decision.reason === "authorization")) return refreshed;
    if (decision.store) this.vary.learn(stored.key, response.vary);
    const before = fullKey + suffix;
    const at = this.vary.keyOf(stored.key, request.headers) + suffix;
    if (this.#isNewer(at, generation)) return refreshed;
    if (!decision.store || at !== before) tier.delete(before);
    if (decision.store) tier.set(at, response);
    return refreshed;
  }

  /** Of the purge log, now. */
  get generation(): number {
    return this.#options.purges?.generation ?? 0;
  }

  close(): void {
    for (const { fill } of this.#all) fill.abort(new CdnError("CLOSED", "the edge is closing"));
    this.#byKey.clear();
  }

  #isJoinable({ fill }: Flight): boolean {
    const now = this.#options.clock();
    if (!fill.isJoinable((decision) => decision.store && ttlOf(decision.freshness, now) > 0)) return false;
    const { purges } = this.#options;
    if (purges === undefined || fill.generation === purges.generation) return true;
    const tags = fill.arrived === undefined ? [] : tagsOf(fill.arrived.headers);
    // While its tags are not known yet, a purge of any tag may be about it.
    if (fill.arrived === undefined) return false;
    return purges.judge({ key: fill.target, tags, generation: fill.generation }) === "kept";
  }

  #join(flight: Flight, request: RawRequest, collapsed: boolean): Boarded {
    const { onInformational } = request;
    const leaveFill = flight.fill.join();
    if (onInformational === undefined) return { flight, leave: leaveFill, collapsed };
    if (flight.fill.arrived === undefined) flight.listeners.add(onInformational);
    const leave = (): void => {
      flight.listeners.delete(onInformational);
      leaveFill();
    };
    return { flight, leave, collapsed };
  }

  #start(
    request: RawRequest,
    key: string,
    fullKey: string,
    stored: StoredResponse | undefined,
    part: FlightPart | undefined,
    alone: boolean,
    ahead?: { readonly held: boolean; readonly onEnd: (bytes: number) => void },
  ): Flight {
    const { clock, systemClock, tier, timeouts, policy, counts, forwarder, live } = this.#options;
    const headers = sharedHeaders(request, forwarder);
    if (part !== undefined) headers.push("range", part.range);
    const seen = this.#options.purges?.seen;
    if (seen !== undefined) headers.push(PURGES_SEEN_FIELD, seen);
    const known = stored ?? part?.unlessLike;
    if (known !== undefined) pushValidators(headers, known);
    counts.clients.upstreamRequests += 1;
    const suffix = part?.suffix ?? "";
    const listeners: Flight["listeners"] = new Set();
    const fill = new Fill({
      key: fullKey + suffix,
      target: key,
      generation: this.generation,
      request,
      send: (signal) =>
        this.#send(fullKey, known !== undefined || part !== undefined, {
          ...{ method: "GET", target: key, headers, body: null, signal },
          ...(ahead?.held && { held: true }),
          wanted: this.#options.wantedOf(request),
          onInformational: (status, fields) => {
            for (const listener of listeners) tell(listener, status, fields);
          },
        }),
      tier,
      clock,
      systemClock,
      policy: policy(),
      live,
      byClient: ahead === undefined,
      bodyTimeout: timeouts.body,
      onBytes: (bytes) => {
        if (fill.arrived?.fromPeer) counts.bytesFromPeers += bytes;
        else counts.clients.bytesFromUpstream += bytes;
      },
      onHead: (head) => this.#onHead(flight, fullKey, head, alone),
      onEnd: (entry) => {
        this.#all.delete(flight);
        const now = this.vary.keyOf(key, request.headers);
        for (const each of [fullKey + suffix, fullKey, now + suffix, now]) {
          if (this.#byKey.get(each) === flight) this.#byKey.delete(each);
        }
        if (entry !== undefined) this.#store(flight, entry);
        ahead?.onEnd(fill.body.received);
      },
    });
    const flight: Flight = { fill, stored, part, refreshed: undefined, listeners };
    this.#all.add(flight);
    if (!alone) this.#byKey.set(fullKey + suffix, flight);
    return flight;
  }

  async #send(fullKey: string, isOnlyOneWay: boolean, request: UpstreamRequest) {
    const { upstream, clock } = this.#options;
    const beginning = isOnlyOneWay ? undefined : this.find(fullKey + PART);
    if (beginning === undefined || missingAfter(beginning) === undefined) return await upstream.send(request);
    if (ttlOf(beginning.freshness, clock()) <= 0 || this.isSoft(beginning)) return await upstream.send(request);
    return await sendForRest(upstream, request, beginning);
  }

  #store({ fill, part, stored }: Flight, entry: StoredResponse): void {
    const { tier, clock } = this.#options;
    const { key, status } = entry;
    if (part !== undefined && status !== 206 && !ABOUT_WHOLE.has(status)) return;
    if (part === undefined && status === 206) return;
    if (!this.vary.admits(key, entry.vary)) return;
    const at = this.vary.keyOf(key, fill.request.headers) + (status === 206 ? (part!.storedAs ?? part!.suffix) : "");
    // An error that came in place of something which may stand in for it does not push it out.
    if (stored !== undefined && status >= 500 && mayStandIn(stored, clock())) return;
    if (!this.#isNewer(at, entry.generation)) tier.set(at, entry);
  }

  /** Whether what is stored came of a request that was sent after a purge which this one was sent before. */
  #isNewer(storageKey: string, generation: number): boolean {
    const stored = this.#options.tier.get(storageKey);
    return stored !== undefined && stored.generation > generation;
  }

  #onHead(flight: Flight, fullKey: string, head: FillHead, alone: boolean): void {
    const { fill, stored, part } = flight;
    flight.listeners.clear();
    const { target: key, generation } = fill;
    const known = knownOf(flight);
    if (head.status === 304 && known !== undefined) {
      if (isOfAnother(head, known)) {
        this.#options.tier.delete(stored === undefined ? fullKey + OBJECT : fullKey);
        return;
      }
      const place = { fullKey, generation, store: !fill.invalidated, ...(stored === undefined && { suffix: OBJECT }) };
      flight.refreshed = this.freshen(known, fill.request, head, place);
      return;
    }
    if (head.decision.store) {
      this.vary.learn(key, head.decision.vary);
      const isPart = part !== undefined && head.status === 206;
      const at = this.vary.keyOf(key, fill.request.headers) + (isPart ? part.suffix : "");
      if (!alone && !(part !== undefined && !isPart && this.#byKey.has(at))) this.#byKey.set(at, flight);
      return;
    }
    // An answer to somebody says nothing of what others would get.
    if (alone || isPersonal(fill.request)) return;
    if (head.status >= 400 || isShareable(head.decision, head.status, false)) return;
    this.#passed.set(fullKey, this.#options.clock() + PASS_MEMORY);
  }
}

/** What a flight asks about. */
function knownOf({ stored, part }: Flight): StoredResponse | undefined {
  return stored ?? part?.unlessLike;
}

function judge(purges: PurgeJudge, { key, tags, judgedAt }: StoredResponse): Verdict {
  return purges.judge({ key, tags, generation: judgedAt });
}

/** A client that cannot be told is no reason to leave the others without an answer. */
function tell(listener: NonNullable<RawRequest["onInformational"]>, status: number, fields: readonly string[]): void {
  try {
    listener(status, fields);
  } catch {
    // Its connection will show it.
  }
}
