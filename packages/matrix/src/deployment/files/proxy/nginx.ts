/** An nginx configuration, to include in its `http` block. */

import type { Deployment } from "../../config/resolve.ts";
import type { GeneratedFile } from "../generated-file.ts";
import { proxySites, type Route, type Site } from "./sites.ts";

const INTERMEDIATE_CIPHERS =
  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:" +
  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

/** A file for `/etc/nginx/conf.d/`. Certificates have to be there before nginx starts. */
export function nginxConf(deployment: Deployment): GeneratedFile {
  const sites = proxySites(deployment);
  const groups = [...new Set(sites.flatMap(({ routes }) => routes.flatMap(workersOf)))];
  const upstreams = groups.map((group) => {
    const servers = group.split(" ").map((address) => `\tserver ${address};`);
    // A client stays with one worker, which keeps what it knows of it.
    return `upstream ami_matrix_workers {\n\thash $http_authorization consistent;\n${servers.join("\n")}\n\tkeepalive 32;\n}\n`;
  });
  const upgrade = "map $http_upgrade $ami_matrix_connection {\n\tdefault upgrade;\n\t'' '';\n}\n";
  const blocks = sites.map((site) => siteBlock(site, deployment));
  const redirect = [
    "server {",
    "\tlisten 80;",
    "\tlisten [::]:80;",
    `\tserver_name ${sites.map(({ host }) => host).join(" ")};`,
    "\tlocation /.well-known/acme-challenge/ { root /var/www/html; }",
    "\tlocation / { return 308 https://$host$request_uri; }",
    "}\n",
  ].join("\n");
  return {
    path: "proxy/nginx.conf",
    content: ["# Written by ami-matrix.\n", upgrade, ...upstreams, redirect, ...blocks].join("\n"),
  };
}

function workersOf(route: Route): string[] {
  return route.kind === "forward-matching" ? [route.to.join(" ")] : [];
}

function siteBlock({ host, maxBodyBytes, framed, routes }: Site, { tls }: Deployment): string {
  const protocols = tls.minVersion === "1.3" ? "TLSv1.3" : "TLSv1.2 TLSv1.3";
  const headers = [
    'add_header Strict-Transport-Security "max-age=31536000" always;',
    "add_header X-Content-Type-Options nosniff always;",
  ];
  if (!framed)
    headers.push(
      "add_header X-Frame-Options SAMEORIGIN;",
      `add_header Content-Security-Policy "frame-ancestors 'self'";`,
    );
  const lines = [
    "listen 443 ssl http2;",
    "listen [::]:443 ssl http2;",
    `server_name ${host};`,
    `ssl_certificate ${tls.certificate.replaceAll("{host}", host)};`,
    `ssl_certificate_key ${tls.key.replaceAll("{host}", host)};`,
    `ssl_protocols ${protocols};`,
    `ssl_ciphers ${INTERMEDIATE_CIPHERS};`,
    "ssl_session_tickets off;",
    "server_tokens off;",
    `client_max_body_size ${maxBodyBytes};`,
    ...headers,
    ...routes.map((route) => routeBlock(route, headers)),
  ];
  if (!routes.some((route) => route.kind === "forward" && route.prefix === "/"))
    lines.push("location / { return 404; }");
  return `server {\n${indent(lines.join("\n"))}\n}\n`;
}

function routeBlock(route: Route, headers: readonly string[]): string {
  switch (route.kind) {
    case "document": {
      const own = ["default_type application/json;", "add_header Access-Control-Allow-Origin *;", ...headers];
      return block(`location = ${route.path}`, [
        ...own,
        `return 200 '${route.json.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}';`,
      ]);
    }
    case "refuse":
      return block(`location ^~ ${route.prefix}`, ["return 404;"]);
    case "forward":
      // Prefixes that are stripped or guard something go before regular expressions; the rest after them.
      return block(
        `location ${route.strip || route.prefix.includes("openid") ? "^~ " : ""}${route.prefix}`,
        forwarding(route.to.join(" "), route.strip),
      );
    case "forward-matching":
      return block(`location ~ "${route.pattern}"`, forwarding("ami_matrix_workers", false));
  }
}

function forwarding(to: string, strip: boolean): string[] {
  return [
    `proxy_pass http://${to}${strip ? "/" : ""};`,
    "proxy_http_version 1.1;",
    "proxy_set_header Host $host;",
    // Whatever a client says of itself here is replaced.
    "proxy_set_header X-Forwarded-For $remote_addr;",
    "proxy_set_header X-Forwarded-Proto $scheme;",
    "proxy_set_header Upgrade $http_upgrade;",
    "proxy_set_header Connection $ami_matrix_connection;",
    // Sync waits for half a minute, joins of large rooms for minutes.
    "proxy_read_timeout 600s;",
    "proxy_request_buffering off;",
    "proxy_buffering off;",
  ];
}

function block(head: string, lines: readonly string[]): string {
  return `${head} {\n${lines.map((line) => `\t${line}`).join("\n")}\n}`;
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "\t");
}
