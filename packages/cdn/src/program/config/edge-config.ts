/** What an edge program can be told: the shape of `ami-edge.config.ts`. Plain data, so that it can go to every process. */

import type { Balance } from "../../edge/upstream/balance.ts";
import type { CacheOutcome } from "../../handler/answer-facts.ts";
import type { ServerLimits } from "../../server/limits.ts";
import type { LiveConfig, SteeringConfig } from "./media-config.ts";
import type { Duration, Size } from "./units.ts";

/** Options of an edge. {@link Size} and {@link Duration} may be text: `1GiB`, `500ms`. */
export interface EdgeConfig {
  /** TCP port to serve on; 0 takes a free one. Default 8080, with `tls` 8443. */
  readonly port?: number;
  /** Address to listen on. Default: all of the machine's. */
  readonly host?: string;
  /** Names this edge in `Cache-Status`, `Via` and metrics. Default `ami-edge`. */
  readonly name?: string;
  /** Processes that share the port, and hold each object once between them. Default 1. */
  readonly processes?: number;
  /** How long answers in flight may still take when the edge ends. Default 10 s. */
  readonly drain?: Duration;
  /** Origins, shield edges or buckets: URLs, or objects with more to say. */
  readonly upstreams?: readonly (string | UpstreamConfig)[];
  /** `priority`: in the order they are listed; `weighted`: in turn; `hash`: the same one for the same object. Default `priority`. */
  readonly balance?: Balance;
  /** Bounds of second attempts. */
  readonly retry?: RetryConfig;
  /** Second requests for segments that are late; false for none. Default: where there is another upstream. */
  readonly hedge?: HedgeConfig | false;
  /** When an upstream is not asked at all. */
  readonly circuit?: CircuitConfig;
  /** How long to wait for upstreams. */
  readonly timeouts?: TimeoutsConfig;
  /** Bound of the memory cache of all processes together. Default 256 MiB. */
  readonly memory?: Size;
  /** Behind the memory, for what is to outlive the process or does not fit. Default: none. */
  readonly disk?: DiskConfig;
  /** What is kept, and under which key. */
  readonly cache?: CacheConfig;
  /** What upstreams are told of who asks. */
  readonly forward?: ForwardConfig;
  /** The other edges that are told of a purge, and tell this one. Default: this edge is alone. */
  readonly purge?: PurgeConfig;
  /** What is done for live media. */
  readonly live?: LiveConfig;
  /** Tells players of HLS and DASH which edge to use, and another one when that fails. Default: nobody is steered. */
  readonly steering?: SteeringConfig;
  /** Who may ask. */
  readonly guard?: GuardConfig;
  /** Certificate and key. With them the edge speaks TLS 1.3 and HTTP/2 by ALPN. */
  readonly tls?: TlsConfig;
  /** What the server puts up with. Times in milliseconds or as text, sizes in bytes or as text. */
  readonly limits?: { readonly [Name in keyof ServerLimits]?: number | string };
  /** What is logged. */
  readonly log?: LogConfig;
  /** What is counted. */
  readonly metrics?: MetricsConfig;
  /** The port for operators: `/metrics`, `/healthz`, `/readyz`, `/stats`, `POST /reload`. False for none. */
  readonly admin?: AdminConfig | false;
}

/** One upstream. */
export interface UpstreamConfig {
  /** `http(s)://host[:port][/base]`; of a bucket, its endpoint. */
  readonly url: string;
  /** In logs and metrics. Default: the URL. */
  readonly name?: string;
  /** Share of the requests, where the balance is `weighted` or `hash`. Default 1. */
  readonly weight?: number;
  /** The lowest is asked first. Default 0, of a backup 1. */
  readonly priority?: number;
  /** Asked when no other is well. Default false. */
  readonly backup?: boolean;
  /** Asked every now and then whether it is well. Default: judged by how it answers requests alone. */
  readonly health?: HealthConfig;
  /** It is a bucket of an S3-compatible store; requests to it are signed. */
  readonly s3?: S3Config;
  /** How long to wait for it. Default: `timeouts` of the edge. */
  readonly timeouts?: TimeoutsConfig;
  /** Fields sent with each request instead of others of the same name; `host` too. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Connections for all but blocking reloads. Default 1024. */
  readonly connections?: number;
  /** How long a connection is kept without a request. Less than the upstream keeps it. Default 10 s. */
  readonly keepAliveTimeout?: Duration;
  /** Many requests on few connections, where the upstream speaks HTTP/2 over TLS. Default false. */
  readonly http2?: boolean;
  /** Path of a unix domain socket to connect to. */
  readonly socketPath?: string;
  /** How its certificate is checked. */
  readonly tls?: UpstreamTlsConfig;
}

/** A health check. */
export interface HealthConfig {
  /** Path and query to GET. */
  readonly path: string;
  /** From the end of one check to the next. Default 5 s. */
  readonly interval?: Duration;
  /** Until the head. Default 2 s. */
  readonly timeout?: Duration;
  /** Good checks in a row that make it well again. Default 2. */
  readonly healthyAfter?: number;
  /** Bad checks in a row that make it ill. Default 3. */
  readonly unhealthyAfter?: number;
  /** Statuses that are good. Default: 200 to 399. */
  readonly expectStatus?: number | readonly number[];
}

/** A bucket. */
export interface S3Config {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
  /** Such as `eu-central-1`; what speaks like S3 often takes `us-east-1` or `auto`. */
  readonly region: string;
  /** Left out where the URL names it already. */
  readonly bucket?: string;
  /** Where the bucket's name goes. Default `path`. */
  readonly style?: "path" | "virtual";
  /** Before each key, without a slash at the ends. */
  readonly prefix?: string;
}

/** How an upstream's certificate is checked. */
export interface UpstreamTlsConfig {
  /** Files of the authorities to trust, PEM, instead of the well-known ones. */
  readonly ca?: string | readonly string[];
  /** Files of this edge's own certificate and its key, PEM. */
  readonly cert?: string;
  readonly key?: string;
  /** Name to ask for (SNI) and to check, instead of the URL's host. */
  readonly serverName?: string;
  /** False trusts any certificate. Default true. */
  readonly rejectUnauthorized?: boolean;
}

/** Bounds of second attempts. */
export interface RetryConfig {
  /** Retries and hedges per request over the last ten seconds, at most. Default 0.2. */
  readonly share?: number;
  /** So many in a second are allowed whatever the share. Default 10. */
  readonly floor?: number;
  /** Before each further attempt at an upstream that is the only one. Default 100 ms and 300 ms. */
  readonly backoff?: readonly Duration[];
}

/** Second requests. */
export interface HedgeConfig {
  /** How long to wait for a head before the second one goes out. Default: what 95 of 100 recent ones stayed within. */
  readonly after?: Duration;
  /** Bounds of that default. Default 30 ms and 2 s. */
  readonly min?: Duration;
  readonly max?: Duration;
  /** Where there is no other upstream, ask the same one once more. Default false. */
  readonly sameUpstream?: boolean;
}

/** When an upstream is not asked. */
export interface CircuitConfig {
  /** How long a failure counts. Default 10 s. */
  readonly window?: Duration;
  /** Failures within it that open the circuit, at least. Default 5. */
  readonly failures?: number;
  /** Share of the requests that these are, at least. Default 0.5. */
  readonly share?: number;
  /** Until the first trial; twice as long after each that failed. Default 1 s. */
  readonly openFor?: Duration;
  /** At most so long. Default 10 s. */
  readonly maxOpenFor?: Duration;
}

/** How long to wait for upstreams. */
export interface TimeoutsConfig {
  /** For a connection. Default 2 s. */
  readonly connect?: Duration;
  /** For the head of an answer: above the longest blocking playlist reload. Default 35 s. */
  readonly head?: Duration;
  /** For the next byte of a body. Default 20 s. */
  readonly body?: Duration;
  /** For the whole answer. Default: none. */
  readonly total?: Duration;
}

/** What is kept. */
export interface CacheConfig {
  /** Query parameters that make no difference: exact names, or `utm_*`. */
  readonly ignoreParams?: readonly string[];
  /** Only these parameters, and those of blocking reloads, make a difference. Instead of `ignoreParams`. */
  readonly keepParams?: readonly string[];
  /** Whether the other parameters are sorted by name, in the key and in what upstreams are asked. Default false: as they are written. */
  readonly sortParams?: boolean;
  /** How long a 404 or 410 that says nothing else is kept. Default 1 s. */
  readonly negativeTtl?: Duration;
  /** Objects above this are passed on without being stored. Default 64 MiB. */
  readonly maxObjectBytes?: Size;
  /**
   * How a lifetime is guessed for an answer that names none, but has `Last-Modified`: a share of the time since then, and a bound. False:
   * never. Default a tenth, and 5 min.
   */
  readonly heuristic?: { readonly fraction: number; readonly max: Duration } | false;
  /** How long past its freshness an object is served when no upstream answers at all, where it says nothing of that. Default 30 s. */
  readonly staleIfDisconnected?: Duration;
  /** Response fields like `CDN-Cache-Control` (RFC 9213) that count instead of `Cache-Control`, the first that is there. Default that one. */
  readonly targetedFields?: readonly string[];
  /** Which `Cache-Control` directives of requests count. Default `harmless`: those by which nobody can make an edge ask its upstream. */
  readonly requestDirectives?: "ignore" | "harmless" | "all";
  /** Whether clients' `Authorization` is dropped, before the cache or an upstream sees it. Default: true where all upstreams are buckets, else false. */
  readonly ignoreAuthorization?: boolean;
  /** Whether answers with `Set-Cookie` are stored. The cookie then goes to everybody. Default false. */
  readonly storeSetCookie?: boolean;
  /** Whether clients see `Surrogate-Key`, `Cache-Tag` and `Surrogate-Control`. Default false. */
  readonly exposeTags?: boolean;
  /** Slices, in which ranges of long objects are fetched and stored. Default 1 MiB. */
  readonly sliceBytes?: Size;
  /** Ranges of objects above this are answered by slices. Default 8 MiB. */
  readonly sliceAbove?: Size;
}

/** What upstreams are told of who asks: the client's address, and the scheme and host that it asked for. */
export interface ForwardConfig {
  /**
   * `alone`: on requests that go on for one client alone; `always`: on those whose answer many share, too, where it is of whoever came first; `never`.
   * Default `alone`.
   */
  readonly clientAddress?: "alone" | "always" | "never";
  /** `X-Forwarded-For`, `-Proto` and `-Host`, or `Forwarded` (RFC 7239). Default `x-forwarded`. */
  readonly fields?: "x-forwarded" | "forwarded";
}

/** Files that objects are kept in. */
export interface DiskConfig {
  /** A folder of its own, made where it is missing. Each process has a folder in it. */
  readonly path: string;
  /** Of all files together. */
  readonly size: Size;
}

/** Edges that purge together. All are told the same, each from its own side. */
export interface PurgeConfig {
  /** Name of this one among them. */
  readonly self: string;
  /** All of them; this one may be among them. They reach each other where clients do, below `/.ami/purge/`. */
  readonly peers: readonly { readonly name: string; readonly url: string }[];
  /** Known to the edges alone: 16 characters or more. */
  readonly secret: string;
  /**
   * How many of the edges may be down, or out of reach, while the others serve on from their caches; with more of them gone the rest ask an
   * upstream before every hit. A purge is done when one edge more than this has it. The same at all edges. Default: 1 with three edges or more,
   * else 0.
   */
  readonly tolerate?: number;
}

/** Who may ask. */
export interface GuardConfig {
  /** Proxies in front, which say who the client is. */
  readonly trustProxies?: {
    /** Their addresses and networks. */
    readonly proxies: readonly string[];
    /** The field in which they say it. Default `x-forwarded-for`. */
    readonly header?: "x-forwarded-for" | "forwarded";
  };
  /** Addresses and networks that may ask, or may not. */
  readonly addresses?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] };
  /** Countries that may ask, or may not, by a MaxMind database file, which is read anew when it is replaced. */
  readonly countries?: {
    readonly file: string;
    readonly allow?: readonly string[];
    readonly deny?: readonly string[];
    /** Addresses whose country nobody knows. Default `allow`. */
    readonly unknown?: "allow" | "deny";
  };
  /** Sites whose pages may show what is here. */
  readonly hotlinks?: {
    readonly allow: readonly string[];
    /** Requests that say no site. Default true. */
    readonly allowEmpty?: boolean;
  };
  /** Sites whose pages may send cookies. */
  readonly credentials?: {
    readonly origins: readonly string[];
    /** How long browsers keep the answer to a preflight. Default a day. */
    readonly maxAge?: Duration;
  };
  /** URLs, or cookies, whose signature grants a path and all below it. */
  readonly signedUrls?: TokenConfig & {
    /** Secrets by key id, at least 16 bytes each. */
    readonly keys: Readonly<Record<string, string>>;
    readonly places?: { readonly path?: boolean; readonly query?: string; readonly cookie?: string };
  };
  /** JSON Web Tokens. Exactly one of `keys` and `secret` is given. */
  readonly jwt?: TokenConfig & {
    /** URL of a key set (RFC 7517), or the key set. */
    readonly keys?: string | { readonly keys: readonly object[] };
    /** A secret of at least 32 bytes that both sides know. */
    readonly secret?: string;
    readonly issuer?: string | readonly string[];
    readonly audience?: string | readonly string[];
    readonly algorithms?: readonly string[];
    readonly places?: {
      readonly path?: boolean;
      readonly query?: string;
      readonly header?: string;
      readonly cookie?: string;
    };
  };
  /** How many connections an address may have open: an IPv4 address, or an IPv6 /64. Each process counts for itself. */
  readonly connections?: {
    readonly perAddress: number;
    /** Addresses and networks that may have as many as they like. Proxies that are trusted may anyway. */
    readonly exempt?: readonly string[];
  };
  /** How often clients may ask. Each process counts for itself. */
  readonly rateLimits?: readonly RateLimitConfig[];
}

/** What both kinds of token have. */
export interface TokenConfig {
  /** Paths that need one: `/live/` (all below) or `/film.mp4`. Default: all. */
  readonly paths?: readonly string[];
  /** Methods that a token allows. Default GET and HEAD. */
  readonly methods?: readonly string[];
  /** Answers the first request with a cookie. Default false. */
  readonly setCookie?: boolean | { readonly name?: string; readonly secure?: boolean; readonly partitioned?: boolean };
  /** Writes the token into the links of playlists. Default false. */
  readonly rewritePlaylists?: boolean;
  /** By how much clocks may differ. Default 0. */
  readonly clockTolerance?: Duration;
}

/** One rate limit. */
export interface RateLimitConfig {
  /** Who is counted: each address, or each token that a guard let pass. Default `address`. */
  readonly by?: "address" | "token";
  /** Requests per second, in the long run. */
  readonly rate: number;
  /** Requests that may come at once. Default: those of ten seconds. */
  readonly burst?: number;
  /** Only these paths. Default: all. */
  readonly paths?: readonly string[];
  /** Default 429. */
  readonly status?: number;
  /** Names the limit in `RateLimit` fields. */
  readonly name?: string;
  /** Clients in the table, 12 bytes for each. Default 262,144. */
  readonly entries?: number;
}

/** Files of a certificate and its key, PEM. */
export interface TlsConfig {
  /** The certificate, followed by its intermediates. */
  readonly cert: string;
  readonly key: string;
  /** Default `TLSv1.3`. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
}

/** What is logged. The access log is on where `format` or `file` is given. */
export interface LogConfig {
  /** Of the program's own log, JSON lines on standard error. Default `info`. */
  readonly level?: "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "silent";
  /** Lines of the access log. Default `json`. */
  readonly format?: "json" | "common" | "combined";
  /** Share of the requests that are logged, 0 to 1; or a share for each outcome, with 1 for those not named. Default 1. */
  readonly sample?: number | { readonly [Outcome in CacheOutcome]?: number };
  /** File of the access log, which is opened anew on SIGUSR2; `-` is standard output. Default `-`. */
  readonly file?: string;
  /** Query parameters whose values are left out of it. Default `token`. */
  readonly hideParams?: readonly string[];
}

/** What is counted. */
export interface MetricsConfig {
  /** Requests are counted by so many folders of their path, 0 to 8: 3 makes `/live/demo/720p/1.m4s` count for `live/demo/720p`. Default 3. */
  readonly segments?: number;
  /** Different ones that are counted; others count for `other`. Default 100. */
  readonly renditions?: number;
  /** Also measures how long answers take that were at hand. Costs each hit a quarter of a microsecond. Default false. */
  readonly timeHits?: boolean;
}

/** The port for operators. */
export interface AdminConfig {
  /** Default `127.0.0.1`. */
  readonly host?: string;
  /** 0 takes a free one. Default 9180. */
  readonly port?: number;
  /** Asked for as `Authorization: Bearer …`, but by `/healthz` and `/readyz`. Without one, only this machine may change anything. */
  readonly token?: string;
}

/** Types a config, and gives it back: `export default defineEdgeConfig({ … })`. It is checked when it is loaded. */
export function defineEdgeConfig(config: EdgeConfig): EdgeConfig {
  return config;
}
