/** An answer whose peer dies goes on from elsewhere, or breaks off as it would have. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import { gate } from "../edge.test-setup.ts";
import { textOf } from "../upstream/upstream.test-setup.ts";
import type { UpstreamRequest, UpstreamResponse } from "../upstream/upstream.ts";
import { resumedBody } from "./resumed-body.ts";

const WHOLE = "0123456789";
const gone = new CdnError("UPSTREAM_TRUNCATED", "the peer died");

async function* chunks(text: string, failure?: unknown): AsyncGenerator<Uint8Array> {
  for (const character of text) yield Buffer.from(character);
  if (failure !== undefined) throw failure;
}

function answer(status: number, headers: readonly string[], body: string, failure?: unknown): UpstreamResponse {
  return { status, headers, body: chunks(body, failure), closeDelimited: false };
}

/** What a client reads of an answer that breaks off after `sent`, and what was asked for then. */
async function read(first: UpstreamResponse, rest: UpstreamResponse | undefined, fields: readonly string[] = []) {
  const asked: UpstreamRequest[] = [];
  const { signal } = new AbortController();
  const response = resumedBody({
    request: { method: "GET", target: "/a", headers: ["accept", "*/*", ...fields], body: null, signal },
    response: first,
    isGone: async (error) => error === gone,
    askAgain: async (request) => {
      asked.push(request);
      if (rest === undefined) throw new Error("nobody there");
      return rest;
    },
  });
  const body = await textOf(response).catch((error: unknown) => error);
  return { body, headers: asked[0]?.headers };
}

const etag = ["etag", '"1"', "content-length", "10"];
const rest = (range: string, body: string, tag = '"1"') => answer(206, ["etag", tag, "content-range", range], body);

test("what is missing is asked for, of the same version", async () => {
  expect(await read(answer(200, etag, "0123", gone), rest("bytes 4-9/10", "456789"))).toEqual({
    body: WHOLE,
    headers: ["accept", "*/*", "range", "bytes=4-", "if-range", '"1"'],
  });
});

test("of a part, what is missing of the part", async () => {
  const part = answer(206, ["etag", '"1"', "content-range", "bytes 2-7/10"], "23", gone);
  expect(await read(part, rest("bytes 4-7/10", "4567"), ["range", "bytes=2-7"])).toEqual({
    body: "234567",
    headers: ["accept", "*/*", "range", "bytes=4-7", "if-range", '"1"'],
  });
});

const immutable = ["cache-control", "max-age=60, immutable"];

test.each([
  ["the whole, of the same version", etag, answer(200, etag, WHOLE), WHOLE],
  ["the whole, of another version", etag, answer(200, ["etag", '"2"'], WHOLE), gone],
  ["what is missing, of another version", etag, rest("bytes 4-9/10", "456789", '"2"'), gone],
  ["something else that is missing", etag, rest("bytes 5-9/10", "56789"), gone],
  ["an error", etag, answer(502, [], "sorry"), gone],
  ["nothing", etag, undefined, gone],
  ["the whole, of what never changes", immutable, answer(200, immutable, WHOLE), WHOLE],
  ["the whole, of what may have changed", [], answer(200, [], WHOLE), gone],
])("where another gives %s", async (_what, headers, again, body) => {
  expect((await read(answer(200, headers, "0123", gone), again)).body).toBe(body);
});

test("what broke for another reason is asked for no more", async () => {
  const failure = new Error("too late");
  const { body, headers } = await read(answer(200, etag, "0123", failure), answer(200, etag, WHOLE));
  expect([body, headers]).toEqual([failure, undefined]);
});

test("what nobody began to read is let go of, and so is the rest that comes for nobody", async () => {
  const left: string[] = [];
  const body = (name: string, next: () => Promise<IteratorResult<Uint8Array>>): AsyncIterable<Uint8Array> => ({
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        left.push(name);
        return { done: true, value: undefined };
      },
    }),
  });
  const [asked, ask] = gate();
  const [given, give] = gate<UpstreamResponse>();
  const { signal } = new AbortController();
  const resumed = (next: () => Promise<IteratorResult<Uint8Array>>): UpstreamResponse =>
    resumedBody({
      request: { method: "GET", target: "/a", headers: [], body: null, signal },
      response: { ...answer(200, etag, ""), body: body("first", next) },
      isGone: async () => true,
      askAgain: () => {
        ask();
        return given;
      },
    });
  letGo(resumed(() => Promise.reject(gone)).body);
  expect(left).toEqual(["first"]);

  const { body: chunks } = resumed(() => Promise.reject(gone));
  const reading = (chunks as AsyncIterableIterator<Uint8Array>).next();
  await asked;
  letGo(chunks);
  give({ ...answer(200, etag, ""), body: body("rest", async () => ({ done: true, value: undefined })) });
  await expect(reading).rejects.toBe(gone);
  expect(left).toEqual(["first", "first", "rest"]);
});

test("property: wherever it breaks, all of it comes once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ minLength: 1, unit: "grapheme-ascii" }),
      fc.nat(),
      fc.boolean(),
      async (text, at, ranges) => {
        const sent = at % (text.length + 1);
        const again =
          ranges && sent < text.length
            ? rest(`bytes ${sent}-${text.length - 1}/${text.length}`, text.slice(sent))
            : answer(200, etag, text);
        expect((await read(answer(200, etag, text.slice(0, sent), gone), again)).body).toBe(text);
      },
    ),
  );
});
