/** A request as a guard hands it on: changed in what the guard says, and otherwise the one that was received. */

import type { Connection } from "../handler/fetch-handler.ts";
import type { RawRequest } from "../handler/raw.ts";

/** What a guard changes. */
export interface RequestChanges {
  readonly target?: string;
  readonly headers?: RawRequest["headers"];
  readonly connection?: Connection;
  /** The token that let it pass. */
  readonly token?: string;
}

/** Asks for the abort signal only when somebody asks for its own: making one costs more than a look-up. */
export class PassedRequest implements RawRequest {
  readonly method: string;
  readonly target: string;
  readonly origin: string;
  readonly headers: RawRequest["headers"];
  readonly body: RawRequest["body"];
  readonly connection: Connection | undefined;
  /** The token that let it pass, if one did. */
  readonly token: string | undefined;
  readonly #received: RawRequest;

  constructor(received: RawRequest, changes: RequestChanges) {
    this.method = received.method;
    this.target = changes.target ?? received.target;
    this.origin = received.origin;
    this.headers = changes.headers ?? received.headers;
    this.body = received.body;
    this.connection = changes.connection ?? received.connection;
    this.token = changes.token ?? tokenOf(received);
    this.#received = received;
  }

  get signal(): AbortSignal {
    return this.#received.signal;
  }
}

/** The token by which a guard further out let the request pass: verified, and the same for all requests of one viewer. */
export function tokenOf(request: RawRequest): string | undefined {
  return request instanceof PassedRequest ? request.token : undefined;
}

/** Header fields without one, or with another value of it. */
export function withHeader(
  headers: RawRequest["headers"],
  name: string,
  value: string | undefined,
): RawRequest["headers"] {
  const changed: Record<string, string | undefined> = Object.create(null);
  for (const field in headers) changed[field] = headers[field];
  if (value === undefined) delete changed[name];
  else changed[name] = value;
  return changed;
}

/** A copy: a part of a string keeps alive the whole it was cut from, here all that a client sent. */
export function ownText(text: string): string {
  return Buffer.from(text, "latin1").toString("latin1");
}
