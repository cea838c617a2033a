/** What the reverse proxy has to do, host by host, in words that every proxy knows. */

import type { Deployment } from "../../config/resolve.ts";
import { wellKnownDocuments } from "../well-known.ts";
import { FIRST_WORKER_PORT, workerNames, workerPaths } from "../workers.ts";

/** Ports on the loopback address where containers listen for the proxy. */
export const PROXIED_PORTS = { livekit: 7880, livekitAuth: 8070, jitsi: 8000 } as const;

/** One host name. */
export interface Site {
  readonly host: string;
  /** Largest request body, bytes. */
  readonly maxBodyBytes: number;
  /** Whether pages of other sites may show it in a frame. */
  readonly framed: boolean;
  /** The first that matches counts. What none matches is 404. */
  readonly routes: readonly Route[];
}

/** What happens to a path. */
export type Route =
  | { readonly kind: "document"; readonly path: string; readonly json: string }
  | { readonly kind: "refuse"; readonly prefix: string }
  | { readonly kind: "forward"; readonly prefix: string; readonly to: readonly string[]; readonly strip: boolean }
  | { readonly kind: "forward-matching"; readonly pattern: string; readonly to: readonly string[] };

/** The sites of a deployment, each host once. */
export function proxySites(deployment: Deployment): Site[] {
  const sites = new Map<string, Site>();
  const add = (site: Site): void => {
    const before = sites.get(site.host);
    sites.set(site.host, before === undefined ? site : merge(before, site));
  };
  add(homeserverSite(deployment));
  add({
    host: deployment.serverName.replace(/:\d+$/, ""),
    maxBodyBytes: 1024 * 1024,
    framed: false,
    routes: [...wellKnownDocuments(deployment)].map(([path, document]) => ({
      kind: "document",
      path,
      json: JSON.stringify(document),
    })),
  });
  if (deployment.element !== undefined) add(wholeSite(deployment.element.url, deployment.ports.element));
  if (deployment.jitsi?.own) add({ ...wholeSite(deployment.jitsi.url, PROXIED_PORTS.jitsi), framed: true });
  return [...sites.values()];
}

function homeserverSite(deployment: Deployment): Site {
  const homeserver = [loopback(deployment.ports.homeserver)];
  const workers = workerNames(deployment).map((_, index) => loopback(FIRST_WORKER_PORT + index));
  const routes: Route[] = [
    // Operators come by the loopback address.
    { kind: "refuse", prefix: "/_synapse/admin" },
    { kind: "refuse", prefix: "/_synapse/metrics" },
  ];
  if (deployment.calls) {
    routes.push(
      forward("/livekit/jwt/", PROXIED_PORTS.livekitAuth, true),
      forward("/livekit/sfu/", PROXIED_PORTS.livekit, true),
    );
  }
  if (!deployment.federation) {
    if (deployment.calls)
      routes.push({ kind: "forward", prefix: "/_matrix/federation/v1/openid/userinfo", to: homeserver, strip: false });
    routes.push({ kind: "refuse", prefix: "/_matrix/federation" }, { kind: "refuse", prefix: "/_matrix/key" });
  }
  if (workers.length > 0) {
    for (const pattern of workerPaths(deployment)) routes.push({ kind: "forward-matching", pattern, to: workers });
  }
  for (const prefix of ["/_matrix/", "/_synapse/client/"])
    routes.push({ kind: "forward", prefix, to: homeserver, strip: false });
  return {
    host: new URL(deployment.publicUrl).hostname,
    // Room for what surrounds an upload.
    maxBodyBytes: deployment.maxUploadBytes + 1024 * 1024,
    framed: false,
    routes,
  };
}

function wholeSite(url: string, port: number): Site {
  return { host: new URL(url).hostname, maxBodyBytes: 1024 * 1024, framed: false, routes: [forward("/", port, false)] };
}

function forward(prefix: string, port: number, strip: boolean): Route {
  return { kind: "forward", prefix, to: [loopback(port)], strip };
}

function loopback(port: number): string {
  return `127.0.0.1:${port}`;
}

/** Documents go first, and what takes every path goes last. */
function merge(one: Site, other: Site): Site {
  const routes = [...one.routes, ...other.routes];
  const rank = (route: Route): number =>
    route.kind === "document" ? 0 : route.kind === "forward" && route.prefix === "/" ? 2 : 1;
  return {
    host: one.host,
    maxBodyBytes: Math.max(one.maxBodyBytes, other.maxBodyBytes),
    framed: one.framed || other.framed,
    routes: routes.toSorted((a, b) => rank(a) - rank(b)),
  };
}
