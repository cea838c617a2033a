/** What a config must be, field by field. */

import * as v from "valibot";
import { CACHE_NAME } from "../../edge/cache-status/cache-status.ts";
import type { CacheOutcome } from "../../handler/answer-facts.ts";
import { DEFAULT_LIMITS, type ServerLimits } from "../../server/limits.ts";
import {
  duration,
  durationOrZero,
  flag,
  httpUrl,
  oneOf,
  positive,
  section,
  share,
  size,
  text,
  texts,
  textsByName,
  whole,
} from "./fields.ts";

import { live, steering } from "./media-schema.ts";

/** Processes that share a port, at most. */
const MAX_PROCESSES = 256;
/** Where operators come, by default. */
const DEFAULT_ADMIN_PORT = 9180;
const DEFAULT_ADMIN_HOST = "127.0.0.1";

/** The outcomes that a sample may name. */
const OUTCOMES = [
  "hit",
  "stale",
  "revalidated",
  "collapsed",
  "miss",
  "bypass",
  "refused",
  "error",
] as const satisfies readonly CacheOutcome[];

const LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
const port = whole(0, 65_535);

const timeouts = section({
  connect: v.optional(duration),
  head: v.optional(duration),
  body: v.optional(duration),
  total: v.optional(duration),
});

const health = section({
  path: v.pipe(
    text,
    v.check((path) => path.startsWith("/"), "must start with /"),
  ),
  interval: v.optional(duration),
  timeout: v.optional(duration),
  healthyAfter: v.optional(whole(1, 1000)),
  unhealthyAfter: v.optional(whole(1, 1000)),
  expectStatus: v.optional(
    v.union([whole(100, 599), v.array(whole(100, 599))], "must be a status, or a list of statuses"),
  ),
});

const s3 = section({
  accessKeyId: text,
  secretAccessKey: text,
  sessionToken: v.optional(text),
  region: text,
  bucket: v.optional(text),
  style: v.optional(oneOf(["path", "virtual"])),
  prefix: v.optional(text),
});

const upstreamTls = section({
  ca: v.optional(v.union([text, texts], "must be a file, or a list of files")),
  cert: v.optional(text),
  key: v.optional(text),
  serverName: v.optional(text),
  rejectUnauthorized: v.optional(flag),
});

const upstreamObject = section({
  url: httpUrl,
  name: v.optional(text),
  weight: v.optional(positive),
  priority: v.optional(whole(0, 1000)),
  backup: v.optional(flag),
  health: v.optional(health),
  s3: v.optional(s3),
  timeouts: v.optional(timeouts),
  headers: v.optional(textsByName),
  connections: v.optional(whole(1, 65_535)),
  keepAliveTimeout: v.optional(duration),
  http2: v.optional(flag),
  socketPath: v.optional(text),
  tls: v.optional(upstreamTls),
});

/** A URL alone stands for an object with it. */
const upstream = v.lazy((input) => {
  if (typeof input === "object" && input !== null) return upstreamObject;
  return v.pipe(
    v.string("must be a URL or an object"),
    httpUrl,
    v.transform((url): v.InferOutput<typeof upstreamObject> => ({ url })),
  );
}) as v.GenericSchema<string | v.InferInput<typeof upstreamObject>, v.InferOutput<typeof upstreamObject>>;

const cache = v.pipe(
  section({
    ignoreParams: v.optional(texts),
    keepParams: v.optional(texts),
    sortParams: v.optional(flag),
    negativeTtl: v.optional(durationOrZero),
    maxObjectBytes: v.optional(size),
    heuristic: v.optional(
      v.lazy((input) =>
        input === false ? v.literal(false) : section({ fraction: share, max: durationOrZero }),
      ) as v.GenericSchema<
        false | { fraction: number; max: number | string },
        false | { fraction: number; max: number }
      >,
    ),
    staleIfDisconnected: v.optional(durationOrZero),
    targetedFields: v.optional(texts),
    requestDirectives: v.optional(oneOf(["ignore", "harmless", "all"])),
    ignoreAuthorization: v.optional(flag),
    storeSetCookie: v.optional(flag),
    exposeTags: v.optional(flag),
    sliceBytes: v.optional(size),
    sliceAbove: v.optional(size),
  }),
  v.check(
    ({ ignoreParams, keepParams }) => ignoreParams === undefined || keepParams === undefined,
    "give ignoreParams or keepParams, not both",
  ),
);

const token = {
  paths: v.optional(texts),
  methods: v.optional(texts),
  setCookie: v.optional(
    v.lazy((input) =>
      typeof input === "boolean"
        ? flag
        : section({ name: v.optional(text), secure: v.optional(flag), partitioned: v.optional(flag) }),
    ) as v.GenericSchema<boolean | { name?: string; secure?: boolean; partitioned?: boolean }>,
  ),
  rewritePlaylists: v.optional(flag),
  clockTolerance: v.optional(durationOrZero),
};

/** It is not shown: it may be a secret. */
const keySetUrl = v.pipe(
  text,
  v.check(
    (url) => URL.canParse(url) && /^https?:$/.test(new URL(url).protocol),
    "must be the http(s) URL of a key set, or a key set: a shared secret goes into secret",
  ),
);

const guard = section({
  trustProxies: v.optional(section({ proxies: texts, header: v.optional(oneOf(["x-forwarded-for", "forwarded"])) })),
  addresses: v.optional(section({ allow: v.optional(texts), deny: v.optional(texts) })),
  countries: v.optional(
    section({
      file: text,
      allow: v.optional(texts),
      deny: v.optional(texts),
      unknown: v.optional(oneOf(["allow", "deny"])),
    }),
  ),
  hotlinks: v.optional(section({ allow: texts, allowEmpty: v.optional(flag) })),
  credentials: v.optional(section({ origins: texts, maxAge: v.optional(durationOrZero) })),
  signedUrls: v.optional(
    section({
      keys: textsByName,
      places: v.optional(section({ path: v.optional(flag), query: v.optional(text), cookie: v.optional(text) })),
      ...token,
    }),
  ),
  jwt: v.optional(
    v.pipe(
      section({
        keys: v.optional(
          v.lazy((input) =>
            typeof input === "string"
              ? keySetUrl
              : section({ keys: v.array(v.looseObject({}), "must be a list of keys") }),
          ) as v.GenericSchema<string | { keys: readonly object[] }, string | { keys: object[] }>,
        ),
        secret: v.optional(text),
        issuer: v.optional(v.union([text, texts], "must be text, or a list of texts")),
        audience: v.optional(v.union([text, texts], "must be text, or a list of texts")),
        algorithms: v.optional(texts),
        places: v.optional(
          section({
            path: v.optional(flag),
            query: v.optional(text),
            header: v.optional(text),
            cookie: v.optional(text),
          }),
        ),
        ...token,
      }),
      v.check(({ keys, secret }) => (keys === undefined) !== (secret === undefined), "give one of keys and secret"),
    ),
  ),
  connections: v.optional(section({ perAddress: whole(1, 1_000_000), exempt: v.optional(texts) })),
  rateLimits: v.optional(
    v.array(
      section({
        by: v.optional(oneOf(["address", "token"]), "address"),
        rate: positive,
        burst: v.optional(positive),
        paths: v.optional(texts),
        status: v.optional(whole(400, 599)),
        name: v.optional(text),
        entries: v.optional(whole(1, 2 ** 26)),
      }),
      "must be a list",
    ),
  ),
});

const disk = section({ path: text, size });

const purge = section({
  self: text,
  peers: v.array(section({ name: text, url: httpUrl }), "must be a list"),
  secret: v.pipe(text, v.minLength(16, "must have at least 16 characters")),
  tolerate: v.optional(whole(0, 1000)),
});

/** The unit of each limit is in its name; counts have none. */
const limits = section(
  Object.fromEntries(
    Object.keys(DEFAULT_LIMITS).map((name) => [
      name,
      v.optional(/Timeout$|Grace$/.test(name) ? duration : /Bytes$|minSendRate/.test(name) ? size : positive),
    ]),
  ),
) as unknown as v.GenericSchema<
  { readonly [Name in keyof ServerLimits]?: number | string },
  { -readonly [Name in keyof ServerLimits]?: number }
>;

const sample = v.lazy((input) =>
  typeof input === "object"
    ? section(Object.fromEntries(OUTCOMES.map((outcome) => [outcome, v.optional(share)])))
    : share,
) as v.GenericSchema<number | { readonly [Outcome in CacheOutcome]?: number }>;

const log = section({
  level: v.optional(oneOf(LEVELS), "info"),
  format: v.optional(oneOf(["json", "common", "combined"])),
  sample: v.optional(sample),
  file: v.optional(text),
  hideParams: v.optional(texts),
});

const admin = section({
  host: v.optional(text, DEFAULT_ADMIN_HOST),
  port: v.optional(port, DEFAULT_ADMIN_PORT),
  token: v.optional(v.pipe(text, v.minLength(16, "must have at least 16 characters"))),
});

/** A config as it is written; and with units read and defaults filled in where every process needs the same. */
const sections = section({
  port: v.optional(port),
  host: v.optional(text),
  name: v.optional(
    v.pipe(
      text,
      v.check((name) => CACHE_NAME.test(name), "must be a token, such as edge-1"),
    ),
    "ami-edge",
  ),
  processes: v.optional(whole(1, MAX_PROCESSES), 1),
  drain: v.optional(durationOrZero, 10_000),
  upstreams: v.pipe(
    v.optional(v.array(upstream, "must be a list of URLs or objects"), []),
    v.minLength(1, "give --upstream http://origin:8081, or a list in a config file"),
  ),
  balance: v.optional(oneOf(["priority", "weighted", "hash"])),
  retry: v.optional(
    section({
      share: v.optional(v.pipe(v.number("must be a number"), v.minValue(0, "must not be below zero"))),
      floor: v.optional(whole(0, 1_000_000)),
      backoff: v.optional(v.array(durationOrZero, "must be a list of durations")),
    }),
  ),
  hedge: v.optional(
    v.lazy((input) =>
      input === false
        ? v.literal(false)
        : section({
            after: v.optional(duration),
            min: v.optional(duration),
            max: v.optional(duration),
            sameUpstream: v.optional(flag),
          }),
    ) as v.GenericSchema<
      false | { after?: number | string; min?: number | string; max?: number | string; sameUpstream?: boolean },
      false | { after?: number; min?: number; max?: number; sameUpstream?: boolean }
    >,
  ),
  circuit: v.optional(
    section({
      window: v.optional(duration),
      failures: v.optional(whole(1, 1_000_000)),
      share: v.optional(share),
      openFor: v.optional(duration),
      maxOpenFor: v.optional(duration),
    }),
  ),
  timeouts: v.optional(timeouts),
  memory: v.optional(size, 256 * 1024 * 1024),
  disk: v.optional(disk),
  cache: v.optional(cache, {}),
  forward: v.optional(
    section({
      clientAddress: v.optional(oneOf(["alone", "always", "never"])),
      fields: v.optional(oneOf(["x-forwarded", "forwarded"])),
    }),
  ),
  purge: v.optional(purge),
  live: v.optional(live, {}),
  steering: v.optional(steering),
  guard: v.optional(guard, {}),
  tls: v.optional(section({ cert: text, key: text, minVersion: v.optional(oneOf(["TLSv1.2", "TLSv1.3"])) })),
  limits: v.optional(limits, {}),
  log: v.optional(log, {}),
  metrics: v.optional(
    section({
      segments: v.optional(whole(0, 8), 3),
      renditions: v.optional(whole(1, 1000), 100),
      timeHits: v.optional(flag, false),
    }),
    {},
  ),
  admin: v.optional(
    v.lazy((input) => (input === false ? v.literal(false) : admin)) as v.GenericSchema<
      false | v.InferInput<typeof admin>,
      false | v.InferOutput<typeof admin>
    >,
    {},
  ),
});

/** The same, and what its sections have to agree on. */
export const edgeConfigSchema = v.pipe(
  sections,
  v.forward(
    v.check(
      ({ steering, live }) => steering === undefined || steering.path !== live.cmcdReports?.path,
      "is the path of live.cmcdReports: give another one",
    ),
    ["steering", "path"],
  ),
  v.forward(
    v.check(
      ({ port, tls, admin }) =>
        admin === false || admin.port === 0 || admin.port !== (port ?? (tls === undefined ? 8080 : 8443)),
      "has the port where clients come: give another one",
    ),
    ["admin"],
  ),
);

/** A config that has been checked: sizes in bytes, durations in milliseconds. */
export type CheckedConfig = v.InferOutput<typeof edgeConfigSchema>;
/** One upstream of it. */
export type CheckedUpstream = CheckedConfig["upstreams"][number];
