/** Signatures, against what the documentation of AWS publishes. */

import { expect, test } from "vitest";
import { createS3Signer } from "./s3-signature.ts";

const credentials = {
  accessKeyId: "AKIAIOSFODNN7EXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
};

test("the GET of an object's first bytes is signed as in the published example", async () => {
  const signer = createS3Signer("us-east-1", credentials);
  const fields = await signer.sign(
    { method: "GET", url: "https://examplebucket.s3.amazonaws.com/test.txt", headers: { range: "bytes=0-9" } },
    Date.UTC(2013, 4, 24),
  );
  expect(fields[fields.indexOf("x-amz-date") + 1]).toBe("20130524T000000Z");
  expect(fields[fields.indexOf("authorization") + 1]).toBe(
    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, " +
      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, " +
      "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
  );
});

test("keys derived on one day do not sign on the next", async () => {
  const signer = createS3Signer("us-east-1", credentials);
  const url = "https://examplebucket.s3.amazonaws.com/test.txt";
  const sign = async (time: number): Promise<string> => {
    const fields = await signer.sign({ method: "GET", url, headers: {} }, time);
    return fields[fields.indexOf("authorization") + 1]!;
  };
  const [first, next] = [await sign(Date.UTC(2013, 4, 24, 23, 59, 59)), await sign(Date.UTC(2013, 4, 25))];
  const fresh = createS3Signer("us-east-1", credentials);
  const [again] = [await fresh.sign({ method: "GET", url, headers: {} }, Date.UTC(2013, 4, 25))];
  expect(next).toBe(again[again.indexOf("authorization") + 1]);
  expect(first).not.toBe(next);
});
