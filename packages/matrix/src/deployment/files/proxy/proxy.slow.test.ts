/** The generated proxy configurations in a real nginx and a real Caddy: both have to do the same. */

import { rm } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { request } from "node:https";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { newFolder } from "../../homeserver.test-setup.ts";
import { type DeploymentConfig, writeDeployment } from "../../index.ts";
import { ended, makeCertificate, proxies, type RunningProxy } from "./proxy.test-setup.ts";

/** What is asked of a proxy, and what it says. */
interface Exchange {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

describe.each(["nginx", "caddy"] as const)("%s", (name) => {
  describe.skipIf(peer(name) === null || peer("openssl") === null)("with everything switched on", () => {
    let dir: string;
    let upstream: Server;
    let proxy: RunningProxy;

    beforeAll(async () => {
      dir = await newFolder();
      // Says what it was asked, instead of homeserver and Element.
      upstream = createServer((incoming, response) => {
        response.setHeader("X-Upstream", "homeserver");
        response.end(JSON.stringify({ url: incoming.url, headers: incoming.headers }));
      });
      const port = await new Promise<number>((resolve) => {
        upstream.listen(0, "127.0.0.1", () => resolve((upstream.address() as { port: number }).port));
      });
      const config: DeploymentConfig = {
        serverName: "example.test",
        admins: ["@o'brien:example.test"],
        contactEmail: "abuse@example.test",
        workers: 2,
        calls: true,
        jitsi: true,
        ports: { homeserver: port, element: port },
        tls: { certificate: join(dir, "cert.pem"), key: join(dir, "key.pem") },
      };
      await makeCertificate(dir, ["example.test"]);
      await writeDeployment({ dir, config });
      proxy = await proxies[name](dir);
    });
    afterAll(async () => {
      if (proxy !== undefined) await ended(proxy.process);
      await new Promise((resolve) => upstream.close(resolve));
      await rm(dir, { recursive: true, force: true });
    });

    async function ask(
      url: string,
      options: { headers?: Record<string, string>; maxVersion?: "TLSv1.1" } = {},
    ): Promise<Exchange> {
      const [host = "", path = ""] = url.split(/(?=\/)(.*)/s);
      return await new Promise((resolve, reject) => {
        const { headers = {}, ...tls } = options;
        const target = { host: "127.0.0.1", port: proxy.port, servername: host, path, rejectUnauthorized: false };
        const ciphers =
          tls.maxVersion === undefined ? {} : { minVersion: "TLSv1.1" as const, ciphers: "ALL@SECLEVEL=0" };
        const outgoing = request(
          { ...target, ...tls, ...ciphers, agent: false, headers: { Host: host, ...headers } },
          async (incoming) => {
            resolve({ status: incoming.statusCode, headers: incoming.headers, body: await text(incoming) });
          },
        );
        outgoing.once("error", reject);
        outgoing.end();
      });
    }

    test("clients reach the homeserver, with what is encoded in a path left as it is", async () => {
      const path = "/_matrix/client/v3/directory/room/%23caf%C3%A9%2Fbar%3Aexample.test?x=%2F";
      const { status, body } = await ask(`matrix.example.test${path}`);
      expect(status).toBe(200);
      expect(JSON.parse(body).url).toBe(path);
    });

    test.each([
      "/_synapse/admin/v2/users",
      "/_synapse/admin",
      "/_synapse/%61dmin/v2/users",
      "//_synapse/admin/v2/users",
      "/_matrix/../_synapse/admin/v2/users",
      "/_matrix/%2e%2e/_synapse/admin/v2/users",
      "/_synapse/client/../admin/v2/users",
      "/_synapse/metrics",
      "/health",
      "/",
    ])("%s is nothing that the public reaches", async (path) => {
      const { status, headers } = await ask(`matrix.example.test${path}`);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(headers).not.toHaveProperty("x-upstream");
    });

    test("clients find the homeserver by the server's name, from every web page", async () => {
      const { status, headers, body } = await ask("example.test/.well-known/matrix/client");
      expect(status).toBe(200);
      expect(headers["content-type"]).toBe("application/json");
      expect(headers["access-control-allow-origin"]).toBe("*");
      expect(JSON.parse(body)["m.homeserver"].base_url).toBe("https://matrix.example.test");
      expect(JSON.parse((await ask("example.test/.well-known/matrix/support")).body).contacts[0].matrix_id).toBe(
        "@o'brien:example.test",
      );
    });

    test("nobody says for a client where it comes from", async () => {
      const { body } = await ask("matrix.example.test/_matrix/client/v3/pushrules/", {
        headers: { "X-Forwarded-For": "192.0.2.66" },
      });
      expect(JSON.parse(body).headers["x-forwarded-for"]).toBe("127.0.0.1");
      expect(JSON.parse(body).headers["x-forwarded-proto"]).toBe("https");
      expect(JSON.parse(body).headers.host).toBe("matrix.example.test");
    });

    test("Element is on its own host, and in no other page's frame", async () => {
      const { status, headers } = await ask("element.example.test/config.json");
      expect(status).toBe(200);
      expect(headers["x-frame-options"]).toBe("SAMEORIGIN");
      expect(headers["strict-transport-security"]).toContain("max-age=31536000");
    });

    test("what workers answer goes to them, and is an error while they do not run", async () => {
      expect((await ask("matrix.example.test/_matrix/client/v3/sync")).status).toBe(502);
    });

    test("TLS 1.1 is refused", async () => {
      await expect(ask("matrix.example.test/_matrix/client/versions", { maxVersion: "TLSv1.1" })).rejects.toThrow();
    });
  });
});
