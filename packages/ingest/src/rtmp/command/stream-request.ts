/** Which stream a publisher or viewer asks for, and with what credentials. */

/** What a peer asked for. */
export interface StreamRequest {
  /** Application: the path of the RTMP address without its last part. Without slashes at its ends. */
  readonly app: string;
  /** Last part of the address, without its query. */
  readonly streamKey: string;
  /** The queries of the address, of the application and of the stream key, joined: encoders put them in either place. */
  readonly query: URLSearchParams;
}

/** Splits names as encoders send them: `live?token=x`, `key?token=x`, a query in `tcUrl` alone. */
export function readStreamRequest(app: string, tcUrl: string, name: string): StreamRequest {
  const [appPath, appQuery] = splitQuery(app);
  const [, urlQuery] = splitQuery(tcUrl);
  const [key, keyQuery] = splitQuery(name);
  const query = new URLSearchParams(keyQuery);
  for (const part of [appQuery, urlQuery]) {
    for (const [parameter, value] of new URLSearchParams(part)) {
      if (!query.has(parameter)) query.append(parameter, value);
    }
  }
  return { app: trimSlashes(appPath), streamKey: trimSlashes(key), query };
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
