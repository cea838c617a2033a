/** Finding a homeserver by its name, as clients and other servers do. */

import { type Finding, findings } from "./finding.ts";
import { ask, type Reply, type Route, reason } from "./http.ts";

/** Where a server is. */
export interface Discovery {
  readonly findings: readonly Finding[];
  /** Of the client-server API, with a slash at its end. */
  readonly clientUrl: URL;
  /** Of the server-server API. */
  readonly federationUrl: URL;
}

const { ok, warning, failure } = findings("well-known");

/** By well-known documents (client-server API, "Well-known URI"; server-server API, "Resolving server names", steps 3 and 6). */
export async function discover(serverName: string, route: Route): Promise<Discovery> {
  const hasPort = /:\d+$/.test(serverName);
  const base = new URL(`https://${serverName.replace(/:\d+$/, "")}/`);
  const client = await discoverClient(base, route);
  const fallback = new URL(hasPort ? `https://${serverName}/` : `https://${serverName}:8448/`);
  // A name with a port is where the server is, without further questions.
  const server = hasPort ? { url: fallback, finding: undefined } : await discoverServer(base, fallback, route);
  return {
    findings: server.finding === undefined ? [client.finding] : [client.finding, server.finding],
    clientUrl: client.url,
    federationUrl: server.url,
  };
}

async function discoverClient(base: URL, route: Route): Promise<{ finding: Finding; url: URL }> {
  const location = new URL("/.well-known/matrix/client", base);
  const advice = `serve the document well-known/matrix/client at ${location}`;
  const reply = await askQuietly(location, route);
  if (typeof reply === "string") return { finding: failure(`${location}: ${reply}`, advice), url: base };
  if (reply.status === 404)
    return { finding: warning(`there is no ${location}: clients have to be told the address`, advice), url: base };
  const homeserver = reply.json?.["m.homeserver"] as { base_url?: unknown } | undefined;
  const address = homeserver?.base_url;
  if (reply.status !== 200 || typeof address !== "string" || !URL.canParse(address)) {
    return { finding: failure(`${location} has no m.homeserver.base_url (status ${reply.status})`, advice), url: base };
  }
  const url = new URL(address.endsWith("/") ? address : `${address}/`);
  if (reply.header("access-control-allow-origin") !== "*") {
    const header = `send Access-Control-Allow-Origin: * with ${location}`;
    return { finding: failure("clients in browsers may not read the client document", header), url };
  }
  return { finding: ok(`clients find the homeserver at ${url.origin}`), url };
}

async function discoverServer(
  base: URL,
  fallback: URL,
  route: Route,
): Promise<{ finding: Finding | undefined; url: URL }> {
  const location = new URL("/.well-known/matrix/server", base);
  const reply = await askQuietly(location, route);
  // Without the document, port 8448 is meant; the check of federation says whether anything is there.
  if (typeof reply === "string" || reply.status === 404) return { finding: undefined, url: fallback };
  const delegated = reply.json?.["m.server"];
  if (reply.status !== 200 || typeof delegated !== "string" || !URL.canParse(`https://${delegated}`)) {
    return {
      finding: failure(
        `${location} has no m.server (status ${reply.status})`,
        "serve the document well-known/matrix/server there",
      ),
      url: fallback,
    };
  }
  const url = new URL(`https://${/:\d+$/.test(delegated) ? delegated : `${delegated}:8448`}/`);
  return { finding: ok(`other servers find it at ${delegated}`), url };
}

async function askQuietly(url: URL, route: Route): Promise<Reply | string> {
  return await ask(url, route).catch((error: unknown) => {
    route.signal?.throwIfAborted();
    return reason(error);
  });
}
