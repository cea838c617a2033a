/** A homeserver without containers: a real Synapse from the generated homeserver.yaml, on a real PostgreSQL. */

import { readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { matrixCache as cache, peer } from "@ami-streams/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ApiRequest, login, newFolder, password, registrationSecret, request } from "../homeserver.test-setup.ts";
import { findLocal, type LocalHomeserver, registerUser, startLocal, stopLocal, writeDeployment } from "../index.ts";
import { noHomeserver } from "../no-homeserver.test-setup.ts";

describe.skipIf(noHomeserver)("on PostgreSQL", () => {
  let dir: string;
  let homeserver: LocalHomeserver;
  let secret: string;

  beforeAll(async () => {
    dir = await newFolder();
    await writeDeployment({ dir, config: { serverName: "example.test", federation: false } });
    secret = await registrationSecret(dir);
    homeserver = await startLocal({ dir, cache, port: 0 });
  });
  afterAll(async () => {
    await stopLocal(dir);
    await rm(dir, { recursive: true, force: true });
  });

  const ask = async (path: string, options?: ApiRequest) => await request(homeserver.url, path, options);

  test("it answers, and says what it stands on", async () => {
    expect(homeserver.database).toContain("PostgreSQL");
    expect((await ask("_matrix/client/versions")).body.versions).toContain("v1.11");
  });

  test("an account is made by the registration secret, logs in, and its message is read", async () => {
    expect(await registerUser({ url: homeserver.url, secret, username: "ada", password })).toBe("@ada:example.test");
    const token = await login(homeserver.url, "ada");
    const { body: room } = await ask("_matrix/client/v3/createRoom", { token, body: { preset: "public_chat" } });
    const path = `_matrix/client/v3/rooms/${encodeURIComponent(room.room_id)}`;
    const sent = await ask(`${path}/send/m.room.message/1`, {
      token,
      method: "PUT",
      body: { msgtype: "m.text", body: "Hello" },
    });
    const read = await ask(`${path}/event/${encodeURIComponent(sent.body.event_id)}`, { token });
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
    const { status } = await ask("_matrix/client/v3/register", { body: { username: "eve", password } });
    expect(status).toBe(403);
  });

  test("on an island there is no federation to talk to", async () => {
    expect((await ask("_matrix/federation/v1/version")).status).toBe(404);
    expect((await ask("_matrix/key/v2/server")).status).toBe(404);
  });

  test("starting it again finds it, and so does another program", async () => {
    expect(await startLocal({ dir, cache })).toMatchObject({ url: homeserver.url, started: false });
    expect((await findLocal(dir))?.url).toBe(homeserver.url);
  });

  test("no secret and no token is in its log", async () => {
    const log =
      (await readFile(join(dir, "local", "synapse.log"), "utf8")) +
      (await readFile(join(dir, "local", "synapse.out"), "utf8"));
    expect(log).toContain("Synapse");
    const secrets = await readdir(join(dir, "secrets"));
    for (const name of secrets.filter((each) => !each.includes("."))) {
      expect(log).not.toContain((await readFile(join(dir, "secrets", name), "utf8")).trim());
    }
    expect(log).not.toContain(await login(homeserver.url, "ada"));
    expect(log).not.toContain(password);
  });

  test("of two who start it at once, one does; killed with its database, it starts again and has lost nothing", async () => {
    const token = await login(homeserver.url, "ada");
    const { body: room } = await ask("_matrix/client/v3/createRoom", { token, body: {} });
    const message = `_matrix/client/v3/rooms/${encodeURIComponent(room.room_id)}/send/m.room.message/1`;
    const sent = await ask(message, { token, method: "PUT", body: { msgtype: "m.text", body: "Before" } });
    const { pid } = JSON.parse(await readFile(join(dir, "local", "state.json"), "utf8"));
    const postmaster = Number(
      (await readFile(join(dir, "local", "postgres", "postmaster.pid"), "utf8")).split("\n")[0],
    );
    for (const process_ of [pid, postmaster]) process.kill(process_, "SIGKILL");
    const starts = await Promise.allSettled([1, 2].map(() => startLocal({ dir, cache, port: 0 })));
    const [started] = starts.filter((start) => start.status === "fulfilled");
    const [refused] = starts.filter((start) => start.status === "rejected");
    expect(starts.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(refused?.reason).toMatchObject({ code: "BUSY" });
    homeserver = started?.value ?? homeserver;
    expect(homeserver.started).toBe(true);
    const event = `_matrix/client/v3/rooms/${encodeURIComponent(room.room_id)}/event/${encodeURIComponent(sent.body.event_id)}`;
    expect((await ask(event, { token })).body.content.body).toBe("Before");
  });

  test("stopped, it takes no other database, which would be empty; started again, it knows its accounts", async () => {
    await homeserver.close();
    expect(await findLocal(dir)).toBeUndefined();
    const other = startLocal({ dir, cache, port: 0, database: "sqlite" });
    await expect(other).rejects.toMatchObject({ code: "INVALID_CONFIG" });
    homeserver = await startLocal({ dir, cache, port: 0 });
    expect(await login(homeserver.url, "ada")).toBeTypeOf("string");
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
