/** An object whose beginning is here: the rest is asked for, and both are one answer. */

import { expect, test } from "vitest";
import { letGo } from "../../handler/let-go.ts";
import { textOf } from "../upstream/upstream.test-setup.ts";
import type { UpstreamResponse } from "../upstream/upstream.ts";
import { sendForRest } from "./completion.ts";

/** Asks for the rest of `0123456789` where `0123` is here. */
function completed(body: UpstreamResponse["body"]): Promise<UpstreamResponse> {
  const version = ["etag", '"1"'];
  const upstream = {
    name: "origin",
    send: async () => ({
      ...{ status: 206, headers: [...version, "content-range", "bytes 4-9/10"], body, closeDelimited: false },
    }),
    close: async () => {},
  };
  const { signal } = new AbortController();
  const request = { method: "GET", target: "/a", headers: [], body: null, signal };
  return sendForRest(upstream, request, {
    headers: [...version, "content-range", "bytes 0-3/10"],
    body: Buffer.from("0123"),
  });
}

test("the beginning and the rest are one answer, however the rest comes", async () => {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (const text of ["45", "6789"]) yield Buffer.from(text);
  }
  for (const body of [Buffer.from("456789"), chunks()]) {
    const whole = await completed(body);
    expect([whole.status, await textOf(whole)]).toEqual([200, "0123456789"]);
    expect(whole.headers).toEqual(["etag", '"1"', "content-length", "10"]);
  }
});

test("the rest is let go of where nobody began to read", async () => {
  let left = 0;
  const rest: AsyncIterator<Uint8Array> = {
    next: async () => ({ done: true, value: undefined }),
    return: async () => {
      left += 1;
      return { done: true, value: undefined };
    },
  };
  const { body } = await completed({ [Symbol.asyncIterator]: () => rest });
  letGo(body);
  expect(left).toBe(1);
});
