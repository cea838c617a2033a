/** The one error class of this package. */

/** What went wrong, stable across releases. */
export type CdnErrorCode =
  /** The request is not HTTP that this server takes. */
  | "BAD_REQUEST"
  /** The path would leave its root, or hides a separator or a control character. */
  | "INVALID_PATH"
  /** Header block over `maxHeaderBytes` or `maxHeaders`. */
  | "HEADERS_TOO_LARGE"
  /** Request target over `maxUrlBytes`. */
  | "URL_TOO_LONG"
  /** Request body over `maxBodyBytes`. */
  | "BODY_TOO_LARGE"
  /** The client took too long to send its request. */
  | "REQUEST_TIMEOUT"
  /** Nothing is stored or live under this name. */
  | "NOT_FOUND"
  /** The resource does not take this method; `Allow` says which it takes. */
  | "METHOD_NOT_ALLOWED"
  /** `TRACE` and `CONNECT`: no handler here has them. */
  | "METHOD_NOT_IMPLEMENTED"
  /** No byte of the object lies in the range asked for, or the range makes no sense. */
  | "RANGE_NOT_SATISFIABLE"
  /** A handler threw; the log has the reason, the client does not. */
  | "HANDLER_FAILED"
  /** The port is in use by another program. */
  | "PORT_TAKEN"
  /** Listening failed for another reason, see `cause`. */
  | "LISTEN_FAILED"
  /** An option makes no sense. */
  | "INVALID_OPTION"
  /** Used after `close()`. */
  | "CLOSED"
  /** A purge names nothing, too much, or what cannot be stored. */
  | "INVALID_PURGE"
  /** This edge lost its journal, and has not yet heard from the others what they have purged. */
  | "PURGE_UNAVAILABLE"
  /** As many purges as may wait for other edges do. */
  | "PURGE_BUSY"
  /** Purged here, but not certainly everywhere; `cause` is the `PurgeResult`. */
  | "PURGE_INCOMPLETE"
  /** Purged in memory, but not written down: it may come back with a restart. */
  | "PURGE_NOT_STORED"
  /** No credentials, or wrong ones. */
  | "UNAUTHORIZED"
  /** The client went away. */
  | "ABORTED"
  /** No upstream took a connection. */
  | "UPSTREAM_UNREACHABLE"
  /** An upstream answered nothing in time. */
  | "UPSTREAM_TIMEOUT"
  /** As many requests as may wait for an upstream do; clients get a 503. */
  | "UPSTREAM_BUSY"
  /** Every upstream that could be asked failed too often lately, and is not asked for now; clients get a 503. */
  | "UPSTREAM_DOWN"
  /** An upstream ended its body early. */
  | "UPSTREAM_TRUNCATED"
  /** An upstream broke HTTP, or failed in another way. */
  | "UPSTREAM_FAILED"
  /** It is not stored, and the client wants nobody asked (`only-if-cached`). */
  | "NOT_CACHED"
  /** This edge is its own upstream (RFC 8586). */
  | "LOOP_DETECTED"
  /** A reader of a growing object fell behind by more than the object's bound. */
  | "READER_FELL_BEHIND"
  /** An object key is empty, too long, or not a plain relative path. */
  | "INVALID_KEY"
  /** The object changed between being described and being read. */
  | "OBJECT_CHANGED"
  /** No space left in the store. */
  | "STORE_FULL"
  /** The store failed for another reason, see `cause`. */
  | "STORE_FAILED"
  /** Another process, or another tier of this one, has the disk tier's folder. */
  | "DISK_IN_USE"
  /** The disk tier's folder cannot be read or written, see `cause`. */
  | "DISK_FAILED"
  /** What was read from disk is not what was written, or left while it was read. */
  | "DISK_CORRUPT"
  /** A guard wants a token, and the request has none. */
  | "TOKEN_MISSING"
  /** The token is not one of ours, or was changed. */
  | "TOKEN_INVALID"
  /** The token was good once. */
  | "TOKEN_EXPIRED"
  /** The token will be good later. */
  | "TOKEN_NOT_YET_VALID"
  /** The token is good, but not for this path. */
  | "PATH_NOT_GRANTED"
  /** The token is good, but not from this address. */
  | "ADDRESS_NOT_GRANTED"
  /** The keys that tokens are checked with cannot be had. */
  | "KEYS_UNREACHABLE"
  /** As many tokens as may be checked at a time are. */
  | "GUARD_BUSY"
  /** A playlist into which tokens should be written is too long, or in an encoding that cannot be read. */
  | "PLAYLIST_NOT_REWRITABLE"
  /** Too many requests: `Retry-After` says when the next one passes. */
  | "RATE_LIMITED"
  /** The client's address may not ask. */
  | "ADDRESS_DENIED"
  /** The client's country may not ask. */
  | "COUNTRY_DENIED"
  /** The page that the request comes from may not show this. */
  | "HOTLINK_DENIED"
  /** A country database cannot be read. */
  | "DATABASE_FAILED";

/** Every error this package throws. */
export class CdnError extends Error {
  override readonly name = "CdnError";
  readonly code: CdnErrorCode;

  constructor(code: CdnErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
