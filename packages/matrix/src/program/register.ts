/** `ami-matrix register`: makes an account on a homeserver of this machine. */

import { join } from "node:path";
import { text } from "node:stream/consumers";
import { findLocal } from "../deployment/local/local.ts";
import { readSecret } from "../deployment/secrets/secret-store.ts";
import { registerUser } from "../deployment/users/register.ts";
import { readDeployment } from "../deployment/write/config-file.ts";

/** Options as commander gives them. */
export interface RegisterFlags {
  readonly dir: string;
  readonly admin?: boolean;
}

/** Passwords never come by the command line: lists of processes show it. */
export async function register(username: string, { dir, admin = false }: RegisterFlags): Promise<void> {
  const { ports } = await readDeployment(dir);
  const url = (await findLocal(dir))?.url ?? `http://127.0.0.1:${ports.homeserver}/`;
  const secret = await readSecret(join(dir, "secrets", "registration"));
  const user = await registerUser({ url, secret, username, password: await askPassword(), admin });
  process.stdout.write(`${user}\n`);
}

async function askPassword(): Promise<string> {
  if (!process.stdin.isTTY) return (await text(process.stdin)).replace(/\r?\n$/, "");
  const { password } = await import("@inquirer/prompts");
  return await password({ message: "Password:", mask: true });
}
