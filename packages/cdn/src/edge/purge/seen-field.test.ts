import { expect, test } from "vitest";
import type { Upstream, UpstreamRequest } from "../upstream/upstream.ts";
import { PURGES_SEEN_FIELD, withoutPurgesSeen } from "./seen-field.ts";

test("an upstream is told nothing of purges, and all else as it was, whatever a client's fields are called or say", async () => {
  const sent: UpstreamRequest[] = [];
  const upstream: Upstream = {
    name: "origin",
    send: async (request) => {
      sent.push(request);
      return { status: 204, headers: [], body: null, closeDelimited: false };
    },
    close: async () => {},
  };
  const headers = ["x", PURGES_SEEN_FIELD, "accept", "*/*", PURGES_SEEN_FIELD, "a=1", "te", "a=1"];
  const request = { method: "GET", target: "/", headers, body: null, signal: new AbortController().signal };
  await withoutPurgesSeen(upstream).send(request);
  expect(sent).toEqual([{ ...request, headers: ["x", PURGES_SEEN_FIELD, "accept", "*/*", "te", "a=1"] }]);
});
