/** A bucket of S3, or of what speaks like it, as an upstream: signed reads, and errors that say nothing of the bucket. */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import { decodeSegments, normalizePath } from "../../http/path.ts";
import type { Logger } from "../../logger.ts";
import { createS3Signer, type S3Credentials } from "./s3-signature.ts";
import type { Upstream, UpstreamResponse } from "./upstream.ts";

/** A bucket, and who reads it. */
export interface S3Options extends S3Credentials {
  /** Such as `eu-central-1`; what speaks like S3 often takes `us-east-1` or `auto`. */
  readonly region: string;
  /** Left out where the URL names it already. */
  readonly bucket?: string;
  /** Where the bucket's name goes: into the path, or before the host. Default `path`. */
  readonly style?: "path" | "virtual";
  /** Before each key, without a slash at the ends: `vod/2026`. Default: none. */
  readonly prefix?: string;
}

/** Options of {@link createS3Upstream}. */
export interface S3UpstreamOptions extends S3Options {
  /** Where requests go, see {@link s3Url}. */
  readonly http: Upstream;
  readonly url: string;
  /** Milliseconds since 1970 by the system's clock: a signature has a date. */
  readonly systemClock: () => number;
  readonly logger: Logger;
}

/** Fields of the request that matter to a store. No others are sent: a client could ask for more than the object with them. */
const FORWARDED = new Set([
  "range",
  "if-range",
  "if-match",
  "if-none-match",
  "if-modified-since",
  "if-unmodified-since",
]);

/** Bytes of an error document that are read. */
const MAX_ERROR_BYTES = 8 * 1024;

/** What S3 calls a missing object where the keys may not list the bucket: it does not say whether there is one. */
const DENIED = new Set(["AccessDenied", "AllAccessDisabled"]);

/** The URL of a bucket: its endpoint with the name in it, as the style wants it. @throws {CdnError} `INVALID_OPTION`. */
export function s3Url(endpoint: string, { bucket, style = "path" }: Pick<S3Options, "bucket" | "style">): string {
  if (!URL.canParse(endpoint)) throw new CdnError("INVALID_OPTION", `upstream ${endpoint} is not a URL`);
  const url = new URL(endpoint);
  if (bucket === undefined) return url.href.replace(/\/$/, "");
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/i.test(bucket)) {
    throw new CdnError("INVALID_OPTION", `s3.bucket ${JSON.stringify(bucket)} is no name of a bucket`);
  }
  if (style === "virtual") url.host = `${bucket}.${url.host}`;
  else url.pathname = `${url.pathname.replace(/\/$/, "")}/${bucket}`;
  return url.href.replace(/\/$/, "");
}

/**
 * Reads objects: the target's path is the key, its query is left out, because in S3 it asks for something else than the object. GET and
 * HEAD only; a bucket is never listed.
 *
 * A missing object is a 404, also where S3 says 403 because the credentials may not list. Credentials that are wrong, a bucket that is not
 * there and a region that is another's are 502, and the log has the code. Error documents, which name keys and hosts, do not go on.
 */
export function createS3Upstream(options: S3UpstreamOptions): Upstream {
  const { http, url, systemClock, logger, region, prefix = "" } = options;
  const { accessKeyId, secretAccessKey, sessionToken } = options;
  const signer = createS3Signer(region, {
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
  });
  const { origin, pathname } = new URL(url);
  const base = pathname.replace(/\/$/, "");
  const before = prefix === "" ? "" : `/${escapeKey(prefix.replace(/^\/|\/$/g, "").split("/"))}`;

  return {
    name: http.name,
    async send(request) {
      const { method, target, headers, signal } = request;
      if (method !== "GET" && method !== "HEAD") {
        await request.body?.[Symbol.asyncIterator]().return?.();
        return empty(405, ["allow", "GET, HEAD"]);
      }
      const key = keyOf(target);
      if (key === undefined) return empty(404);
      const path = `${before}/${key}`;
      const forwarded: Record<string, string> = {};
      for (let at = 0; at < headers.length; at += 2) {
        if (FORWARDED.has(headers[at]!)) forwarded[headers[at]!] = headers[at + 1]!;
      }
      const signed = await signer.sign({ method, url: origin + base + path, headers: forwarded }, systemClock());
      signal.throwIfAborted();
      const response = await http.send({ method, target: path, headers: signed, body: null, signal });
      if (response.status < 300 || response.status === 304) return withoutOwnFields(response);
      return await failed(response, method, (code) => {
        logger.warn({ upstream: http.name, status: response.status, code }, "a bucket refused to be read");
      });
    },
    close: () => http.close(),
  };
}

/** Escaped, without the slash in front; undefined where there cannot be such an object. */
function keyOf(target: string): string | undefined {
  try {
    const segments = decodeSegments(normalizePath(target.split("?", 1)[0]!));
    // The bucket itself, or what some call a folder.
    if (segments.at(-1) === "") return undefined;
    return escapeKey(segments);
  } catch {
    return undefined;
  }
}

/** As S3 wants it in a signature: all but unreserved characters, a plus among them. */
function escapeKey(segments: readonly string[]): string {
  return segments
    .map((segment) =>
      encodeURIComponent(segment).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join("/");
}

function withoutOwnFields(response: UpstreamResponse): UpstreamResponse {
  const headers: string[] = [];
  for (let at = 0; at < response.headers.length; at += 2) {
    const name = response.headers[at]!;
    if (!name.startsWith("x-amz-") && name !== "server") headers.push(name, response.headers[at + 1]!);
  }
  return { ...response, headers };
}

async function failed(
  { status, body }: UpstreamResponse,
  method: string,
  warn: (code: string) => void,
): Promise<UpstreamResponse> {
  if (status === 404 || status === 403) {
    const code = method === "HEAD" ? undefined : await codeOf(body);
    const isMissing = status === 404 ? code !== "NoSuchBucket" : code === undefined || DENIED.has(code);
    if (isMissing) return empty(404);
    warn(code ?? "");
    return empty(502);
  }
  letGo(body);
  // Another region's, or a precondition of a write: nothing that a client could follow.
  if (status < 400) {
    warn("redirect");
    return empty(502);
  }
  if (status === 400 || status === 401) {
    warn("bad request");
    return empty(502);
  }
  return empty(status, status === 503 ? ["retry-after", "1"] : []);
}

/** `<Code>` of an error document. */
async function codeOf(body: UpstreamResponse["body"]): Promise<string | undefined> {
  let text = "";
  if (body instanceof Uint8Array) text = Buffer.from(body.subarray(0, MAX_ERROR_BYTES)).toString();
  else if (body !== null) {
    for await (const chunk of body) {
      text += Buffer.from(chunk).toString();
      if (text.length >= MAX_ERROR_BYTES) break;
    }
  }
  return /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1];
}

function empty(status: number, headers: readonly string[] = []): UpstreamResponse {
  return { status, headers: ["content-length", "0", ...headers], body: null, closeDelimited: false };
}
