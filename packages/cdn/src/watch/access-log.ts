/** Logs requests: a wrapper that costs nothing where it does not log. */

import { hasCmcd, readCmcd } from "../cmcd/cmcd.ts";
import { CdnError } from "../errors.ts";
import { createGuard } from "../guard/guard.ts";
import type { CacheOutcome } from "../handler/answer-facts.ts";
import type { Connection, FetchHandler } from "../handler/fetch-handler.ts";
import type { RawFetchHandler, RawRequest, RawResponse } from "../handler/raw.ts";
import {
  anything,
  callable,
  checkOptions,
  having,
  listOf,
  oneOf,
  orFunction,
  type Rules,
  required,
  text,
} from "../options/check-options.ts";
import { ACCESS_FORMATS, type AccessFormat, type AccessRecord } from "./access-record.ts";
import { failedAnswer, withEnd } from "./answer-end.ts";

/** Where lines go. It must not hold anybody up: what it cannot take it drops. A destination of pino is one. */
export interface LogSink {
  /** @param line - with its end. */
  write(line: string): unknown;
}

/** Shares of the requests that are logged, 0 to 1, by what became of them. Those not named: 1. */
export type SampleByOutcome = { readonly [Outcome in CacheOutcome]?: number };

/** Options of {@link accessLog}. */
export interface AccessLogOptions {
  /** `json`, `common`, `combined`, or a function that makes the line. Default `json`. */
  readonly format?: keyof typeof ACCESS_FORMATS | AccessFormat;
  /** Share of the requests that are logged, 0 to 1; or one for each outcome. Default 1. */
  readonly sample?: number | SampleByOutcome;
  readonly sink: LogSink;
  /** Query parameters whose values are left out: they would let readers of the log in. Default `token`, as signed URLs have it. */
  readonly hideParams?: readonly string[];
  /** Milliseconds, steady. Default `performance.now`. */
  readonly clock?: () => number;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly systemClock?: () => number;
  /** From 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
}

const RULES: Rules<AccessLogOptions> = {
  format: orFunction(oneOf(...Object.keys(ACCESS_FORMATS))),
  sample: anything,
  sink: required(having("write")),
  hideParams: listOf(text),
  clock: callable,
  systemClock: callable,
  random: callable,
};

const PROTOCOLS: Readonly<Record<Connection["protocol"], string>> = {
  "http/1.0": "HTTP/1.0",
  "http/1.1": "HTTP/1.1",
  h2: "HTTP/2.0",
};

/**
 * The handler, with a line in `sink` for every answer, or for a share of them, when its last byte has been handed over.
 *
 * It is decided before the handler is asked whether a request may be logged at all: the others pass as if there were no log. Whatever
 * clients send is escaped, so that nobody can forge lines or drive a reader's terminal.
 *
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function accessLog(handler: FetchHandler, options: AccessLogOptions): RawFetchHandler {
  checkOptions("accessLog", options, RULES);
  const { sink, sample = 1, clock = () => performance.now(), systemClock = Date.now, random = Math.random } = options;
  const { format = "json" } = options;
  const formatLine = typeof format === "function" ? format : ACCESS_FORMATS[format];
  const shareOf = shares(sample);
  const most = typeof sample === "number" ? sample : 1;
  const hide = hiding(options.hideParams ?? ["token"]);

  return createGuard((next) => (request) => {
    const roll = random();
    if (roll >= most) return next(request);
    const time = systemClock();
    const started = clock();
    const log = (answer: RawResponse): RawResponse => {
      if (roll >= shareOf(answer.about?.outcome)) return answer;
      const ttfb = clock() - started;
      return withEnd(answer, request.method, (bytes, complete) => {
        const times = { time, ttfb: ttfb / 1000, duration: (clock() - started) / 1000 };
        sink.write(`${formatLine(recordOf(request, answer, times, bytes, complete, hide))}\n`);
      });
    };
    const fail = (error: unknown): never => {
      log(failedAnswer(request, error));
      throw error;
    };
    let answer: RawResponse | Promise<RawResponse>;
    try {
      answer = next(request);
    } catch (error) {
      return fail(error);
    }
    return answer instanceof Promise ? answer.then(log, fail) : log(answer);
  })(handler);
}

function shares(sample: number | SampleByOutcome): (outcome: CacheOutcome | undefined) => number {
  const all = typeof sample === "number" ? [sample] : Object.values(sample);
  const wrong = all.find((share) => !(share >= 0 && share <= 1));
  if (wrong !== undefined) throw new CdnError("INVALID_OPTION", `sample is ${wrong}: give a share from 0 to 1`);
  if (typeof sample === "number") return () => sample;
  return (outcome) => (outcome === undefined ? 1 : (sample[outcome] ?? 1));
}

/** Replaces values of parameters by a dash. */
function hiding(names: readonly string[]): (target: string) => string {
  if (names.length === 0) return (target) => target;
  const escaped = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const values = new RegExp(`([?&](?:${escaped.join("|")})=)[^&]*`, "g");
  return (target) => {
    // A signed URL may have its token as the first segment of its path.
    const path = target.startsWith("/~") ? target.replace(/^\/~[^/?]*/, "/~-") : target;
    return path.includes("?") ? path.replace(values, "$1-") : path;
  };
}

function recordOf(
  request: RawRequest,
  { status, about }: RawResponse,
  times: Pick<AccessRecord, "time" | "ttfb" | "duration">,
  bytes: number,
  complete: boolean,
  hide: (target: string) => string,
): AccessRecord {
  const { method, target, headers, connection } = request;
  const cmcd = hasCmcd(request) ? readCmcd(request) : undefined;
  return {
    ...times,
    address: plainAddress(connection?.remoteAddress ?? ""),
    method,
    target: hide(target),
    host: headers.host,
    protocol: connection === undefined ? "HTTP" : PROTOCOLS[connection.protocol],
    tls: connection?.tls?.version,
    status,
    bytes,
    complete,
    outcome: about?.outcome,
    reason: about?.reason,
    upstream: about?.upstream,
    tier: about?.tier,
    range: headers.range,
    referer: headers.referer && hide(headers.referer),
    userAgent: headers["user-agent"],
    sid: cmcd?.sid,
    br: cmcd?.br,
    ot: cmcd?.ot,
  };
}

/** An IPv4 address that a socket for both families writes as one of IPv6. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
