/** What the doctor says of a real homeserver behind a real nginx, and of a real coturn. */

import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { matrixCache as cache, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ended, makeCertificate, proxies, type RunningProxy, started } from "../files/proxy/proxy.test-setup.ts";
import { all, login, newFolder, password, registrationSecret } from "../homeserver.test-setup.ts";
import { type ExamineOptions, examine, registerUser, startLocal, stopLocal, writeDeployment } from "../index.ts";
import { freePort } from "../local/ports.ts";
import { noHomeserver } from "../no-homeserver.test-setup.ts";
import { answersStun } from "./stun.ts";

describe.skipIf(noHomeserver || peer("nginx") === null || peer("openssl") === null)("a deployment behind nginx", () => {
  const DAY = 24 * 60 * 60 * 1000;
  let dir: string;
  let ca: string;
  let proxy: RunningProxy;
  let token: string;

  beforeAll(async () => {
    dir = await newFolder();
    const homeserver = await freePort(0);
    ca = await makeCertificate(dir, ["example.test", "matrix.example.test"]);
    const tls = { certificate: join(dir, "cert.pem"), key: join(dir, "key.pem") };
    await writeDeployment({ dir, config: { serverName: "example.test", tls, ports: { homeserver } } });
    proxy = await proxies.nginx(dir);
    const { url } = await startLocal({ dir, cache });
    await registerUser({ url, secret: await registrationSecret(dir), username: "ada", password });
    token = await login(url, "ada");
  });
  afterAll(async () => {
    if (proxy !== undefined) await ended(proxy.process);
    await stopLocal(dir);
    await rm(dir, { recursive: true, force: true });
  });

  async function levels(options: Partial<ExamineOptions> = {}): Promise<string[]> {
    const to = `127.0.0.1:${proxy.port}`;
    const connectTo = { "example.test:443": to, "matrix.example.test:443": to };
    const found = await all(examine({ server: "example.test", connectTo, ca, ...options }));
    return found.map(
      ({ check, level, what }) => `${check} ${level}${level === "ok" || level === "skipped" ? "" : `: ${what}`}`,
    );
  }

  test("is well; only TURN is missing, which containers bring", async () => {
    expect(await levels({ dir, token })).toEqual([
      "well-known ok",
      "well-known ok",
      "tls ok",
      "client-api ok",
      "clock ok",
      "registration ok",
      "admin-api ok",
      "media ok",
      "turn warning: there is no TURN server: calls fail between many networks",
      "federation ok",
      "version ok",
      "secrets ok",
      "disk ok",
      "database ok",
    ]);
  });

  test("whose authority nobody knows is not trusted", async () => {
    const found = await levels({ ca: "" });
    expect(found).toContainEqual(expect.stringMatching(/^tls failure: .*nobody trusts the certificate/));
  });

  test("whose certificate ends soon, or has ended, is told so", async () => {
    expect(await levels({ now: Date.now() + 50 * DAY })).toContainEqual(
      expect.stringMatching(/^tls warning: .*ends in 9 days/),
    );
    expect(await levels({ now: Date.now() + 70 * DAY })).toContainEqual(
      expect.stringMatching(/^tls failure: .*ended \d+ days ago/),
    );
  });

  test("by the loopback address has its admin API where it belongs", async () => {
    const found = await all(
      examine({
        server: `http://127.0.0.1:${JSON.parse(await readFile(join(dir, "ami-matrix.json"), "utf8")).ports.homeserver}`,
      }),
    );
    expect(found).toContainEqual(expect.objectContaining({ check: "admin-api", level: "skipped" }));
  });
});

describe.skipIf(peer("turnserver") === null)("coturn", () => {
  test("starts from the generated configuration, and answers", async () => {
    const dir = await newFolder();
    const port = await freePort(0);
    await writeDeployment({ dir, config: { serverName: "example.test" } });
    const generated = await readFile(join(dir, "secrets", "turnserver.conf"), "utf8");
    const file = join(dir, "turnserver.conf");
    const local = [
      `listening-port=${port}`,
      "listening-ip=127.0.0.1",
      "relay-ip=127.0.0.1",
      `pidfile=${join(dir, "coturn.pid")}`,
      `userdb=${join(dir, "turndb")}`,
    ];
    await writeFile(file, `${generated.replace(/^listening-port=.*$/m, "")}${local.join("\n")}\n`);
    const coturn = await started(peer("turnserver") ?? "", ["-c", file], (said) =>
      said.includes("Total General servers"),
    );
    try {
      expect(await answersStun("127.0.0.1", port)).toBe(true);
      expect(await answersStun("127.0.0.1", await freePort(0))).toBe(false);
    } finally {
      await ended(coturn);
      await rm(dir, { recursive: true, force: true });
    }
  });
});
