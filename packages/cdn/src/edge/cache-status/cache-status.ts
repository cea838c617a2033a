/** `Cache-Status` (RFC 9211): what this edge did with a request. */

/** Why a request went to the upstream (RFC 9211 §2.2). */
export type ForwardReason = "bypass" | "method" | "uri-miss" | "vary-miss" | "stale" | "partial" | "request";

/** What happened. */
export type CacheStatus =
  | { readonly hit: true; readonly ttl: number; readonly detail?: string }
  | {
      readonly hit: false;
      readonly forward: ForwardReason;
      /** Status of the upstream's answer, where it is not the one passed on. */
      readonly forwardStatus?: number;
      readonly ttl?: number;
      readonly stored?: boolean;
      readonly collapsed?: boolean;
      /** A token that says more: why it was not stored, or what failed. */
      readonly detail?: string;
    };

/** An RFC 8941 token, which names a cache. */
export const CACHE_NAME = /^[A-Za-z*][\w!#$%&'*+.^`|~:/-]*$/;

/**
 * One member of the list.
 *
 * @param name - names this cache; matches {@link CACHE_NAME}.
 */
export function formatCacheStatus(name: string, status: CacheStatus): string {
  let text = name;
  if (status.hit) text += "; hit";
  else {
    text += `; fwd=${status.forward}`;
    if (status.forwardStatus !== undefined) text += `; fwd-status=${status.forwardStatus}`;
    if (status.stored) text += "; stored";
    if (status.collapsed) text += "; collapsed";
  }
  if (status.ttl !== undefined) text += `; ttl=${Math.floor(status.ttl)}`;
  if (status.detail !== undefined) text += `; detail=${status.detail}`;
  return text;
}
