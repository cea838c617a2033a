/** A homeserver without containers: a real Synapse from the generated homeserver.yaml, on a real PostgreSQL. */

import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { matrixCache as cache, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findLocal, type LocalHomeserver, registerUser, startLocal, stopLocal, writeDeployment } from "../index.ts";

const missing = peer("synapse") === null || peer("postgres") === null;
const password = "correct horse battery staple";

/** What of the answers is looked at. */
interface Answer {
  readonly access_token: string;
  readonly content: { readonly body: string };
  readonly event_id: string;
  readonly room_id: string;
  readonly versions: string[];
}

async function newFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "ami-matrix-"));
  // PostgreSQL runs as another user than root, and has to get in.
  await chmod(dir, 0o755);
  return dir;
}

describe.skipIf(missing)("on PostgreSQL", () => {
  let dir: string;
  let homeserver: LocalHomeserver;
  let secret: string;

  beforeAll(async () => {
    dir = await newFolder();
    await writeDeployment({ dir, config: { serverName: "example.test", federation: false } });
    secret = (await readFile(join(dir, "secrets", "registration"), "utf8")).trim();
    homeserver = await startLocal({ dir, cache, port: 0 });
  });
  afterAll(async () => {
    await stopLocal(dir);
    await rm(dir, { recursive: true, force: true });
  });

  async function request(
    path: string,
    {
      token,
      body,
      method = body === undefined ? "GET" : "POST",
    }: { token?: string; body?: object; method?: string } = {},
  ) {
    const response = await fetch(new URL(path, homeserver.url), {
      method,
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  }

  async function login(user: string): Promise<string> {
    const { body } = await request("_matrix/client/v3/login", {
      body: { type: "m.login.password", identifier: { type: "m.id.user", user }, password },
    });
    return body.access_token;
  }

  test("it answers, and says what it stands on", async () => {
    expect(homeserver.database).toContain("PostgreSQL");
    expect((await request("_matrix/client/versions")).body.versions).toContain("v1.11");
  });

  test("an account is made by the registration secret, logs in, and its message is read", async () => {
    expect(await registerUser({ url: homeserver.url, secret, username: "ada", password })).toBe("@ada:example.test");
    const token = await login("ada");
    const { body: room } = await request("_matrix/client/v3/createRoom", { token, body: { preset: "public_chat" } });
    const path = `_matrix/client/v3/rooms/${encodeURIComponent(room.room_id)}`;
    const sent = await request(`${path}/send/m.room.message/1`, {
      token,
      method: "PUT",
      body: { msgtype: "m.text", body: "Hello" },
    });
    const read = await request(`${path}/event/${encodeURIComponent(sent.body.event_id)}`, { token });
    expect(read.body.content.body).toBe("Hello");
  });

  test("a name that is taken is refused by name", async () => {
    await registerUser({ url: homeserver.url, secret, username: "grace", password });
    const again = registerUser({ url: homeserver.url, secret, username: "grace", password });
    await expect(again).rejects.toMatchObject({
      code: "REQUEST_REFUSED",
      message: expect.stringContaining("M_USER_IN_USE"),
    });
  });

  test("nobody makes an account by themselves", async () => {
    const { status } = await request("_matrix/client/v3/register", { body: { username: "eve", password } });
    expect(status).toBe(403);
  });

  test("on an island there is no federation to talk to", async () => {
    expect((await request("_matrix/federation/v1/version")).status).toBe(404);
    expect((await request("_matrix/key/v2/server")).status).toBe(404);
  });

  test("starting it again finds it, and so does another program", async () => {
    expect(await startLocal({ dir, cache })).toMatchObject({ url: homeserver.url, started: false });
    expect((await findLocal(dir))?.url).toBe(homeserver.url);
  });

  test("stopped and started again, it knows its accounts", async () => {
    await homeserver.close();
    expect(await findLocal(dir)).toBeUndefined();
    homeserver = await startLocal({ dir, cache, port: 0 });
    expect(await login("ada")).toBeTypeOf("string");
  });

  test("another database than before is refused: it would be empty", async () => {
    await homeserver.close();
    const other = startLocal({ dir, cache, port: 0, database: "sqlite" });
    await expect(other).rejects.toMatchObject({ code: "INVALID_CONFIG" });
    homeserver = await startLocal({ dir, cache, port: 0 });
  });
});

describe.skipIf(peer("synapse") === null)("what goes wrong", () => {
  let dir: string;
  beforeAll(async () => {
    dir = await newFolder();
  });
  afterAll(async () => {
    await stopLocal(dir);
    await rm(dir, { recursive: true, force: true });
  });

  test("a port that is taken is told before anything starts", async () => {
    await writeDeployment({ dir, config: { serverName: "example.test" } });
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    await expect(startLocal({ dir, cache, port, database: "sqlite" })).rejects.toMatchObject({ code: "PORT_TAKEN" });
    other.close();
  });

  test("what Synapse cannot read is told in its words", async () => {
    const config = { serverName: "example.test", synapse: { max_upload_size: "plenty" } };
    await writeDeployment({ dir, config });
    const start = startLocal({ dir, cache, port: 0, database: "sqlite" });
    await expect(start).rejects.toMatchObject({ code: "START_FAILED", message: expect.stringContaining("plenty") });
    expect(await findLocal(dir)).toBeUndefined();
  });
});
