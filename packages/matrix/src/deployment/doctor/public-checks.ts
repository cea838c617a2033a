/** What anybody can see of a homeserver. */

import { SYNAPSE_VERSION } from "../config/images.ts";
import { type Finding, findings } from "./finding.ts";
import { ask, type Route, reason } from "./http.ts";

/** Seconds by which clocks may differ before tokens, calls and event order suffer. */
const MAX_SKEW = 5;

/** The client-server API, and the server's clock by its answer. Empty `versions` means that it is no homeserver. */
export async function checkClientApi(base: URL, route: Route): Promise<Finding[]> {
  const api = findings("client-api");
  const clock = findings("clock");
  const url = new URL("_matrix/client/versions", base);
  try {
    const { status, json, header, receivedAt } = await ask(url, route);
    const versions = Array.isArray(json?.versions) ? json.versions : [];
    if (status !== 200 || versions.length === 0) {
      return [
        api.failure(
          `${url} is no homeserver's (status ${status})`,
          "start the homeserver, and let the proxy forward /_matrix/ to it",
        ),
      ];
    }
    const result = [api.ok(`${base.origin} speaks Matrix ${versions.at(-1)}`)];
    const date = Date.parse(header("date") ?? "");
    if (Number.isNaN(date)) return result;
    // The field has whole seconds.
    const skew = Math.max(0, Math.abs(receivedAt - date) / 1000 - 1);
    if (skew <= MAX_SKEW) result.push(clock.ok("its clock is right, as far as this one is"));
    else
      result.push(
        clock.failure(
          `its clock and this one differ by ${Math.round(skew)} s`,
          "let NTP set both: chrony or systemd-timesyncd",
        ),
      );
    return result;
  } catch (error) {
    route.signal?.throwIfAborted();
    return [
      api.failure(
        `${base.origin} does not answer: ${reason(error)}`,
        "start the homeserver and the proxy, and open the port",
      ),
    ];
  }
}

/** Who may make an account. */
export async function checkRegistration(base: URL, route: Route): Promise<Finding[]> {
  const { ok, warning, failure, skipped } = findings("registration");
  try {
    const { status, json } = await ask(new URL("_matrix/client/v3/register", base), route, {
      method: "POST",
      body: {},
    });
    if (status === 403) return [ok("registration is closed")];
    const flows = Array.isArray(json?.flows) ? (json.flows as { stages?: string[] }[]) : [];
    if (status !== 401 || flows.length === 0)
      return [skipped(`it does not say who may register (status ${status})`, "look at enable_registration")];
    const open = flows.some(({ stages = [] }) =>
      stages.every((stage) => stage === "m.login.dummy" || stage === "m.login.terms"),
    );
    if (open) return [failure("anybody may make accounts, and so may programs", "set registration to closed or token")];
    const byToken = flows.every(({ stages = [] }) => stages.includes("m.login.registration_token"));
    return [
      byToken
        ? ok("accounts are for whoever has a token")
        : warning(
            "accounts are for whoever solves a riddle or has an e-mail address",
            "set registration to closed or token if that was not meant",
          ),
    ];
  } catch (error) {
    route.signal?.throwIfAborted();
    return [skipped(`registration: ${reason(error)}`, "see the client API")];
  }
}

/** Whether operators' doors are open to the street. */
export async function checkAdminApi(base: URL, route: Route): Promise<Finding[]> {
  const { ok, failure, skipped } = findings("admin-api");
  if (/^(localhost|127\.|\[::1\])/.test(base.hostname))
    return [
      skipped(
        "this is the loopback address, where the admin API belongs",
        "ask by the public name to see whether it is hidden there",
      ),
    ];
  try {
    const { status, json } = await ask(new URL("_synapse/admin/v1/server_version", base), route);
    const reached = status === 200 || json?.errcode === "M_MISSING_TOKEN" || json?.errcode === "M_UNKNOWN_TOKEN";
    return [
      reached
        ? failure(
            "the admin API is open to the public",
            "let the proxy answer 404 for /_synapse/admin, as the generated ones do",
          )
        : ok("the admin API is not public"),
    ];
  } catch (error) {
    route.signal?.throwIfAborted();
    return [skipped(`admin API: ${reason(error)}`, "see the client API")];
  }
}

/** Whether other servers can talk to it. On an island they must not. */
export async function checkFederation(
  url: URL,
  route: Route,
  { serverName, wanted, now }: { serverName: string; wanted: boolean; now: number },
): Promise<Finding[]> {
  const { ok, failure, warning } = findings("federation");
  const version = findings("version");
  const advice = `let the proxy forward /_matrix/ to the homeserver, serve well-known/matrix/server, and open port ${url.port || 443}`;
  let key: Awaited<ReturnType<typeof ask>>;
  try {
    key = await ask(new URL("_matrix/key/v2/server", url), route);
  } catch (error) {
    route.signal?.throwIfAborted();
    return [
      wanted
        ? failure(`other servers cannot reach ${url.host}: ${reason(error)}`, advice)
        : ok("an island: no other server reaches it"),
    ];
  }
  if (!wanted)
    return [
      key.status === 200
        ? failure(
            "it is meant to be an island, and other servers reach it",
            "let the proxy answer 404 for /_matrix/federation and /_matrix/key",
          )
        : ok("an island: no other server reaches it"),
    ];
  if (key.status !== 200 || key.json === undefined)
    return [failure(`${url.host} gives no signing key (status ${key.status})`, advice)];
  if (key.json.server_name !== serverName) {
    return [
      failure(
        `${url.host} is ${key.json.server_name}, not ${serverName}`,
        "the name must be server_name in homeserver.yaml: correct what leads there",
      ),
    ];
  }
  const result = [ok(`other servers reach it at ${url.host}`)];
  if (typeof key.json.valid_until_ts !== "number" || key.json.valid_until_ts < now) {
    result.push(warning("its signing key is told to have ended already", "look at its clock"));
  }
  const about = await ask(new URL("_matrix/federation/v1/version", url), route).catch(() => undefined);
  const software = about?.json?.server as { name?: unknown; version?: unknown } | undefined;
  if (software?.name === "Synapse" && typeof software.version === "string") result.push(judgeVersion(software.version));
  else if (software?.name !== undefined) result.push(version.ok(`it is ${software.name} ${software.version}`));
  return result;
}

function judgeVersion(text: string): Finding {
  const { ok, warning } = findings("version");
  const running = /^\d+(\.\d+)*/.exec(text)?.[0] ?? "0";
  const order = new Intl.Collator("en", { numeric: true }).compare(running, SYNAPSE_VERSION);
  if (order >= 0) return ok(`Synapse ${running}`);
  return warning(
    `Synapse ${running} is older than ${SYNAPSE_VERSION}`,
    "ami-matrix upgrade, after a look at Synapse's upgrade notes",
  );
}
