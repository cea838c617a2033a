/** What can be said of an upstream. */

import type { FetchHandler } from "../../handler/fetch-handler.ts";
import type { HealthCheckOptions } from "./health-check.ts";
import type { UpstreamConnections } from "./http-upstream.ts";
import type { S3Options } from "./s3-upstream.ts";
import type { Upstream, UpstreamTimeouts } from "./upstream.ts";

/** One upstream. Exactly one of `url`, `handler` and `upstream` says what it is. */
export interface UpstreamOptions extends UpstreamConnections {
  /** `http(s)://host[:port][/base]`. With `s3`: the endpoint. */
  readonly url?: string;
  /** In this process. */
  readonly handler?: FetchHandler;
  /** Anything that answers like one. It is closed with the edge. */
  readonly upstream?: Upstream;
  /** In logs and metrics. Default: the URL, or `upstream 1`, `upstream 2`… */
  readonly name?: string;
  /** Share of the requests beside others of the same priority, where the balance is `weighted` or `hash`. Default 1. */
  readonly weight?: number;
  /** The lowest is asked first; higher ones when no lower one is well. Default 0, of a backup 1. */
  readonly priority?: number;
  /** Asked when no other is well. Default false. */
  readonly backup?: boolean;
  /** Checked every now and then, and asked last while it is ill. Default: judged by how it answers requests alone. */
  readonly health?: HealthCheckOptions;
  /** It is a bucket, and requests to it are signed. */
  readonly s3?: S3Options;
  /** Milliseconds to wait for it. Default: those of the edge. */
  readonly timeouts?: Partial<UpstreamTimeouts>;
  /** Fields sent with each request, instead of any others of the same name; `host` too. Names in any case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A URL, a handler, or either with more to say. */
export type UpstreamOption = string | FetchHandler | UpstreamOptions;
