/** Makes accounts by the registration secret, which is how operators do it where registration is closed. */

import { createHmac } from "node:crypto";
import { MatrixError } from "../../errors.ts";

/** Milliseconds that a homeserver may take to answer. */
const DEADLINE = 30_000;

/** Options of {@link registerUser}. */
export interface RegisterOptions {
  /** The homeserver as it is reached on its own machine, e.g. `http://127.0.0.1:8008/`: the admin API is not public. */
  readonly url: string;
  /** What the file `secrets/registration` holds. */
  readonly secret: string;
  /** The part of the user id before the colon. */
  readonly username: string;
  readonly password: string;
  /** Whether it may use the admin API. Default false. */
  readonly admin?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Makes an account (Synapse's admin API, "Shared-Secret Registration").
 *
 * @returns the user id.
 * @throws {MatrixError} `REQUEST_REFUSED` where the name is taken or the password too weak, `UNREACHABLE`
 */
export async function registerUser(options: RegisterOptions): Promise<string> {
  const { url, secret, username, password, admin = false, signal } = options;
  const endpoint = new URL("_synapse/admin/v1/register", url);
  const { nonce } = await request(endpoint, { signal });
  const mac = createHmac("sha1", secret);
  mac.update([nonce, username, password, admin ? "admin" : "notadmin"].join("\0"));
  const body = JSON.stringify({ nonce, username, password, admin, mac: mac.digest("hex"), inhibit_login: true });
  const { user_id } = await request(endpoint, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body,
    signal,
  });
  if (typeof user_id !== "string") throw new MatrixError("UNREACHABLE", `${url} answered without a user id`);
  return user_id;
}

async function request(
  url: URL,
  init: { method?: string; headers?: Record<string, string>; body?: string; signal: AbortSignal | undefined },
): Promise<Record<string, unknown>> {
  const timeout = AbortSignal.timeout(DEADLINE);
  const signal = init.signal === undefined ? timeout : AbortSignal.any([init.signal, timeout]);
  const response = await fetch(url, { ...init, signal }).catch((cause: unknown) => {
    init.signal?.throwIfAborted();
    throw new MatrixError("UNREACHABLE", `${url.origin} cannot be reached: ami-matrix up starts it`, { cause });
  });
  const answer = (await response.json().catch(() => ({}))) as Record<string, unknown>;
  if (response.ok) return answer;
  const reason = answer.error ?? response.statusText;
  throw new MatrixError("REQUEST_REFUSED", `the homeserver refused: ${reason} (${answer.errcode ?? response.status})`);
}
