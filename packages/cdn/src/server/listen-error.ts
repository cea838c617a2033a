/** Why a port cannot be listened on, in words that say what to do. */

import { CdnError } from "../errors.ts";

/** @param host - undefined: all addresses. */
export function listenError(cause: unknown, port: number, host: string | undefined): CdnError {
  const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const place = `port ${port} on ${host ?? "any address"}`;
  if (reason === "EADDRINUSE") {
    const message = `${place} is taken: choose another, or end the program that listens there`;
    return new CdnError("PORT_TAKEN", message, { cause });
  }
  const hint = HINTS[reason];
  const message = `cannot listen on ${place}: ${hint === undefined ? reason : `${hint} (${reason})`}`;
  return new CdnError("LISTEN_FAILED", message, { cause });
}

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "this user may not; choose a port from 1024 on, or give the process CAP_NET_BIND_SERVICE",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "nobody knows that name",
};
