/** Where players send their event reports (CTA-5004-A and -B §2.2, §3.3): one set a line, in the body of a POST. */

import type { CdnErrorCode } from "../errors.ts";
import { toResponse } from "../handler/convert.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { errorResponse } from "../http/error-response.ts";
import { above0, atLeast0, callable, checkOptions, madeBy, required } from "../options/check-options.ts";
import { type Cmcd, MAX_CMCD_CHARS, parseCmcd } from "./cmcd.ts";
import type { CmcdMetrics } from "./cmcd-metrics.ts";
import { Budget } from "./tap.ts";

/** Bytes of a body. */
const DEFAULT_MAX_REPORT_BYTES = 256 * 1024;
/** Reports of all players in a second. */
const DEFAULT_REPORTS_PER_SECOND = 2_000;
/** Lines of a body: more are not read. */
const MAX_LINES = 1_000;
/** Seconds that players are told to wait when there are too many of them. */
const RETRY_AFTER = "5";

/** Options of {@link createCmcdCollector}. */
export interface CmcdCollectorOptions {
  readonly metrics: CmcdMetrics;
  /** Each report that was read, for a log or a store of your own. What it throws fails the request. */
  readonly onReport?: (report: Cmcd) => void;
  /** Default 256 KiB. */
  readonly maxBodyBytes?: number;
  /** Reports read in a second; a body that comes when there were more is answered with 429, on which players back off. Default 2,000. */
  readonly maxPerSecond?: number;
  /** Set it to have players stop sending to this endpoint for the rest of their sessions (410). Default: never. */
  readonly closed?: () => boolean;
  /** Milliseconds, steady. Default `performance.now`. */
  readonly clock?: () => number;
}

/** Both names of the type: CTA-5004-A has `text/cmcd`, CTA-5004-B `application/cmcd`. Pages send `text/plain` when they want no preflight. */
const TYPES = /^\s*(?:application\/cmcd|text\/cmcd|text\/plain)\s*(?:;|$)/i;

const CROSS_ORIGIN = ["access-control-allow-origin", "*"];
const PREFLIGHT = [
  ...CROSS_ORIGIN,
  "access-control-allow-methods",
  "POST",
  "access-control-allow-headers",
  "content-type, authorization",
  "access-control-max-age",
  "86400",
];

/**
 * An endpoint for reports: a fetch handler, to be put on a path of its own. It answers 204 when something in the body could be read, and
 * passes over the rest of it. Who may send is the business of a guard in front.
 */
export function createCmcdCollector(options: CmcdCollectorOptions): FetchHandler {
  checkOptions("createCmcdCollector", options, {
    metrics: required(madeBy("observeCmcd", "record")),
    onReport: callable,
    maxBodyBytes: above0("bytes"),
    maxPerSecond: atLeast0("reports"),
    closed: callable,
    clock: callable,
  });
  const { metrics, onReport, maxBodyBytes = DEFAULT_MAX_REPORT_BYTES, closed } = options;
  const { maxPerSecond = DEFAULT_REPORTS_PER_SECOND, clock = () => performance.now() } = options;
  const budget = new Budget(maxPerSecond, clock);

  return async (request) => {
    const { method, headers } = request;
    if (method === "OPTIONS") return toResponse({ status: 204, headers: PREFLIGHT, body: null }, method);
    const refuse = (status: number, code: CdnErrorCode, message: string, fields: readonly string[] = []) =>
      toResponse(errorResponse(status, code, message, [...CROSS_ORIGIN, ...fields]), method);
    if (method !== "POST")
      return refuse(405, "METHOD_NOT_ALLOWED", "reports are sent by POST", ["allow", "POST, OPTIONS"]);
    if (closed?.()) return refuse(410, "CLOSED", "no more reports are taken here");
    if (!TYPES.test(headers.get("content-type") ?? "")) {
      return refuse(415, "BAD_REQUEST", "the type of a report is application/cmcd");
    }
    const text = await readText(request, maxBodyBytes);
    if (text === undefined) {
      return refuse(413, "BODY_TOO_LARGE", `a body of reports may have ${maxBodyBytes} bytes`);
    }
    let read = 0;
    for (const line of linesOf(text)) {
      if (!budget.take()) {
        metrics.unread("sampled");
        if (read > 0) continue;
        return refuse(429, "RATE_LIMITED", "too many reports at a time", ["retry-after", RETRY_AFTER]);
      }
      const report = line.length > MAX_CMCD_CHARS ? undefined : parseCmcd(line);
      if (report === undefined) {
        metrics.unread("malformed");
        continue;
      }
      read += 1;
      metrics.record(report, "event");
      onReport?.(report);
    }
    if (read === 0) return refuse(400, "BAD_REQUEST", "no line of the body is CMCD of version 1 or 2");
    return toResponse({ status: 204, headers: CROSS_ORIGIN, body: null }, method);
  };
}

/** The body; undefined where it is longer than `most`. A body that breaks off has what came of it. */
async function readText(request: Request, most: number): Promise<string | undefined> {
  if (Number(request.headers.get("content-length") ?? 0) > most) return undefined;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > most) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function linesOf(text: string): string[] {
  const lines: string[] = [];
  for (let start = 0; start < text.length && lines.length < MAX_LINES; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end).trim();
    if (line !== "") lines.push(line);
    start = end + 1;
  }
  return lines;
}
