/** Which stream a publisher or viewer asks for, and with what credentials. */

/** Characters of an application and a stream key together: tokens of a few kilobytes are in use. */
const MAX_NAME_LENGTH = 4096;

/** What a peer asked for. */
export interface StreamRequest {
  /** Application: the path of the RTMP address without its last part, wherever the peer cut it. Without slashes at its ends. */
  readonly app: string;
  /** Last part of the address, without its query: no slash in it. */
  readonly streamKey: string;
  /** The queries of the address, of the application and of the stream key, joined: encoders put them in either place. */
  readonly query: URLSearchParams;
}

/**
 * Splits names as encoders send them: `live?token=x`, `key?token=x`, a query in `tcUrl` alone. Some cut an address after its first part, others before
 * the last: application `a` with key `b/c` is the same stream as `a/b` with `c`, and is authorized as the same.
 */
export function readStreamRequest(app: string, tcUrl: string, name: string): StreamRequest {
  const [appPath, appQuery] = splitQuery(app);
  const [, urlQuery] = splitQuery(tcUrl);
  const [keyPath, keyQuery] = splitQuery(name);
  const query = new URLSearchParams(keyQuery);
  for (const part of [appQuery, urlQuery]) {
    for (const [parameter, value] of new URLSearchParams(part)) {
      if (!query.has(parameter)) query.append(parameter, value);
    }
  }
  const key = trimSlashes(keyPath);
  const cut = key.lastIndexOf("/");
  const folder = cut < 0 ? "" : key.slice(0, cut);
  return { app: trimSlashes(`${trimSlashes(appPath)}/${folder}`), streamKey: key.slice(cut + 1), query };
}

/** Whether a name is one to look up and to log: of a sensible length, without control characters. */
export function isPlainName({ app, streamKey }: StreamRequest): boolean {
  return streamKey !== "" && app.length + streamKey.length <= MAX_NAME_LENGTH && !/\p{Cc}/u.test(app + streamKey);
}

function splitQuery(text: string): [string, string] {
  const mark = text.indexOf("?");
  return mark < 0 ? [text, ""] : [text.slice(0, mark), text.slice(mark + 1)];
}

function trimSlashes(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === "/") start += 1;
  while (end > start && text[end - 1] === "/") end -= 1;
  return text.slice(start, end);
}
