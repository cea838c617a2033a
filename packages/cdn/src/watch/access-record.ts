/** One exchange as an access log knows it, and the lines that it can be. */

import type { CacheOutcome } from "../handler/answer-facts.ts";
import { escapeQuoted, jsonString } from "./escape.ts";

/** One exchange. */
export interface AccessRecord {
  /** Milliseconds since 1970 when the request was read. */
  readonly time: number;
  /** Of the client, or of who stands for it where a wrapper further out says so. Empty where nobody knows. */
  readonly address: string;
  readonly method: string;
  /** Path and query as received, but for values that are left out. */
  readonly target: string;
  readonly host: string | undefined;
  /** `HTTP/1.1`, `HTTP/2.0`. */
  readonly protocol: string;
  /** `TLSv1.3`; undefined in cleartext. */
  readonly tls: string | undefined;
  readonly status: number;
  /** Bytes of the body that were handed to the client's connection. */
  readonly bytes: number;
  /** False where the client left, or the body broke off, before its end. */
  readonly complete: boolean;
  /** Seconds until the last byte was handed over. */
  readonly duration: number;
  /** Seconds until the first one could be. */
  readonly ttfb: number;
  readonly outcome: CacheOutcome | undefined;
  readonly reason: string | undefined;
  readonly upstream: string | undefined;
  readonly tier: "memory" | "disk" | undefined;
  readonly range: string | undefined;
  readonly referer: string | undefined;
  readonly userAgent: string | undefined;
  /** What a player says of itself (CMCD): its session, the bit rate in kb/s and the type of what it asked for. */
  readonly sid: string | undefined;
  readonly br: number | undefined;
  readonly ot: string | undefined;
}

/** Makes a line, without its end. */
export type AccessFormat = (record: AccessRecord) => string;

/** One JSON object. Fields that are not known are left out. */
const jsonFormat: AccessFormat = (record) => {
  let line = `{"time":"${isoTime(record.time)}","address":${jsonString(record.address)}`;
  line += `,"method":${jsonString(record.method)}`;
  if (record.host !== undefined) line += `,"host":${jsonString(record.host)}`;
  line += `,"target":${jsonString(record.target)},"protocol":"${record.protocol}"`;
  if (record.tls !== undefined) line += `,"tls":${jsonString(record.tls)}`;
  line += `,"status":${record.status},"bytes":${record.bytes}`;
  if (!record.complete) line += `,"complete":false`;
  line += `,"duration":${seconds(record.duration)},"ttfb":${seconds(record.ttfb)}`;
  if (record.outcome !== undefined) line += `,"outcome":"${record.outcome}"`;
  if (record.reason !== undefined) line += `,"reason":${jsonString(record.reason)}`;
  if (record.upstream !== undefined) line += `,"upstream":${jsonString(record.upstream)}`;
  if (record.tier !== undefined) line += `,"tier":"${record.tier}"`;
  if (record.range !== undefined) line += `,"range":${jsonString(record.range)}`;
  if (record.referer !== undefined) line += `,"referer":${jsonString(record.referer)}`;
  if (record.userAgent !== undefined) line += `,"userAgent":${jsonString(record.userAgent)}`;
  if (record.sid !== undefined) line += `,"sid":${jsonString(record.sid)}`;
  if (record.br !== undefined) line += `,"br":${record.br}`;
  if (record.ot !== undefined) line += `,"ot":${jsonString(record.ot)}`;
  return `${line}}`;
};

/** The Common Log Format, as httpd and nginx write it. Times are UTC. */
const commonFormat: AccessFormat = ({ address, time, method, target, protocol, status, bytes }) =>
  `${address === "" ? "-" : escapeQuoted(address)} - - [${clfTime(time)}] "${escapeQuoted(method)} ${escapeQuoted(target)} ${protocol}" ${status} ${bytes}`;

/** The same with referrer and user agent. */
const combinedFormat: AccessFormat = (record) =>
  `${commonFormat(record)} "${quoted(record.referer)}" "${quoted(record.userAgent)}"`;

/** The formats by name. */
export const ACCESS_FORMATS = { json: jsonFormat, common: commonFormat, combined: combinedFormat } as const;

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Both ways to write a second, made once in it. */
let second = Number.NaN;
let clfSecond = "";
let isoSecond = "";

function tellSecond(time: number): void {
  const now = Math.floor(time / 1000);
  if (now === second) return;
  second = now;
  const iso = new Date(now * 1000).toISOString();
  const [date = "", clock = ""] = iso.split("T");
  const [year, month, day] = date.split("-");
  clfSecond = `${day}/${MONTHS[Number(month) - 1]}/${year}:${clock.slice(0, 8)} +0000`;
  isoSecond = iso.slice(0, -4);
}

/** `28/Nov/2026:05:58:37 +0000`. */
function clfTime(time: number): string {
  tellSecond(time);
  return clfSecond;
}

/** `2026-11-28T05:58:37.123Z`. */
function isoTime(time: number): string {
  tellSecond(time);
  return `${isoSecond}${String(Math.floor(time) - second * 1000).padStart(3, "0")}Z`;
}

function quoted(text: string | undefined): string {
  return text === undefined ? "-" : escapeQuoted(text);
}

/** To the microsecond. */
function seconds(value: number): number {
  return Math.round(value * 1e6) / 1e6;
}
