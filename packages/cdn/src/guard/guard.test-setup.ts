/** What the tests of the guards share: requests as the server makes them, and a handler behind that remembers what reached it. */

import { fromRequest } from "../handler/convert.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import { type RawRequest, type RawResponse, rawHandler } from "../handler/raw.ts";
import type { Guard } from "./guard.ts";

/** A secret for tests. */
export const SECRET = "0123456789abcdef0123456789abcdef";

/** How a test asks. */
export interface Ask {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly address?: string;
  /** `https://edge.example` unless said otherwise. */
  readonly origin?: string;
}

/** A raw request; each from a connection of its own. */
export function ask(
  target: string,
  { method = "GET", headers = {}, address, origin = "https://edge.example" }: Ask = {},
): RawRequest {
  const base = fromRequest(new Request(`${origin}/`, { method, headers }), undefined);
  const fields: Record<string, string | undefined> = Object.create(null);
  for (const [name, value] of Object.entries(headers)) fields[name.toLowerCase()] = value;
  const connection = address === undefined ? undefined : connectionFrom(address);
  return { ...base, method, target, origin, headers: fields, connection };
}

/** A connection from an address. */
export function connectionFrom(remoteAddress: string) {
  return { remoteAddress, remotePort: 4711, protocol: "http/1.1" } as const;
}

/** The answer of the handler behind: always the same object. */
export const HIT: RawResponse = {
  status: 200,
  headers: ["content-type", "video/iso.segment", "content-length", "3", "cache-control", "public, max-age=60"],
  body: Buffer.from("hit"),
};

/** A guard in front of a handler that answers with what `answer` says. */
export function behind(guard: Guard, answer: (request: RawRequest) => RawResponse | Promise<RawResponse> = () => HIT) {
  const passed: RawRequest[] = [];
  const handler: FetchHandler = Object.assign(() => new Response("not this way"), {
    [rawHandler]: (request: RawRequest) => {
      passed.push(request);
      return answer(request);
    },
  });
  const guarded = guard(handler);
  const send = (request: RawRequest): RawResponse | Promise<RawResponse> | undefined => guarded[rawHandler](request);
  return { passed, send, guarded };
}

/** The code of a refusal; undefined for any other answer. */
export async function refusalOf(answer: RawResponse | Promise<RawResponse> | undefined): Promise<string | undefined> {
  const { status, body, about } = (await answer)!;
  if (status < 400) return undefined;
  const { error } = JSON.parse(Buffer.from(body as Uint8Array).toString()) as { error: { code: string } };
  if (about?.outcome !== "refused" || about.reason !== error.code)
    throw new Error(`${error.code} is not said in \`about\``);
  return error.code;
}
