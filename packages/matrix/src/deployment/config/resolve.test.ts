/** What a config means, and what is said of one that means nothing. */

import { expect, test } from "vitest";
import { MatrixError } from "../../errors.ts";
import { type DeploymentConfig, resolveDeployment } from "../index.ts";

test("a server's name is enough: federated, registration closed, previews without private addresses", () => {
  expect(resolveDeployment({ serverName: "Example.org" })).toMatchObject({
    serverName: "example.org",
    publicUrl: "https://matrix.example.org",
    federation: true,
    registration: "closed",
    guests: false,
    element: { url: "https://element.example.org" },
    turn: { host: "matrix.example.org" },
    workers: 0,
    calls: false,
    bridges: [],
    tls: { minVersion: "1.2" },
    ports: { homeserver: 8008, element: 8888 },
  });
});

test("a server named localhost is an island without certificates", () => {
  expect(resolveDeployment({ serverName: "localhost" })).toMatchObject({
    publicUrl: "http://localhost:8008",
    federation: false,
    element: { url: "http://localhost:8888" },
  });
});

test.each<[string, object, string]>([
  ["no name", {}, "serverName: is missing"],
  [
    "a URL for a name",
    { serverName: "https://example.org" },
    "serverName: must be a host name or an address, e.g. example.org",
  ],
  [
    "a misspelt option",
    { serverName: "a.org", federaton: true },
    "federaton: is no option: there are serverName, publicUrl",
  ],
  [
    "a URL with a path",
    { serverName: "a.org", publicUrl: "https://a.org/matrix" },
    "publicUrl: must be https://host, without a path",
  ],
  [
    "a line break in a path",
    { serverName: "a.org", tls: { certificate: "/a\n/b", key: "/k" } },
    "tls.certificate: must be one line of text",
  ],
  [
    "an nginx directive in a path",
    { serverName: "a.org", tls: { certificate: "/a; root /", key: "/k" } },
    "tls.certificate: must be a path",
  ],
  [
    "ports the wrong way round",
    { serverName: "a.org", turn: { relayPorts: [50_000, 49_000] } },
    "turn.relayPorts: must be the first and the last port",
  ],
  [
    "an unknown bridge",
    { serverName: "a.org", bridges: ["icq"] },
    "bridges.0: must be discord or irc or slack or telegram",
  ],
  ["an unknown image", { serverName: "a.org", images: { apache: "httpd" } }, "images.apache: must be one of caddy"],
  ["open registration", { serverName: "a.org", registration: "open" }, "registration: must be closed or token"],
])("%s is refused, and the message says where and why", (_, config, message) => {
  const refused = () => resolveDeployment(config as DeploymentConfig);
  expect(refused).toThrow(MatrixError);
  expect(refused).toThrow(message);
});

test("a server named by its address has everything on one host", () => {
  expect(resolveDeployment({ serverName: "192.0.2.7:8448" })).toMatchObject({
    publicUrl: "https://192.0.2.7",
    element: { url: "https://192.0.2.7" },
  });
  expect(() => resolveDeployment({ serverName: "192.0.2.7", jitsi: true })).toThrow(
    "Element and Jitsi both want 192.0.2.7",
  );
});

test("every problem is told, a line each", () => {
  const config = { serverName: "", workers: 99, ports: { homeserver: 0 } };
  const problems = (() => {
    try {
      resolveDeployment(config);
    } catch (error) {
      return (error as MatrixError).message.split("\n");
    }
    return [];
  })();
  expect(problems).toHaveLength(3);
});
