/** What options of upstreams must be. */

import {
  above0,
  anything,
  atLeast0,
  byName,
  bytesOrText,
  callable,
  flag,
  handler,
  listOf,
  madeBy,
  object,
  oneOf,
  oneOrMore,
  orFalse,
  type Rule,
  type Rules,
  required,
  share,
  text,
  whole,
} from "../../options/check-options.ts";
import type { CircuitOptions } from "./circuit.ts";
import type { HealthCheckOptions } from "./health-check.ts";
import type { HedgeOptions } from "./hedge.ts";
import type { UpstreamTls } from "./http-upstream.ts";
import type { RetryOptions } from "./retry-budget.ts";
import type { S3Options } from "./s3-upstream.ts";
import type { UpstreamTimeouts } from "./upstream.ts";
import type { UpstreamOptions } from "./upstream-options.ts";
import type { UpstreamsPolicy } from "./upstreams.ts";

const milliseconds = above0("milliseconds");
const millisecondsOr0 = atLeast0("milliseconds");

/** Milliseconds to wait. */
export const timeouts = object<UpstreamTimeouts>({
  connect: milliseconds,
  head: milliseconds,
  body: milliseconds,
  total: milliseconds,
});

/** Health checks. */
export const health = object<HealthCheckOptions>({
  path: required(text),
  intervalMs: milliseconds,
  timeoutMs: milliseconds,
  healthyAfter: whole(1),
  unhealthyAfter: whole(1),
  expectStatus: oneOrMore(whole(100, 599)),
});

/** Certificates. */
export const upstreamTls = object<UpstreamTls>({
  ca: oneOrMore(bytesOrText),
  cert: bytesOrText,
  key: bytesOrText,
  serverName: text,
  rejectUnauthorized: flag,
});

const s3 = object<S3Options>({
  accessKeyId: required(text),
  secretAccessKey: required(text),
  sessionToken: text,
  region: required(text),
  bucket: text,
  style: oneOf("path", "virtual"),
  prefix: text,
});

const upstreamObject = object<UpstreamOptions>({
  url: text,
  handler,
  upstream: madeBy("createUpstreams", "send", "close"),
  name: text,
  weight: above0("shares"),
  priority: anything,
  backup: flag,
  health,
  s3,
  timeouts,
  headers: byName(anything),
  connections: whole(1),
  keepAliveTimeout: milliseconds,
  tls: upstreamTls,
  http2: flag,
  socketPath: text,
});

const upstream: Rule = (value, name) => {
  if (typeof value !== "function") (typeof value === "string" ? text : upstreamObject)(value, name);
};

/** A list of them. */
export const upstreams = required(listOf(upstream));

/** How several are used. */
export const policyRules: Rules<UpstreamsPolicy> = {
  balance: oneOf("priority", "weighted", "hash"),
  retry: object<RetryOptions>({
    share: atLeast0("retries for each request"),
    floor: atLeast0("retries a second"),
    backoff: listOf(millisecondsOr0),
  }),
  hedge: orFalse(
    object<HedgeOptions>({
      after: millisecondsOr0,
      min: millisecondsOr0,
      max: millisecondsOr0,
      when: callable,
      sameUpstream: flag,
    }),
  ),
  circuit: object<CircuitOptions>({
    window: milliseconds,
    failures: above0("failures"),
    share,
    openFor: milliseconds,
    maxOpenFor: milliseconds,
  }),
};
