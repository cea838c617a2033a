/** The steering manifest: HLS (RFC 8216bis §7) and DASH (ETSI TS 103 998 §6) have the same one. Pure. */

/** How the URIs of a pathway are made from another's (`PATHWAY-CLONES`), for pathways that a playlist or MPD does not list. */
export interface PathwayClone {
  /** Pathway that is listed, or a clone before this one. */
  readonly baseId: string;
  /** Replaces the host name of each URI: a name or an address. The port stays what it is. */
  readonly host: string;
  /** Set in the query of each URI. */
  readonly params?: Readonly<Record<string, string>>;
  /** HLS: URIs of Media Playlists by STABLE-VARIANT-ID and STABLE-RENDITION-ID that are not made by replacing. */
  readonly perVariantUris?: Readonly<Record<string, string>>;
  readonly perRenditionUris?: Readonly<Record<string, string>>;
}

/** What is to be said. */
export interface SteeringFacts {
  /** Seconds until the player asks again. */
  readonly ttl: number;
  /** Relative to the document. */
  readonly reloadUri: string;
  /** Ids, the preferred first. */
  readonly priority: readonly string[];
  readonly clones: readonly (PathwayClone & { readonly id: string })[];
}

/** The document, ready for `JSON.stringify`. */
export interface SteeringDocument {
  readonly VERSION: 1;
  readonly TTL: number;
  readonly "RELOAD-URI": string;
  readonly "PATHWAY-PRIORITY": readonly string[];
  readonly "PATHWAY-CLONES"?: readonly unknown[];
}

/** Writes it. */
export function steeringDocument({ ttl, reloadUri, priority, clones }: SteeringFacts): SteeringDocument {
  return {
    VERSION: 1,
    TTL: ttl,
    "RELOAD-URI": reloadUri,
    "PATHWAY-PRIORITY": priority,
    ...(clones.length > 0 && {
      "PATHWAY-CLONES": clones.map(({ id, baseId, host, params, perVariantUris, perRenditionUris }) => ({
        "BASE-ID": baseId,
        ID: id,
        "URI-REPLACEMENT": {
          HOST: host,
          ...(params !== undefined && { PARAMS: params }),
          ...(perVariantUris !== undefined && { "PER-VARIANT-URIS": perVariantUris }),
          ...(perRenditionUris !== undefined && { "PER-RENDITION-URIS": perRenditionUris }),
        },
      })),
    }),
  };
}
