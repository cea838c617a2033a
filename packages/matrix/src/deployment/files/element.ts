/** Element Web's `config.json`. */

import type { Deployment } from "../config/resolve.ts";
import { type GeneratedFile, jsonFile } from "./generated-file.ts";

/** None where there is no Element. */
export function elementFiles({
  element,
  publicUrl,
  serverName,
  federation,
  guests,
  jitsi,
  calls,
}: Deployment): GeneratedFile[] {
  if (element === undefined) return [];
  const config = {
    default_server_config: { "m.homeserver": { base_url: publicUrl, server_name: serverName } },
    brand: element.brand,
    // Another server's address cannot be typed in: this Element belongs to this server.
    disable_custom_urls: true,
    disable_guests: !guests,
    disable_3pid_login: true,
    default_federate: federation,
    default_theme: "light",
    room_directory: { servers: [serverName] },
    show_labs_settings: false,
    // Nothing is sent to integration managers, analytics or bug trackers of others.
    integrations_ui_url: "",
    integrations_rest_url: "",
    integrations_widgets_urls: [],
    ...(jitsi === undefined ? {} : { jitsi: { preferred_domain: new URL(jitsi.url).host } }),
    ...(calls
      ? { features: { feature_group_calls: true }, element_call: { use_exclusively: jitsi === undefined } }
      : {}),
  };
  return [jsonFile("element/config.json", config)];
}
