/** Looks at a homeserver as an operator would, and says what to do. */

import { MatrixError } from "../../errors.ts";
import { readDeployment } from "../write/config-file.ts";
import { checkMedia, checkTurn } from "./account-checks.ts";
import { discover } from "./discovery.ts";
import type { Finding } from "./finding.ts";
import { checkDatabase, checkDisk, checkSecrets } from "./folder-checks.ts";
import type { Route } from "./http.ts";
import { checkAdminApi, checkClientApi, checkFederation, checkRegistration } from "./public-checks.ts";
import { checkTls } from "./tls-check.ts";

/** Options of {@link examine}. */
export interface ExamineOptions {
  /** A server's name, e.g. `example.org`, which is looked up as clients and other servers do; or the URL of a homeserver. */
  readonly server: string;
  /** Its deployment's folder, where it is on this machine: secrets, disk and database are looked at, too. */
  readonly dir?: string;
  /** An access token of any account: files and TURN are looked at, too. A file of a few bytes is uploaded. */
  readonly token?: string;
  /** Addresses to connect to instead of what DNS says, `host:port` by `host:port`: to look at a server before its name leads to it. */
  readonly connectTo?: Readonly<Record<string, string>>;
  /** Certificates of authorities to trust besides the usual ones, PEM. */
  readonly ca?: string;
  /** The time to judge certificates by, milliseconds since 1970. Default: now. */
  readonly now?: number;
  readonly signal?: AbortSignal;
}

/**
 * Findings as they come: well-known documents, TLS, client API, clock, registration, admin API, federation, version, media, TURN, secrets, disk
 * and database. What cannot be reached is a finding, and no error.
 *
 * @throws {MatrixError} `INVALID_CONFIG` where `server` is neither a name nor a URL.
 */
export async function* examine(options: ExamineOptions): AsyncGenerator<Finding, void, undefined> {
  const { server, dir, token, connectTo = {}, ca, now = Date.now(), signal } = options;
  const route: Route = { connectTo, ca, signal };
  const deployment = dir === undefined ? undefined : await readDeployment(dir);
  const byUrl = /^https?:\/\//.test(server);
  if (!URL.canParse(byUrl ? server : `https://${server}`))
    throw new MatrixError("INVALID_CONFIG", `"${server}" is neither a server's name nor a URL`);
  let clientUrl = new URL(byUrl ? server : `https://${server}`);
  let federationUrl: URL | undefined;
  if (!byUrl) {
    const discovery = await discover(server, route);
    yield* discovery.findings;
    clientUrl = discovery.clientUrl;
    federationUrl = discovery.federationUrl;
  }
  const secure = new Map(
    [clientUrl, federationUrl].filter((url) => url?.protocol === "https:").map((url) => [url?.host, url]),
  );
  const federated = deployment?.federation ?? true;
  for (const url of secure.values()) {
    if (url !== undefined && (federated || url.host === clientUrl.host)) yield* await checkTls(url, route, now);
  }
  const client = await checkClientApi(clientUrl, route);
  yield* client;
  if (client[0]?.level === "ok") {
    yield* await checkRegistration(clientUrl, route);
    yield* await checkAdminApi(clientUrl, route);
    yield* await checkMedia(clientUrl, route, token);
    yield* await checkTurn(clientUrl, route, token);
  }
  if (federationUrl !== undefined)
    yield* await checkFederation(federationUrl, route, { serverName: server, wanted: federated, now });
  if (dir === undefined) return;
  for (const check of [checkSecrets, checkDisk, checkDatabase]) yield* await check(dir);
}
