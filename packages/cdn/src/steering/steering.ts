/** Content steering: tells players which edge to use, and another one when that fails. For HLS and DASH. */

import { randomUUID } from "node:crypto";
import { metrics, type ObservableResult } from "@opentelemetry/api";
import { CdnError } from "../errors.ts";
import { toResponse } from "../handler/convert.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { errorResponse } from "../http/error-response.ts";
import { type Logger, silentLogger } from "../logger.ts";
import {
  above0,
  anything,
  atLeast0,
  byName,
  callable,
  checkOptions,
  listOf,
  logger as loggerRule,
  object,
  type Rules,
  required,
  text,
} from "../options/check-options.ts";
import { createHealthDispatcher, HealthPoll } from "./health.ts";
import { orderPathways, type PathwayState } from "./pathway-order.ts";
import { type PathwayClone, steeringDocument } from "./steering-document.ts";
import { readSteeringRequest, reloadUri } from "./steering-request.ts";

/** Seconds between two questions of a player: the specification's recommendation. */
const DEFAULT_STEERING_TTL = 300;
/** Seconds, while a pathway is down. */
const DEFAULT_DEGRADED_TTL = 10;
/** Milliseconds between two looks at an edge. */
const DEFAULT_HEALTH_INTERVAL = 5_000;
/** Milliseconds for it to answer. */
const DEFAULT_HEALTH_TIMEOUT = 2_000;
/** Pathways of one document. */
const MAX_PATHWAYS = 16;
const ID = /^[A-Za-z0-9._-]{1,64}$/;
/** A name or an address, without a port: HLS players put it into the place of the host name and leave the port as it is. */
const HOST = /^(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])$/;

/** One way to the media. */
export interface Pathway {
  /** `PATHWAY-ID` in the Multivariant Playlist, `serviceLocation` in the MPD. Letters, digits, `.`, `_`, `-`. */
  readonly id: string;
  /** Share of the sessions, relative to the others. Default 1. */
  readonly weight?: number;
  /** For a pathway that playlists do not list: how it is made from one that they do. */
  readonly clone?: PathwayClone;
  /** URL that is polled, such as an edge's `/readyz`: 2xx is healthy. JSON with a `load` of 0 to 1 counts as its load. */
  readonly healthUrl?: string;
  /** Asked for each answer, beside `healthUrl`. Default: healthy. */
  readonly healthy?: () => boolean;
  /** 0 to 1, instead of what `healthUrl` says. From 0.7 on it gets fewer sessions. */
  readonly load?: () => number;
}

/** Options of {@link createSteering}. */
export interface SteeringOptions {
  readonly pathways: readonly Pathway[];
  /** Seconds. Default 300. */
  readonly ttl?: number;
  /** Seconds, while a pathway is unhealthy: so soon players on it are told another, and come back. Default 10, and at most `ttl`. */
  readonly degradedTtl?: number;
  /** bit/s: a pathway on which a player measured less is put last for its session. Default: none is. */
  readonly minThroughput?: number;
  /** Milliseconds between two polls of a pathway. Default 5,000. */
  readonly healthInterval?: number;
  /** Milliseconds. Default 2,000. */
  readonly healthTimeout?: number;
  /** Makes names of sessions: letters, digits, `_`, `-`. Default random ones. */
  readonly newSession?: () => string;
  /** Names it in metrics. Default `steering`. */
  readonly name?: string;
  /** Default: silent. */
  readonly logger?: Logger;
}

const RULES: Rules<SteeringOptions> = {
  pathways: required(
    listOf(
      object<Pathway>({
        id: required(text),
        weight: anything,
        clone: object<PathwayClone>({
          baseId: required(text),
          host: required(text),
          params: byName(text),
          perVariantUris: byName(text),
          perRenditionUris: byName(text),
        }),
        healthUrl: text,
        healthy: callable,
        load: callable,
      }),
    ),
  ),
  ttl: above0("seconds"),
  degradedTtl: above0("seconds"),
  minThroughput: atLeast0("bits a second"),
  healthInterval: above0("milliseconds"),
  healthTimeout: above0("milliseconds"),
  newSession: callable,
  name: text,
  logger: loggerRule,
};

/** A steering server. */
export interface Steering extends AsyncDisposable {
  /** Answers whatever path it is put on. Put it on one of its own; nothing in front of it may cache. */
  readonly handle: FetchHandler;
  /** As they are now. */
  readonly pathways: readonly PathwayState[];
  /** Ends the polls. Idempotent. */
  close(): Promise<void>;
}

/**
 * Steers. Keeps nothing about a session: what there is to remember is in the `RELOAD-URI` that its player asks with, so any number of
 * steering servers may answer in turn.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function createSteering(options: SteeringOptions): Steering {
  checkOptions("createSteering", options, RULES);
  checkPathways(options.pathways);
  const { pathways, ttl = DEFAULT_STEERING_TTL, minThroughput = 0, name = "steering" } = options;
  const { logger = silentLogger, newSession = randomUUID } = options;
  const degradedTtl = Math.min(ttl, options.degradedTtl ?? DEFAULT_DEGRADED_TTL);
  const dispatcher = createHealthDispatcher();
  const polls = new Map<string, HealthPoll>();
  for (const { id, healthUrl } of pathways) {
    if (healthUrl === undefined) continue;
    const poll = new HealthPoll({
      url: healthUrl,
      interval: options.healthInterval ?? DEFAULT_HEALTH_INTERVAL,
      timeout: options.healthTimeout ?? DEFAULT_HEALTH_TIMEOUT,
      dispatcher,
      onChange: (healthy) => logger[healthy ? "info" : "warn"]({ pathway: id, healthy }, "a pathway changed"),
    });
    polls.set(id, poll);
  }

  const stateOf = ({ id, weight = 1, healthy, load }: Pathway): PathwayState => {
    const poll = polls.get(id);
    return {
      id,
      weight,
      healthy: (poll?.healthy ?? true) && (healthy?.() ?? true),
      load: load?.() ?? poll?.load ?? 0,
    };
  };
  const states = (): PathwayState[] => pathways.map(stateOf);
  const clones = pathways.flatMap(({ id, clone }) => (clone === undefined ? [] : [{ id, ...clone }]));
  const known = new Set(pathways.map(({ id }) => id));
  const counted = observe(name, states);

  const answer = (query: URLSearchParams): string => {
    const asked = readSteeringRequest(query);
    const session = asked.session ?? newSession();
    const slow = new Set([...asked.slow].filter((id) => known.has(id)));
    for (const { id, throughput } of asked.pathways) {
      if (known.has(id) && throughput !== undefined && throughput < minThroughput) slow.add(id);
    }
    // Where all are slow, it is not the pathways that are.
    if (slow.size === known.size) slow.clear();
    const now = states();
    const priority = orderPathways(now, { session, slow });
    counted.answer(priority[0]!);
    const isDegraded = now.some(({ healthy }) => !healthy);
    const facts = {
      ttl: isDegraded ? degradedTtl : ttl,
      reloadUri: reloadUri(asked.carried, session, slow),
      priority,
      clones,
    };
    return JSON.stringify(steeringDocument(facts));
  };

  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      counted.stop();
      for (const poll of polls.values()) poll.close();
      await dispatcher.destroy();
    })();
    return closing;
  };

  return {
    handle: (request) => {
      const { method, url } = request;
      if (method === "OPTIONS") return toResponse({ status: 204, headers: PREFLIGHT, body: null }, method);
      if (method !== "GET" && method !== "HEAD") {
        const fields = ["allow", "GET, HEAD, OPTIONS", ...CROSS_ORIGIN];
        return toResponse(errorResponse(405, "METHOD_NOT_ALLOWED", "only GET and HEAD", fields), method);
      }
      const body = Buffer.from(answer(new URL(url).searchParams));
      return toResponse({ status: 200, headers: [...FIELDS, "content-length", String(body.byteLength)], body }, method);
    },
    get pathways() {
      return states();
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const CROSS_ORIGIN = ["access-control-allow-origin", "*"];
/** Each session has its own document. */
const FIELDS = ["content-type", "application/json", "cache-control", "no-store", ...CROSS_ORIGIN];
/** Players that send CMCD in fields ask first (CTA-5004-B §6). */
const PREFLIGHT = [
  ...CROSS_ORIGIN,
  "access-control-allow-methods",
  "GET, HEAD",
  "access-control-allow-headers",
  "CMCD-Request, CMCD-Object, CMCD-Status, CMCD-Session",
  "access-control-max-age",
  "86400",
];

function checkPathways(pathways: readonly Pathway[]): void {
  const fail = (message: string): never => {
    throw new CdnError("INVALID_OPTION", message);
  };
  if (pathways.length === 0 || pathways.length > MAX_PATHWAYS) fail(`steering takes 1 to ${MAX_PATHWAYS} pathways`);
  const cloned = new Set<string>();
  const all = new Set(pathways.map(({ id }) => id));
  if (all.size < pathways.length) fail("two pathways have the same id");
  if (pathways.every(({ clone }) => clone !== undefined)) fail("a pathway that is no clone is missing");
  for (const { id, weight = 1, clone, healthUrl } of pathways) {
    if (!ID.test(id))
      fail(`the pathway id ${JSON.stringify(id)} has other characters than letters, digits, ".", "_", "-"`);
    if (!(weight > 0 && weight < Number.POSITIVE_INFINITY)) fail(`the weight of pathway ${id} is not above zero`);
    if (healthUrl !== undefined && !/^https?:$/.test(URL.parse(healthUrl)?.protocol ?? "")) {
      fail(`the health URL of pathway ${id} is no http(s) URL`);
    }
    if (clone === undefined) continue;
    if (!HOST.test(clone.host)) fail(`the host of pathway ${id} is no host name; it has no scheme, port or path`);
    // Players make them one after another.
    const base = pathways.find((other) => other.id === clone.baseId);
    if (base === undefined || (base.clone !== undefined && !cloned.has(clone.baseId))) {
      fail(`pathway ${id} is a clone of ${clone.baseId}, which is no pathway before it`);
    }
    cloned.add(id);
  }
}

function observe(name: string, states: () => readonly PathwayState[]) {
  const meter = metrics.getMeter("@ami-streams/cdn");
  const answers = meter.createCounter("ami.edge.steering.answers", {
    description: "Steering answers, by first pathway",
  });
  const health = meter.createObservableGauge("ami.edge.steering.healthy", { description: "1 for a healthy pathway" });
  const attributes = (pathway: string) => ({ "ami.edge.name": name, "ami.edge.pathway": pathway });
  const look = (result: ObservableResult): void => {
    for (const { id, healthy } of states()) result.observe(healthy ? 1 : 0, attributes(id));
  };
  health.addCallback(look);
  return {
    answer: (pathway: string) => answers.add(1, attributes(pathway)),
    stop: () => health.removeCallback(look),
  };
}
