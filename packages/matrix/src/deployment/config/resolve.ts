/** From what was asked to what counts: checked, and every default filled in. */

import * as v from "valibot";
import { MatrixError } from "../../errors.ts";
import type { BridgeName, DeploymentConfig, ImageName } from "./deployment-config.ts";
import { DEFAULT_IMAGES } from "./images.ts";
import { deploymentSchema, isAddress, isLocalName } from "./schema.ts";

const MIB = 1024 * 1024;

/** A config with nothing left open. */
export interface Deployment {
  readonly serverName: string;
  readonly publicUrl: string;
  readonly federation: boolean;
  readonly registration: "closed" | "token";
  readonly guests: boolean;
  readonly admins: readonly string[];
  readonly contactEmail: string | undefined;
  readonly maxUploadBytes: number;
  readonly urlPreviews: boolean;
  readonly messageRate: { readonly perSecond: number; readonly burst: number };
  readonly element: { readonly url: string; readonly brand: string } | undefined;
  readonly turn:
    | { readonly host: string; readonly externalIp: string | undefined; readonly relayPorts: readonly [number, number] }
    | undefined;
  readonly workers: number;
  readonly calls: boolean;
  /** `own`: whether its containers are part of the deployment. */
  readonly jitsi: { readonly url: string; readonly own: boolean } | undefined;
  readonly bridges: readonly BridgeName[];
  readonly proxy: "caddy" | "own";
  readonly tls: { readonly certificate: string; readonly key: string; readonly minVersion: "1.2" | "1.3" };
  readonly ports: { readonly homeserver: number; readonly element: number };
  readonly images: Readonly<Record<ImageName, string>>;
  readonly synapse: Readonly<Record<string, unknown>>;
}

/**
 * Checks a config and fills in its defaults.
 *
 * @throws {MatrixError} `INVALID_CONFIG` with a line for each thing that is wrong.
 */
export function resolveDeployment(config: DeploymentConfig): Deployment {
  const result = v.safeParse(deploymentSchema, config);
  if (!result.success) throw new MatrixError("INVALID_CONFIG", result.issues.map(problemOf).join("\n"));
  const given = result.output;
  const { serverName } = given;
  const domain = serverName.replace(/:\d+$/, "");
  const local = isLocalName(serverName);
  const ports = { homeserver: given.ports?.homeserver ?? 8008, element: given.ports?.element ?? 8888 };
  // An address has no names below it: everything is on one host there.
  const site = (name: string, port: number): string => {
    if (local) return `http://${domain}:${port}`;
    return isAddress(domain) ? `https://${domain}` : `https://${name}.${domain}`;
  };
  const publicUrl = given.publicUrl ?? site("matrix", ports.homeserver);
  const element = given.element === false ? undefined : given.element;
  const turn = given.turn === false ? undefined : given.turn;
  const jitsi = jitsiOf(given.jitsi, site("meet", 8000));
  const elementUrl = given.element === false ? undefined : (element?.url ?? site("element", ports.element));
  if (
    jitsi?.own &&
    elementUrl !== undefined &&
    new URL(jitsi.url).hostname === new URL(elementUrl).hostname &&
    !local
  ) {
    const message = `jitsi: Element and Jitsi both want ${new URL(jitsi.url).hostname}: give element.url another host, or switch one off`;
    throw new MatrixError("INVALID_CONFIG", message);
  }
  return {
    serverName,
    publicUrl,
    federation: given.federation ?? !local,
    registration: given.registration ?? "closed",
    guests: given.guests ?? false,
    admins: given.admins ?? [],
    contactEmail: given.contactEmail,
    maxUploadBytes: given.maxUploadBytes ?? 100 * MIB,
    urlPreviews: given.urlPreviews ?? true,
    messageRate: given.messageRate ?? { perSecond: 5, burst: 30 },
    element: elementUrl === undefined ? undefined : { url: elementUrl, brand: element?.brand ?? "Element" },
    turn:
      given.turn === false
        ? undefined
        : {
            host: turn?.host ?? new URL(publicUrl).hostname,
            externalIp: turn?.externalIp,
            relayPorts: turn?.relayPorts ?? [49_160, 49_259],
          },
    workers: given.workers ?? 0,
    calls: given.calls ?? false,
    jitsi,
    bridges: [...new Set(given.bridges)].sort(),
    proxy: given.proxy ?? "caddy",
    tls: {
      certificate: given.tls?.certificate ?? "/etc/letsencrypt/live/{host}/fullchain.pem",
      key: given.tls?.key ?? "/etc/letsencrypt/live/{host}/privkey.pem",
      minVersion: given.tls?.minVersion ?? "1.2",
    },
    ports,
    images: { ...DEFAULT_IMAGES, ...given.images } as Record<ImageName, string>,
    synapse: given.synapse ?? {},
  };
}

function jitsiOf(given: boolean | { url: string } | undefined, own: string): Deployment["jitsi"] {
  if (given === undefined || given === false) return undefined;
  return given === true ? { url: own, own: true } : { url: given.url, own: false };
}

function problemOf(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue) ?? "the config";
  return `${path}: ${issue.message}`;
}
