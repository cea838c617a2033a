/**
 * From an empty folder to the first message, with Synapse installed already: `init`, `up --local` on a PostgreSQL of its own, an account, a login, a
 * room, a message. And the same for a homeserver that ran before.
 *
 * Peers: none; what most of it waits for is Synapse, which makes its tables.
 */

import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { registerUser, startLocal, writeDeployment } from "../src/deployment/index.ts";

const ROUNDS = 3;
const cache = fileURLToPath(new URL("../../../.tools/matrix", import.meta.url));
const password = "correct horse battery staple";

/** Seconds that something takes. */
async function seconds(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return (performance.now() - started) / 1000;
}

async function ask(
  url: string,
  path: string,
  body: object,
  { token, method = "POST" }: { token?: string; method?: string } = {},
) {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  const response = await fetch(new URL(`_matrix/client/v3/${path}`, url), {
    method,
    headers,
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { access_token: string; room_id: string };
}

async function sendMessage(url: string): Promise<void> {
  const { access_token: token } = await ask(url, "login", {
    type: "m.login.password",
    identifier: { type: "m.id.user", user: "ada" },
    password,
  });
  const { room_id } = await ask(url, "createRoom", {}, { token });
  const path = `rooms/${encodeURIComponent(room_id)}/send/m.room.message/1`;
  await ask(url, path, { msgtype: "m.text", body: "Hello" }, { token, method: "PUT" });
}

for (let round = 1; round <= ROUNDS; round += 1) {
  const dir = await mkdtemp(join(tmpdir(), "ami-matrix-"));
  await chmod(dir, 0o755);
  try {
    const first = await seconds(async () => {
      await writeDeployment({ dir, config: { serverName: "example.test" } });
      const { url } = await startLocal({ dir, cache, port: 0 });
      const secret = (await readFile(join(dir, "secrets", "registration"), "utf8")).trim();
      await registerUser({ url, secret, username: "ada", password });
      await sendMessage(url);
    });
    await (await startLocal({ dir, cache })).close();
    const again = await seconds(async () => {
      const { url } = await startLocal({ dir, cache, port: 0 });
      await sendMessage(url);
    });
    console.log(
      `round ${round}: ${first.toFixed(1)} s from an empty folder to the first message, ${again.toFixed(1)} s after a stop`,
    );
  } finally {
    await (await startLocal({ dir, cache })).close();
    await rm(dir, { recursive: true, force: true });
  }
}
