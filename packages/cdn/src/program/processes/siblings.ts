/** Where the processes of one edge ask each other: sockets in a folder that nobody else may open. */

import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Peer } from "../../edge/peers/peer-upstream.ts";
import { resolveLimits, type ServerLimits } from "../../server/limits.ts";

/** A path of a socket has at most 103 bytes. */
const MAX_FOLDER_LENGTH = 80;

/** One process among the others. Plain data. */
export interface SiblingPlace {
  /** Its name among them. */
  readonly self: string;
  /** All of them. */
  readonly peers: readonly Peer[];
  /** What they share and nobody else knows. */
  readonly secret: string;
  /** How they know each other in `CDN-Loop`. */
  readonly id: string;
  /** Where this one listens for the others. */
  readonly socket: string;
  /** Of all sockets; undefined where they are in none. */
  readonly folder: string | undefined;
}

/** Name of a process among the others. */
export function siblingName(index: number): string {
  return `process-${index}`;
}

/** Makes the places of so many processes. A process that is started in the place of another has the same. */
export async function openSiblingPlaces(count: number): Promise<readonly SiblingPlace[]> {
  const id = randomBytes(6).toString("hex");
  const secret = randomBytes(32).toString("hex");
  const isWindows = process.platform === "win32";
  // Made for this user alone: mode 0700.
  const base = tmpdir().length > MAX_FOLDER_LENGTH ? "/tmp" : tmpdir();
  const folder = isWindows ? undefined : await mkdtemp(join(base, "ami-edge-"));
  const socketOf = (index: number): string =>
    folder === undefined ? `\\\\.\\pipe\\ami-edge-${id}-${index}` : join(folder, `${index}.sock`);
  const indices = Array.from({ length: count }, (_, index) => index);
  const peers = indices.map((index) => ({ name: siblingName(index), url: `unix:${socketOf(index)}` }));
  return indices.map((index) => ({ self: siblingName(index), peers, secret, id, socket: socketOf(index), folder }));
}

/** Leaves nothing of them behind. At once, so that a process can do it with its last breath. */
export function removeSiblingPlaces({ folder }: Pick<SiblingPlace, "folder">): void {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
}

/** Bounds of the server for the others, each of them: what clients may send, and what one process says to another about it. */
export function siblingLimits(limits: Partial<ServerLimits>): ServerLimits {
  const resolved = resolveLimits(limits);
  const { maxHeaderBytes, maxUrlBytes, maxHeaders } = resolved;
  return {
    ...resolved,
    maxHeaderBytes: 2 * maxHeaderBytes,
    maxUrlBytes: 2 * maxUrlBytes,
    maxHeaders: maxHeaders + 50,
    maxConnections: 1_000_000,
    // Others read as slowly as their clients do.
    minSendRate: 1,
  };
}
