/**
 * Common Media Client Data of a request (CTA-5004, version 1, and CTA-5004-A and -B, version 2): what a player says of its playback.
 *
 * Pure. What a player says is not trusted: whatever is not of the type that the specification gives it is left out, and every length is
 * bounded. A whole set that is no structured field (RFC 8941), or of a version after 2, counts as none.
 */

import { decodeCmcd } from "@svta/cml-cmcd";
import type { RawRequest } from "../handler/raw.ts";

/** Characters of one set, before it is decoded. */
export const MAX_CMCD_CHARS = 8192;
/** Characters of `sid`, `cid` and `cdn`: the specification's own bounds. */
const MAX_SESSION_ID = 64;
const MAX_CONTENT_ID = 128;
/** Characters of the other strings. */
const MAX_TEXT = 256;
/** Objects announced by one request. */
const MAX_NEXT = 4;
/** Larger numbers are a mistake: three years in milliseconds, a hundred terabits per second. */
const MAX_NUMBER = 1e11;
/** Milliseconds since 1970 have larger ones. */
const MAX_TIME = 1e14;

/** An object that the player is about to ask for, relative to the request that says so. */
export interface CmcdNextRequest {
  /** Absent where a range of the same object is meant. */
  readonly reference?: string;
  /** `0-99`, `100-`, `-50`: what follows `bytes=`. */
  readonly range?: string;
}

/**
 * What a player said. The keys are those of the specification; times in milliseconds, bit rates in kb/s. Of a list by object type (version 2)
 * it is the value for the object asked for, or else the first.
 */
export interface Cmcd {
  /** Version. */
  readonly v: 1 | 2;
  /** Session, content, and delivery network as the player calls them. */
  readonly sid?: string;
  readonly cid?: string;
  readonly cdn?: string;
  /** Object type: `m`, `a`, `v`, `av`, `i`, `c`, `tt`, `k`, `o`. */
  readonly ot?: string;
  /** Streaming format: `d`, `h`, `s`, `e`, `o`. */
  readonly sf?: string;
  /** Stream type: `v`, `l`, `ll`. */
  readonly st?: string;
  /** State of the player: `s`, `p`, `k`, `r`, `a`, `w`, `e`, `f`, `q`, `d`. */
  readonly sta?: string;
  /** Bit rate of the object, the highest and the lowest there is, the one that plays. */
  readonly br?: number;
  readonly tb?: number;
  readonly lb?: number;
  readonly pb?: number;
  /** Throughput measured, and the most that would be of use. */
  readonly mtp?: number;
  readonly rtp?: number;
  /** Buffer, its target, and the time until the object is needed. */
  readonly bl?: number;
  readonly tbl?: number;
  readonly dl?: number;
  /** Duration of the object. */
  readonly d?: number;
  /** Buffer starved since the last report; since when it did: how often, and how long in all. */
  readonly bs?: boolean;
  readonly bsa?: number;
  readonly bsd?: number;
  readonly bsda?: number;
  /** Needed at once: starting, seeking, or starved. */
  readonly su?: boolean;
  /** Time from the wish to play to the first picture. */
  readonly msd?: number;
  /** Distance to the live edge, as the player sees it. */
  readonly ltc?: number;
  /** Playback rate, playhead, frames dropped so far. */
  readonly pr?: number;
  readonly pt?: number;
  readonly dfa?: number;
  /** In the background; not shown. */
  readonly bg?: boolean;
  readonly nr?: boolean;
  /** Codes of errors, as the application has them. */
  readonly ec?: readonly string[];
  /** Number of the report. */
  readonly sn?: number;
  /** What is asked for next. */
  readonly nor?: readonly CmcdNextRequest[];
  /** Event reports only: which, when, custom name, host, and of a response its status, URL and times. */
  readonly e?: string;
  readonly ts?: number;
  readonly cen?: string;
  readonly h?: string;
  readonly rc?: number;
  readonly url?: string;
  readonly ttfb?: number;
  readonly ttlb?: number;
}

type Request = Pick<RawRequest, "target" | "headers">;

/** Whether a request says anything: four look-ups and a search, for the hot path. */
export function hasCmcd({ target, headers }: Request): boolean {
  return hasCmcdHeader(headers) || target.includes("CMCD=");
}

/** Reads a request. Where it has CMCD header fields, its query counts for nothing (CTA-5004-B §6). */
export function readCmcd({ target, headers }: Request): Cmcd | undefined {
  const text = hasCmcdHeader(headers) ? textOfHeaders(headers) : textOfQuery(target);
  return text === undefined ? undefined : parseCmcd(text);
}

/** Reads one set, as a header field or a line of a report has it. */
export function parseCmcd(text: string): Cmcd | undefined {
  if (text === "" || text.length > MAX_CMCD_CHARS) return undefined;
  let data: Record<string, unknown>;
  try {
    data = decodeCmcd(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  const v = data.v === undefined ? 1 : data.v;
  if (v !== 1 && v !== 2) return undefined;
  const ot = token(data.ot, OBJECT_TYPES);
  const found: Partial<Record<keyof Cmcd, unknown>> = { v };
  for (const [key, value] of Object.entries(data)) {
    const known = READERS.get(key)?.(value, ot);
    if (known !== undefined) found[key as keyof Cmcd] = known;
  }
  const nor = nextRequests(data, v);
  if (nor.length > 0) found.nor = nor;
  return found as Cmcd;
}

function hasCmcdHeader(headers: Request["headers"]): boolean {
  return (
    headers["cmcd-session"] !== undefined ||
    headers["cmcd-request"] !== undefined ||
    headers["cmcd-object"] !== undefined ||
    headers["cmcd-status"] !== undefined
  );
}

function textOfHeaders(headers: Request["headers"]): string {
  const shards = [headers["cmcd-request"], headers["cmcd-object"], headers["cmcd-status"], headers["cmcd-session"]];
  return shards.filter((shard) => shard !== undefined && shard !== "").join(",");
}

function textOfQuery(target: string): string | undefined {
  for (let at = target.indexOf("CMCD="); at !== -1; at = target.indexOf("CMCD=", at + 1)) {
    const before = target[at - 1];
    if (before !== "?" && before !== "&") continue;
    const ampersand = target.indexOf("&", at);
    const encoded = target.slice(at + 5, ampersand === -1 ? target.length : ampersand);
    if (encoded.length > 3 * MAX_CMCD_CHARS) return undefined;
    try {
      return decodeURIComponent(encoded.replaceAll("+", " "));
    } catch {
      return undefined;
    }
  }
  return undefined;
}

type Reader = (value: unknown, ot: string | undefined) => unknown;

const OBJECT_TYPES = new Set(["m", "a", "v", "av", "i", "c", "tt", "k", "o"]);
const FORMATS = new Set(["d", "h", "s", "e", "o"]);
const STREAM_TYPES = new Set(["v", "l", "ll"]);
const STATES = new Set(["s", "p", "k", "r", "a", "w", "e", "f", "q", "d"]);
const EVENTS = new Set([
  "abs",
  "abe",
  "ae",
  "as",
  "b",
  "bc",
  "c",
  "ce",
  "e",
  "h",
  "m",
  "pc",
  "pe",
  "pr",
  "ps",
  "rr",
  "sk",
  "t",
  "um",
]);

const BY_KEY: Partial<Record<keyof Cmcd, Reader>> = {
  sid: (value) => text(value, MAX_SESSION_ID),
  cid: (value) => text(value, MAX_CONTENT_ID),
  cdn: (value) => text(value, MAX_CONTENT_ID),
  ot: (value) => token(value, OBJECT_TYPES),
  sf: (value) => token(value, FORMATS),
  st: (value) => token(value, STREAM_TYPES),
  sta: (value) => token(value, STATES),
  br: ofType,
  tb: ofType,
  lb: ofType,
  pb: ofType,
  mtp: ofType,
  rtp: number,
  bl: ofType,
  tbl: ofType,
  dl: number,
  d: number,
  bs: flag,
  bsa: ofType,
  bsd: total,
  bsda: ofType,
  su: flag,
  msd: number,
  ltc: number,
  pr: number,
  pt: (value) => number(value, undefined, MAX_TIME),
  dfa: number,
  bg: flag,
  nr: flag,
  ec: codes,
  sn: number,
  e: (value) => token(value, EVENTS),
  ts: (value) => number(value, undefined, MAX_TIME),
  cen: (value) => text(value, MAX_SESSION_ID),
  h: (value) => text(value, MAX_CONTENT_ID),
  rc: number,
  url: (value) => text(value, MAX_TEXT),
  ttfb: number,
  ttlb: number,
};
const READERS = new Map<string, Reader>(Object.entries(BY_KEY));

/** Printable ASCII only, as RFC 8941 has strings: it goes into logs. */
function text(value: unknown, longest: number): string | undefined {
  const bare = bareOf(value);
  return typeof bare === "string" && bare.length <= longest && /^[\x20-\x7e]+$/.test(bare) ? bare : undefined;
}

function token(value: unknown, known: ReadonlySet<string>): string | undefined {
  return typeof value === "string" && known.has(value) ? value : undefined;
}

function flag(value: unknown): boolean | undefined {
  return typeof value === "boolean" ? value : undefined;
}

function number(value: unknown, _ot?: string, largest = MAX_NUMBER): number | undefined {
  const bare = bareOf(value);
  return typeof bare === "number" && bare >= 0 && bare <= largest ? bare : undefined;
}

/** Of a list by object type, the number for the type asked for, or else the first. */
function ofType(value: unknown, ot: string | undefined): number | undefined {
  if (!Array.isArray(value)) return number(value);
  const own = ot === undefined ? undefined : value.find((item) => paramsOf(item)?.[ot] === true);
  return number(own ?? value[0]);
}

function total(value: unknown): number | undefined {
  if (!Array.isArray(value)) return number(value);
  let sum: number | undefined;
  for (const item of value.slice(0, 64)) {
    const each = number(item);
    if (each !== undefined) sum = (sum ?? 0) + each;
  }
  return sum;
}

function codes(value: unknown): readonly string[] | undefined {
  const list = Array.isArray(value) ? value.slice(0, 8) : [value];
  const found = list.map((item) => text(item, MAX_SESSION_ID)).filter((code) => code !== undefined);
  return found.length === 0 ? undefined : found;
}

function nextRequests({ nor, nrr }: Record<string, unknown>, v: 1 | 2): CmcdNextRequest[] {
  if (v === 1) {
    const reference = typeof nor === "string" ? unescaped(nor) : undefined;
    const range = rangeOf(nrr);
    if (reference === undefined && range === undefined) return [];
    return [{ ...(reference !== undefined && { reference }), ...(range !== undefined && { range }) }];
  }
  const list = Array.isArray(nor) ? nor.slice(0, MAX_NEXT) : [nor];
  const found: CmcdNextRequest[] = [];
  for (const item of list) {
    const reference = bareOf(item);
    if (typeof reference !== "string" || reference === "") continue;
    const range = rangeOf(paramsOf(item)?.r);
    found.push({ reference, ...(range !== undefined && { range }) });
  }
  return found;
}

/** Version 1 has it escaped once more than the field (CTA-5004 §3). */
function unescaped(reference: string): string | undefined {
  if (reference === "") return undefined;
  try {
    return decodeURIComponent(reference);
  } catch {
    return undefined;
  }
}

function rangeOf(value: unknown): string | undefined {
  const range = bareOf(value);
  return typeof range === "string" && /^(?:\d{1,15}-\d{0,15}|-\d{1,15})$/.test(range) ? range : undefined;
}

function bareOf(value: unknown): unknown {
  return typeof value === "object" && value !== null && "value" in value ? value.value : value;
}

function paramsOf(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || !("params" in value)) return undefined;
  return value.params as Record<string, unknown> | undefined;
}
