/** What can be seen with an account: files, and the TURN server that calls are given. */

import { connect } from "node:net";
import { type Finding, findings } from "./finding.ts";
import { ASK_DEADLINE, ask, type Route, reason } from "./http.ts";
import { answersStun } from "./stun.ts";

/** The port of TURN without TLS, and with it. */
const TURN_PORT = 3478;
const TURNS_PORT = 5349;

/** Uploads a few bytes and gets them back; nobody without an account may. */
export async function checkMedia(base: URL, route: Route, token: string | undefined): Promise<Finding[]> {
  const { ok, failure, skipped } = findings("media");
  if (token === undefined) return [skipped("files need an account", "give an access token")];
  try {
    const body = Buffer.from(`ami-matrix doctor ${new Date().toISOString()}`);
    const upload = await ask(new URL("_matrix/media/v3/upload?filename=doctor.txt", base), route, {
      method: "POST",
      token,
      body,
    });
    const uri = upload.json?.content_uri;
    if (typeof uri !== "string") {
      const advice =
        upload.status === 401 ? "give a token that is valid" : "look at the disk, and at the proxy's limit of bodies";
      return [failure(`a file cannot be uploaded (status ${upload.status})`, advice)];
    }
    const path = uri.slice("mxc://".length);
    const download = await ask(new URL(`_matrix/client/v1/media/download/${path}`, base), route, { token });
    if (!body.equals(download.bytes))
      return [
        failure(
          `a file does not come back as it was (status ${download.status})`,
          "look at media_store_path and its disk",
        ),
      ];
    const stranger = await ask(new URL(`_matrix/media/v3/download/${path}`, base), route);
    if (stranger.status === 200)
      return [failure("files are open to people without an account", "set enable_authenticated_media: true")];
    return [ok("files go up and come back, for people with an account alone")];
  } catch (error) {
    route.signal?.throwIfAborted();
    return [failure(`files: ${reason(error)}`, "see the client API")];
  }
}

/** Asks for TURN servers as a client does before a call, and each of them whether it is there. */
export async function checkTurn(base: URL, route: Route, token: string | undefined): Promise<Finding[]> {
  const { ok, warning, failure, skipped } = findings("turn");
  if (token === undefined) return [skipped("TURN needs an account", "give an access token")];
  try {
    const { json, status } = await ask(new URL("_matrix/client/v3/voip/turnServer", base), route, { token });
    if (status === 401) return [skipped("the access token is not valid", "give one that is")];
    const uris = Array.isArray(json?.uris) ? json.uris.filter((uri) => typeof uri === "string") : [];
    if (uris.length === 0)
      return [
        warning(
          "there is no TURN server: calls fail between many networks",
          "set turn_uris and turn_shared_secret_path",
        ),
      ];
    return await Promise.all(
      uris.map(async (uri) => {
        const there = await reachable(uri, route);
        return there
          ? ok(`${uri} answers`)
          : failure(`${uri} does not answer`, "start coturn, and open its port and the relay ports");
      }),
    );
  } catch (error) {
    route.signal?.throwIfAborted();
    return [failure(`TURN: ${reason(error)}`, "see the client API")];
  }
}

/** RFC 7065: `turn:host:port?transport=udp`. */
async function reachable(uri: string, { connectTo, signal }: Route): Promise<boolean> {
  const match = /^(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/.exec(uri);
  if (match === null) return false;
  const [, scheme, named = "", givenPort, transport] = match;
  const namedPort = Number(givenPort ?? (scheme === "turns" ? TURNS_PORT : TURN_PORT));
  const target = new URL(`tcp://${connectTo[`${named}:${namedPort}`] ?? `${named}:${namedPort}`}`);
  const host = target.hostname.replace(/^\[|\]$/g, "");
  const port = Number(target.port);
  return transport === "tcp" || scheme === "turns"
    ? await accepts(host, port, signal)
    : await answersStun(host, port, signal);
}

async function accepts(host: string, port: number, signal: AbortSignal | undefined): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ASK_DEADLINE });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
    signal?.addEventListener("abort", () => end(false), { once: true });
  });
}
