/** Signature Version 4 of requests to S3 and to what speaks like it. The algorithm is aws4fetch's. */

import { AwsV4Signer } from "aws4fetch";

/** SHA-256 of nothing: GET and HEAD have no body. */
const EMPTY_PAYLOAD = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** Who signs. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

/** What is signed. */
interface S3Request {
  readonly method: "GET" | "HEAD";
  /** Whole, its path escaped as it will be sent. */
  readonly url: string;
  /** All of these are signed. Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Signs requests for one region. Keys that it derives are kept for the day. */
export interface S3Signer {
  /**
   * The fields to send: those given, and `authorization`, `x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token`.
   *
   * @param time - milliseconds since 1970.
   */
  sign(request: S3Request, time: number): Promise<string[]>;
}

/** @param region - such as `eu-central-1`; what speaks like S3 often takes `us-east-1` or `auto`. */
export function createS3Signer(region: string, credentials: S3Credentials): S3Signer {
  let day = "";
  let derivedKeys = new Map<string, ArrayBuffer>();
  return {
    async sign({ method, url, headers }, time) {
      const datetime = new Date(time).toISOString().replace(/[:-]|\.\d{3}/g, "");
      if (!datetime.startsWith(day) || day === "") {
        day = datetime.slice(0, 8);
        derivedKeys = new Map();
      }
      const signer = new AwsV4Signer({
        ...credentials,
        method,
        url,
        headers: { ...headers, "x-amz-content-sha256": EMPTY_PAYLOAD },
        service: "s3",
        region,
        datetime,
        cache: derivedKeys,
        // `range` among them: what is not signed could be changed on the way.
        allHeaders: true,
      });
      const signed = await signer.sign();
      return [...signed.headers].flat();
    },
  };
}
