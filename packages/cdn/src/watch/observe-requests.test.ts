import { metrics } from "@opentelemetry/api";
import { MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createGuard } from "../guard/guard.ts";
import { type RawRequest, type RawResponse, rawHandler } from "../handler/raw.ts";
import { MAX_COUNTED_UPSTREAMS, type ObserveRequestsOptions, observeRequests } from "./observe-requests.ts";

class Reader extends MetricReader {
  protected override async onShutdown(): Promise<void> {}
  protected override async onForceFlush(): Promise<void> {}
}

let reader: Reader;
beforeEach(() => {
  reader = new Reader();
  metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }));
});
afterEach(() => metrics.disable());

/** Values of a metric by what sets its series apart. */
async function series(name: string): Promise<Record<string, unknown>> {
  const { resourceMetrics } = await reader.collect();
  const found: Record<string, unknown> = {};
  for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics.flatMap((scope) => scope.metrics)) {
    if (descriptor.name !== name) continue;
    for (const { attributes, value } of dataPoints) {
      const { "ami.edge.name": _, ...rest } = attributes;
      found[Object.values(rest).join(" ")] = typeof value === "number" ? value : value.count;
    }
  }
  return found;
}

function observed(
  answer: (target: string) => RawResponse | Promise<RawResponse>,
  options: ObserveRequestsOptions = {},
) {
  const handler = observeRequests(
    createGuard(
      () =>
        ({ target }) =>
          answer(target),
    )(() => Response.error()),
    options,
  );
  const ask = (target: string, method = "GET") => {
    const { signal } = new AbortController();
    const request: RawRequest = {
      method,
      target,
      origin: "http://h",
      headers: {},
      body: null,
      connection: undefined,
      signal,
    };
    return handler[rawHandler](request) as RawResponse;
  };
  return { handler, ask };
}

/** A promise, and what resolves it. */
function gate(): [Promise<void>, () => void] {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return [opened, open];
}

async function readAll(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body);
}

const hit = { status: 200, headers: [], body: Buffer.from("abc"), about: { outcome: "hit" } } as const;

describe("requests", () => {
  test("are counted by outcome, status class, rendition and upstream", async () => {
    const { ask, handler } = observed((target) => {
      if (target.includes("miss")) return { ...hit, about: { outcome: "miss", upstream: "http://o" } };
      return target.includes("gone") ? { ...hit, status: 404, about: { outcome: "miss", upstream: "http://o" } } : hit;
    });
    ask("/live/demo/720p/1.m4s");
    ask("/live/demo/720p/1.m4s?x=1/2/3/4");
    ask("/live/demo/720p/miss.m4s");
    ask("/live/demo/720p/gone.m4s");
    ask("/live/demo/720p/1.m4s", "HEAD");
    expect(await series("ami.http.requests")).toEqual({
      "hit 2xx live/demo/720p": 3,
      "miss 2xx live/demo/720p http://o": 1,
      "miss 4xx live/demo/720p http://o": 1,
    });
    expect(await series("ami.http.response.body")).toEqual({
      "hit 2xx live/demo/720p": 6,
      "miss 2xx live/demo/720p http://o": 3,
      "miss 4xx live/demo/720p http://o": 3,
    });
    expect(handler.counts()).toEqual({
      requests: 5,
      bytes: 12,
      byOutcome: { hit: 3, miss: 2 },
      byStatus: { "2xx": 4, "4xx": 1 },
      inFlight: 0,
    });
  });

  test("for paths that nobody has cannot use up the room of those that there are", async () => {
    const { ask } = observed((target) => (target.startsWith("/junk") ? { ...hit, status: 404 } : hit), {
      maxRenditions: 2,
    });
    for (let count = 0; count < 50; count += 1) ask(`/junk/${count}/x`);
    for (const name of ["a", "b", "c", "d"]) ask(`/${name}/x`);
    expect(await series("ami.http.requests")).toEqual({
      "hit 4xx other": 50,
      "hit 2xx a": 1,
      "hit 2xx b": 1,
      "hit 2xx other": 2,
    });
  });

  test("are counted by what a function says of their target", async () => {
    const { ask } = observed(() => hit, { rendition: (target) => target.split(".").at(-1) ?? "" });
    ask("/a.m4s");
    ask("/b/c.m4s");
    expect(await series("ami.http.requests")).toEqual({ "hit 2xx m4s": 2 });
  });

  test("to more upstreams than anybody has count for one", async () => {
    let asked = 0;
    const { ask } = observed(() => ({ ...hit, about: { outcome: "miss", upstream: `http://${asked++}` } }));
    for (let count = 0; count < MAX_COUNTED_UPSTREAMS + 5; count += 1) ask("/a/x");
    const counted = await series("ami.http.requests");
    expect(Object.keys(counted)).toHaveLength(MAX_COUNTED_UPSTREAMS + 1);
    expect(counted["miss 2xx a other"]).toBe(5);
  });

  test("that nobody says anything of, and those that fail, are counted too", async () => {
    const { ask } = observed((target) => {
      if (target === "/late") return Promise.reject(new Error("late"));
      if (target === "/soon") throw new Error("soon");
      return { status: 200, headers: [], body: null };
    });
    ask("/plain");
    expect(() => ask("/soon")).toThrow("soon");
    await expect(ask("/late")).rejects.toThrow("late");
    expect(await series("ami.http.requests")).toEqual({ "none 2xx /": 1, "error 5xx /": 2 });
  });
});

describe("answers", () => {
  test("that are there at once pass as they are, and take no time", async () => {
    const { ask } = observed(() => hit);
    expect(ask("/a")).toBe(hit);
    expect(await series("ami.http.request.duration")).toEqual({});
  });

  test("that are there at once are timed where that was asked for", async () => {
    const { ask } = observed(() => hit, { timeHits: true });
    ask("/a");
    expect(await series("ami.http.request.duration")).toEqual({ hit: 1 });
  });

  test("that somebody waits for are under way until their last byte, and timed then", async () => {
    const [headArrives, letHeadArrive] = gate();
    const [bodyEnds, letBodyEnd] = gate();
    const { ask, handler } = observed(async () => {
      await headArrives;
      const body = (async function* () {
        yield Buffer.alloc(7);
        await bodyEnds;
      })();
      return { status: 200, headers: [], body, about: { outcome: "miss" } };
    });
    const answer = ask("/a/x") as unknown as Promise<RawResponse>;
    expect(handler.counts()).toMatchObject({ requests: 0, inFlight: 1 });
    letHeadArrive();
    const { body } = await answer;
    const reading = readAll(body as AsyncIterable<Uint8Array>);
    expect(handler.counts()).toMatchObject({ requests: 1, bytes: 0, inFlight: 1 });
    expect(await series("ami.http.request.duration")).toEqual({});
    letBodyEnd();
    await reading;
    expect(handler.counts()).toMatchObject({ requests: 1, bytes: 7, inFlight: 0 });
    expect(await series("ami.http.request.duration")).toEqual({ miss: 1 });
  });

  test("whose client leaves are not under way any more", async () => {
    const { ask, handler } = observed(() => ({
      ...hit,
      body: (async function* () {
        for (;;) yield Buffer.alloc(1);
      })(),
    }));
    const body = ask("/a/x").body as AsyncIterableIterator<Uint8Array>;
    await body.next();
    await body.return!();
    expect(handler.counts()).toMatchObject({ bytes: 1, inFlight: 0 });
  });
});

test("a closed observer shows nothing more", async () => {
  const { ask, handler } = observed(() => hit);
  ask("/a/x");
  expect(await series("ami.http.requests")).toEqual({ "hit 2xx a": 1 });
  handler.close();
  handler.close();
  ask("/a/x");
  expect(await series("ami.http.requests")).toEqual({ "hit 2xx a": 1 });
});
