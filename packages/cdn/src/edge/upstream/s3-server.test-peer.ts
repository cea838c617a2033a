/** A small store that speaks S3 and believes nobody: it computes each signature itself, from the specification, and compares. */

import { createHash, createHmac } from "node:crypto";
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";

/** What the store has and whom it trusts. */
export interface S3Bucket {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** By the path of the request, still escaped: `/bucket/key`. */
  readonly objects: ReadonlyMap<string, string>;
  /** Whether the credentials may list: a missing object is a 403 otherwise. */
  readonly mayList: boolean;
}

const SKEW = 15 * 60_000;

export function s3Listener(bucket: S3Bucket): RequestListener {
  return (request, response) => {
    const refusal = verify(request, bucket);
    if (refusal !== undefined) return fail(response, 403, refusal);
    const path = request.url!.split("?", 1)[0]!;
    if (!path.startsWith("/media/") && request.headers.host?.startsWith("media.") !== true) {
      return fail(response, 404, "NoSuchBucket");
    }
    const object = bucket.objects.get(path);
    if (object === undefined) {
      return bucket.mayList ? fail(response, 404, "NoSuchKey") : fail(response, 403, "AccessDenied");
    }
    const etag = `"${createHash("md5").update(object).digest("hex")}"`;
    response.setHeader("etag", etag);
    response.setHeader("x-amz-request-id", "4442587FB7D0A2F9");
    response.setHeader("server", "AmazonS3");
    if (request.headers["if-none-match"] === etag) {
      response.statusCode = 304;
      response.end();
      return;
    }
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
    if (first === undefined) {
      response.setHeader("content-length", object.length);
      response.end(request.method === "HEAD" ? undefined : object);
      return;
    }
    response.writeHead(206, { "content-range": `bytes ${first}-${last}/${object.length}` });
    response.end(object.slice(Number(first), Number(last) + 1));
  };
}

/** The code of what is wrong with a request's signature. */
function verify(request: IncomingMessage, bucket: S3Bucket): string | undefined {
  const { headers, method, url } = request;
  const [, keyId, date, region, signedNames, signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      headers.authorization ?? "",
    ) ?? [];
  if (date === undefined || signedNames === undefined) return "AccessDenied";
  if (keyId !== bucket.accessKeyId) return "InvalidAccessKeyId";
  if (headers["x-amz-security-token"] !== bucket.sessionToken) return "InvalidToken";
  if (region !== bucket.region) return "AuthorizationHeaderMalformed";
  const time = String(headers["x-amz-date"]);
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  if (!(Math.abs(at - bucket.now()) < SKEW)) return "RequestTimeTooSkewed";
  const names = signedNames.split(";");
  for (const name of Object.keys(headers)) {
    if ((name === "host" || name === "range" || name.startsWith("x-amz-")) && !names.includes(name))
      return "AccessDenied";
  }
  const [path, query = ""] = url!.split("?");
  const canonical = [
    method,
    path,
    query.split("&").sort().join("&"),
    ...names.map((name) => `${name}:${String(headers[name]).trim().replace(/ +/g, " ")}`),
    "",
    signedNames,
    headers["x-amz-content-sha256"],
  ].join("\n");
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", time, scope, createHash("sha256").update(canonical).digest("hex")].join("\n");
  const key = [date, region!, "s3", "aws4_request"].reduce<string | Buffer>(
    (secret, part) => createHmac("sha256", secret).update(part).digest(),
    `AWS4${bucket.secretAccessKey}`,
  );
  return createHmac("sha256", key).update(text).digest("hex") === signature ? undefined : "SignatureDoesNotMatch";
}

function fail(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { "content-type": "application/xml", "x-amz-id-2": "Uuag1LuByRx9e6j5Onim" });
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><BucketName>media</BucketName></Error>`);
}
