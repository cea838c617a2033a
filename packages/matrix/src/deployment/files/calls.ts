/** LiveKit, which carries group calls, and Jitsi. */

import type { Deployment } from "../config/resolve.ts";
import type { Secrets } from "../secrets/secret-names.ts";
import { type GeneratedFile, yamlFile } from "./generated-file.ts";
import { PROXIED_PORTS } from "./proxy/sites.ts";

/** The name that LiveKit's key has; the key itself is secret. */
const LIVEKIT_KEY = "ami-matrix";
/** UDP ports of calls: first and last. */
const LIVEKIT_PORTS = [50_100, 50_200] as const;

/** LiveKit's configuration, and its key as both it and the authorisation service read it. */
export function livekitFiles({ calls, publicUrl }: Deployment, secrets: Secrets): GeneratedFile[] {
  if (!calls) return [];
  const config = yamlFile(
    "livekit.yaml",
    "LiveKit's configuration, written by ami-matrix. Its key is in secrets/livekit-keys.yaml.",
    {
      port: PROXIED_PORTS.livekit,
      bind_addresses: ["127.0.0.1"],
      rtc: {
        tcp_port: 7881,
        port_range_start: LIVEKIT_PORTS[0],
        port_range_end: LIVEKIT_PORTS[1],
        use_external_ip: true,
      },
      // Rooms are made by the authorisation service, for users of this server alone.
      room: { auto_create: false },
      webhook: { api_key: LIVEKIT_KEY, urls: [`${publicUrl}/livekit/jwt/sfu_webhook`] },
      key_file: "/secrets/livekit-keys.yaml",
    },
  );
  return [config, { path: "secrets/livekit-keys.yaml", content: `${LIVEKIT_KEY}: ${secrets.livekit}\n`, secret: true }];
}

/** Environment of Jitsi's containers. */
export function jitsiFiles({ jitsi }: Deployment, secrets: Secrets): GeneratedFile[] {
  if (!jitsi?.own) return [];
  const variables = {
    PUBLIC_URL: jitsi.url,
    DISABLE_HTTPS: "1",
    ENABLE_HTTP_REDIRECT: "0",
    ENABLE_AUTH: "0",
    ENABLE_GUESTS: "1",
    ENABLE_WELCOME_PAGE: "0",
    XMPP_DOMAIN: "meet.jitsi",
    XMPP_AUTH_DOMAIN: "auth.meet.jitsi",
    XMPP_MUC_DOMAIN: "muc.meet.jitsi",
    XMPP_INTERNAL_MUC_DOMAIN: "internal-muc.meet.jitsi",
    XMPP_SERVER: "xmpp.meet.jitsi",
    XMPP_BOSH_URL_BASE: "http://xmpp.meet.jitsi:5280",
    JICOFO_AUTH_USER: "focus",
    JICOFO_AUTH_PASSWORD: secrets["jitsi-jicofo"],
    JVB_AUTH_USER: "jvb",
    JVB_AUTH_PASSWORD: secrets["jitsi-jvb"],
    JVB_BREWERY_MUC: "jvbbrewery",
    JVB_PORT: "10000",
    TZ: "UTC",
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  return [{ path: "secrets/jitsi.env", content: `${lines.join("\n")}\n`, secret: true }];
}
