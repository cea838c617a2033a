/** What tests with a real homeserver share. */

import { chmod, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of every account in tests. */
export const password = "correct horse battery staple";

/** A folder that PostgreSQL can enter, whichever user it runs as. */
export async function newFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "ami-matrix-"));
  await chmod(dir, 0o755);
  return dir;
}

/** What of the homeserver's answers is looked at. */
export interface Answer {
  readonly access_token: string;
  readonly chunk: readonly { readonly event_id: string; readonly type: string; readonly content: unknown }[];
  readonly content: { readonly body: string };
  readonly content_uri: string;
  readonly errcode: string;
  readonly event_id: string;
  readonly one_time_key_counts: Readonly<Record<string, number>>;
  readonly room_id: string;
  readonly versions: readonly string[];
}

/** A request to the client-server API. */
export interface ApiRequest {
  readonly token?: string;
  readonly body?: object | Uint8Array<ArrayBuffer>;
  readonly method?: string;
}

/** Asks a homeserver without any library in between. */
export async function request(
  url: string,
  path: string,
  { token, body, method = body === undefined ? "GET" : "POST" }: ApiRequest = {},
): Promise<{ status: number; body: Answer }> {
  const response = await fetch(new URL(path, url), {
    method,
    headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: body instanceof Uint8Array ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

/** Logs in with a password. Returns an access token. */
export async function login(url: string, user: string): Promise<string> {
  const identifier = { type: "m.id.user", user };
  const { body } = await request(url, "_matrix/client/v3/login", {
    body: { type: "m.login.password", identifier, password },
  });
  return body.access_token;
}

/** The registration secret of a deployment. */
export async function registrationSecret(dir: string): Promise<string> {
  return (await readFile(join(dir, "secrets", "registration"), "utf8")).trim();
}

/** Everything that an iterable gives. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
