/** A Caddyfile: certificates come by themselves. */

import type { Deployment } from "../../config/resolve.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { proxySites, type Route, type Site } from "./sites.ts";

/** Runs on the host, or in a container that shares the host's network. */
export function caddyfile(deployment: Deployment): GeneratedFile {
  const { minVersion } = deployment.tls;
  const email = deployment.contactEmail === undefined ? "" : `{\n\temail ${deployment.contactEmail}\n}\n\n`;
  const blocks = proxySites(deployment).map((site) => siteBlock(site, minVersion));
  return { path: "proxy/Caddyfile", content: `# Written by ami-matrix.\n\n${email}${blocks.join("\n")}` };
}

function siteBlock({ host, maxBodyBytes, framed, routes }: Site, minVersion: string): string {
  const headers = ["Strict-Transport-Security max-age=31536000", "X-Content-Type-Options nosniff", "-Server"];
  if (!framed) headers.push("?X-Frame-Options SAMEORIGIN", `?Content-Security-Policy "frame-ancestors 'self'"`);
  const lines = [
    `tls {\n\tprotocols tls${minVersion} tls1.3\n}`,
    `header {\n${headers.map((header) => `\t${header}`).join("\n")}\n}`,
    `request_body {\n\tmax_size ${maxBodyBytes}\n}`,
    "encode zstd gzip",
    // Handlers stay in the order in which they are written.
    `route {\n${indent([...routes.map(routeBlock), "respond 404"].join("\n"))}\n}`,
  ];
  return `${host} {\n${indent(lines.join("\n"))}\n}\n`;
}

function routeBlock(route: Route, index: number): string {
  switch (route.kind) {
    case "document":
      return [
        `handle ${route.path} {`,
        "\theader Content-Type application/json",
        "\theader Access-Control-Allow-Origin *",
        `\trespond \`${route.json}\` 200`,
        "}",
      ].join("\n");
    case "refuse":
      return `handle ${route.prefix}* {\n\trespond 404\n}`;
    case "forward": {
      const directive = route.strip ? "handle_path" : "handle";
      const matcher = route.prefix === "/" ? "" : ` ${route.prefix}*`;
      return `${directive}${matcher} {\n\treverse_proxy ${route.to.join(" ")}\n}`;
    }
    case "forward-matching":
      return [
        `@matching${index} path_regexp ${route.pattern}`,
        `handle @matching${index} {`,
        `\treverse_proxy ${route.to.join(" ")} {\n\t\tlb_policy header Authorization\n\t}`,
        "}",
      ].join("\n");
  }
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "\t");
}
