/** What an edge program can be told of live media and of content steering. */

import type { Duration, Size } from "./units.ts";

/** Live media. Each of these is there without the others. */
export interface LiveConfig {
  /** Whether live playlists are kept for half a part, and what is missing at the live edge as long. Default true. */
  readonly rules?: boolean;
  /** Whether what comes next is fetched before it is asked for. Default false. */
  readonly prefetch?: boolean;
  /** Whether what players say of themselves with each request (CMCD) is counted. Default true. */
  readonly cmcd?: boolean;
  /** Takes reports that players send by themselves (CMCD version 2), for the same metrics. Default: none. */
  readonly cmcdReports?: CmcdReportsConfig;
  /** Whether answers say of this edge how long they took, and when it is overloaded (CMSD). Default false. */
  readonly cmsd?: boolean;
}

/** Where players send reports. */
export interface CmcdReportsConfig {
  /** Path that they POST to, such as `/cmcd`: the edge answers it itself, behind its guards. */
  readonly path: string;
  /** Of one request. Default 256 KiB. */
  readonly maxBodyBytes?: Size;
  /** Reports that each process reads in a second; above it players are told to wait. Default 2,000. */
  readonly perSecond?: number;
}

/** Content steering. */
export interface SteeringConfig {
  /** Path of the steering document, such as `/steering`: the edge answers it itself, behind its guards. */
  readonly path: string;
  /** Ways to the media: 1 to 16. */
  readonly pathways: readonly PathwayConfig[];
  /** How long until a player asks again, in whole seconds. Default 5 min. */
  readonly ttl?: Duration;
  /** The same while a pathway is ill. Default 10 s, and at most `ttl`. */
  readonly degradedTtl?: Duration;
  /** bit/s: a pathway on which a player measured less is put last for it. Default: none is. */
  readonly minThroughput?: number;
  /** From one look at a pathway's health to the next. Default 5 s. */
  readonly healthInterval?: Duration;
  /** For an answer to it. Default 2 s. */
  readonly healthTimeout?: Duration;
}

/** One way to the media. */
export interface PathwayConfig {
  /** `PATHWAY-ID` of the Multivariant Playlist, `serviceLocation` of the MPD. Letters, digits, `.`, `_`, `-`. */
  readonly id: string;
  /** Share of the sessions, relative to the others. Default 1. */
  readonly weight?: number;
  /** Asked every now and then: 2xx is well. `http://edge-1:9180/readyz` of an `ami-edge` says its load, too. Default: it counts as well. */
  readonly healthUrl?: string;
  /** For a pathway that playlists do not list: how it is made from one that they do. */
  readonly clone?: {
    readonly baseId: string;
    /** Host name instead of the other's, without a port. */
    readonly host: string;
    /** Set in the query of each URI. */
    readonly params?: Readonly<Record<string, string>>;
    readonly perVariantUris?: Readonly<Record<string, string>>;
    readonly perRenditionUris?: Readonly<Record<string, string>>;
  };
}
