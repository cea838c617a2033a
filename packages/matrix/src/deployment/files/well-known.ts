/** The documents under `/.well-known/matrix/` by which clients and servers find this one (client-server API, "Well-known URIs"). */

import type { Deployment } from "../config/resolve.ts";
import { type GeneratedFile, jsonFile } from "./generated-file.ts";

/** Documents by their path on the host that is named like the server. */
export function wellKnownDocuments(deployment: Deployment): ReadonlyMap<string, object> {
  const { publicUrl, federation, calls, jitsi, admins, contactEmail } = deployment;
  const client = {
    "m.homeserver": { base_url: publicUrl },
    ...(calls
      ? { "org.matrix.msc4143.rtc_foci": [{ type: "livekit", livekit_service_url: `${publicUrl}/livekit/jwt` }] }
      : {}),
    ...(jitsi === undefined ? {} : { "im.vector.riot.jitsi": { preferredDomain: new URL(jitsi.url).host } }),
  };
  const documents = new Map<string, object>([["/.well-known/matrix/client", client]]);
  // The authorisation service of calls finds the homeserver by this, even on an island.
  if (federation || calls) documents.set("/.well-known/matrix/server", { "m.server": delegation(publicUrl) });
  if (admins.length > 0 || contactEmail !== undefined) {
    const people = admins.map((matrix_id) => ({ matrix_id, role: "m.role.admin" }));
    const abuse = contactEmail === undefined ? [] : [{ email_address: contactEmail, role: "m.role.admin" }];
    documents.set("/.well-known/matrix/support", { contacts: [...people, ...abuse] });
  }
  return documents;
}

/** The same documents as files, for a web server that is there already. */
export function wellKnownFiles(deployment: Deployment): GeneratedFile[] {
  return [...wellKnownDocuments(deployment)].map(([path, document]) =>
    jsonFile(path.replace("/.well-known/", "well-known/"), document),
  );
}

/** Host and port; without one, port 8448 would be meant. */
function delegation(publicUrl: string): string {
  const { hostname, port, protocol } = new URL(publicUrl);
  return `${hostname}:${port === "" ? (protocol === "https:" ? 443 : 80) : port}`;
}
