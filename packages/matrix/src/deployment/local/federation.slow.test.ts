/** Two deployments that talk to each other: two real Synapses, each behind a real nginx, on loopback, with certificates of an authority of their own. */

import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { matrixCache as cache, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ended, makeCertificate, proxies, type RunningProxy } from "../files/proxy/proxy.test-setup.ts";
import { login, newFolder, password, registrationSecret, request } from "../homeserver.test-setup.ts";
import { registerUser, startLocal, stopLocal, writeDeployment } from "../index.ts";
import { noHomeserver } from "../no-homeserver.test-setup.ts";
import { freePort } from "./ports.ts";

/** A deployment with one account. */
interface Side {
  readonly dir: string;
  readonly serverName: string;
  readonly url: string;
  readonly token: string;
  readonly proxy: RunningProxy;
}

describe.skipIf(noHomeserver || peer("nginx") === null || peer("openssl") === null)("federation", () => {
  let parent: string;
  const sides: Side[] = [];

  beforeAll(async () => {
    parent = await newFolder();
    await makeCertificate(parent, ["localhost"]);
    sides.push(...(await Promise.all(["ada", "grace"].map(deploy))));
  });
  afterAll(async () => {
    for (const { dir, proxy } of sides) {
      await ended(proxy.process);
      await stopLocal(dir);
    }
    await rm(parent, { recursive: true, force: true });
  });

  async function deploy(user: string): Promise<Side> {
    const dir = join(parent, user);
    await mkdir(dir);
    const [port, homeserver] = [await freePort(0), await freePort(0)];
    const serverName = `localhost:${port}`;
    await writeDeployment({
      dir,
      config: {
        serverName,
        federation: true,
        publicUrl: `https://${serverName}`,
        element: false,
        ports: { homeserver },
        tls: { certificate: join(parent, "cert.pem"), key: join(parent, "key.pem") },
        // What loopback needs: addresses and an authority that nobody else trusts.
        synapse: {
          ip_range_whitelist: ["127.0.0.0/8", "::1/128"],
          federation_custom_ca_list: [join(parent, "ca.pem")],
          trusted_key_servers: [],
        },
      },
    });
    const proxy = await proxies.nginx(dir, port);
    const { url } = await startLocal({ dir, cache });
    await registerUser({ url, secret: await registrationSecret(dir), username: user, password });
    return { dir, serverName, url, token: await login(url, user), proxy };
  }

  /** Waits for a message by the homeserver's own long polling. */
  async function receives({ url, token }: Side, room: string, text: string): Promise<void> {
    let since = "";
    for (;;) {
      const response = await fetch(new URL(`_matrix/client/v3/sync?timeout=10000${since}`, url), {
        headers: { Authorization: `Bearer ${token}` },
      });
      const { next_batch, rooms } = (await response.json()) as Sync;
      const events = rooms?.join?.[room]?.timeline?.events ?? [];
      if (events.some(({ content }) => content.body === text)) return;
      since = `&since=${next_batch}`;
    }
  }

  test("a user joins a room of the other server, and messages go both ways", async () => {
    const [ada, grace] = sides as [Side, Side];
    const { body: room } = await request(ada.url, "_matrix/client/v3/createRoom", {
      token: ada.token,
      body: { preset: "public_chat", room_alias_name: "engines" },
    });
    const alias = encodeURIComponent(`#engines:${ada.serverName}`);
    const joined = await request(grace.url, `_matrix/client/v3/join/${alias}`, { token: grace.token, body: {} });
    expect(joined).toMatchObject({ status: 200, body: { room_id: room.room_id } });
    for (const [from, to, text] of [
      [ada, grace, "Hello"],
      [grace, ada, "Hello yourself"],
    ] as const) {
      const path = `_matrix/client/v3/rooms/${encodeURIComponent(room.room_id)}/send/m.room.message/1`;
      await request(from.url, path, { token: from.token, method: "PUT", body: { msgtype: "m.text", body: text } });
      await receives(to, room.room_id, text);
    }
  });
});

/** What of a sync response is looked at. */
interface Sync {
  readonly next_batch: string;
  readonly rooms?: {
    readonly join?: Readonly<
      Record<
        string,
        { readonly timeline?: { readonly events?: readonly { readonly content: { readonly body?: string } }[] } }
      >
    >;
  };
}
