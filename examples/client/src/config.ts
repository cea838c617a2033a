/** What the page is told by the server that it came from: `GET /config.json`. */

/** Where the parts of a deployment are, as the browser reaches them. */
export interface PageConfig {
  /** Where publishers go, e.g. `rtmp://127.0.0.1:1935/live`. */
  readonly rtmp: string;
  /** Edges in order of preference. */
  readonly edges: readonly { readonly name: string; readonly url: string }[];
  /** The stream to show first; the newest one if it is not live. */
  readonly stream?: string;
}

/** One entry of an edge's `GET /live.json`. */
export interface LiveStream {
  readonly name: string;
  readonly hls: string;
  readonly dash: string;
  /** ISO 8601. */
  readonly startedAt?: string;
  /** For people, e.g. `1280×720 h264 + aac, 3 renditions`. */
  readonly description?: string;
}

/** An edge's `GET /stats.json`: counters since it started. */
export interface EdgeCounters {
  readonly requests: number;
  readonly hits: number;
  readonly bytesFromUpstream: number;
  readonly bytesToClients: number;
  readonly cachedBytes: number;
}
