/** Whose the files of a deployment are. */

import type { Owner } from "../secrets/secret-store.ts";

/** Containers must not run as root: where root deploys, this user owns data and secrets. It is Synapse's in its image. */
export const SERVICE_USER: Owner = { uid: 991, gid: 991 };

/** Who the containers run as. */
export function containerUser(): Owner {
  const uid = process.getuid?.() ?? 1000;
  return uid === 0 ? SERVICE_USER : { uid, gid: process.getgid?.() ?? 1000 };
}
