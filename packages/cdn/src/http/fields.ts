/** Reading and filtering flat header lists: name, value, name, value… in lower case. */

/** First value of a field. */
export function fieldOf(headers: readonly string[], name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1];
  return undefined;
}

/** All values of a field, joined as RFC 9110 §5.3 allows. */
export function joinedFieldOf(headers: readonly string[], name: string): string | undefined {
  let joined: string | undefined;
  for (let at = 0; at < headers.length; at += 2) {
    if (headers[at] === name) joined = joined === undefined ? headers[at + 1] : `${joined}, ${headers[at + 1]}`;
  }
  return joined;
}

/** `Content-Length`, where there is one and it is a number. */
export function contentLengthOf(headers: readonly string[]): number | undefined {
  const value = fieldOf(headers, "content-length");
  if (value === undefined || !/^\d{1,15}$/.test(value)) return undefined;
  return Number(value);
}

/** A field value without the white space around it (RFC 9110 §5.5). By hand: a regular expression takes quadratic time on white space within. */
export function trimField(value: string): string {
  let start = 0;
  let end = value.length;
  while (start < end && isBlank(value.charCodeAt(start))) start += 1;
  while (end > start && isBlank(value.charCodeAt(end - 1))) end -= 1;
  return start === 0 && end === value.length ? value : value.slice(start, end);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Fields between two hops only, which no intermediary forwards (RFC 9110 §7.6.1). */
const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

/** Tells fields to forward from those of one hop, the ones that `Connection` names included. */
export function hopByHop(connection: string | undefined): (name: string) => boolean {
  if (connection === undefined || connection === "keep-alive") return (name) => HOP_BY_HOP.has(name);
  const named = new Set(connection.split(",").map((token) => token.trim().toLowerCase()));
  return (name) => HOP_BY_HOP.has(name) || named.has(name);
}
