/** The purges of a program: one log for all of its processes. */

import { join } from "node:path";
import { createCacheKeys } from "../edge/cache-key/cache-key.ts";
import { createGroupInvalidation } from "../edge/purge/group-invalidation.ts";
import { type PurgeNetworkOptions, resolveNetwork } from "../edge/purge/options.ts";
import type { Purge } from "../edge/purge/purge.ts";
import type { PurgeJudge } from "../edge/purge/purge-judge.ts";
import { type FollowedPurges, openPurges, type Purges } from "../edge/purge/purges.ts";
import { CdnError } from "../errors.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import type { Logger } from "../logger.ts";
import { cacheOptions } from "./cache-options.ts";
import type { CheckedConfig } from "./config/schema.ts";
import { messageOf } from "./program-error.ts";

/** What one process has of the purges: its own, or those of its parent. */
export interface ProcessPurges {
  readonly judge: PurgeJudge;
  /** Answers the other edges, see `Purges.handle`. */
  readonly handle: FetchHandler;
  /** Takes what an answer to an unsafe method invalidates, which is forgotten in this process already. */
  readonly onInvalidation: (purge: Purge) => void | Promise<void>;
}

/** @throws {CdnError} `INVALID_OPTION`, `DISK_IN_USE`, `STORE_FAILED`. */
export async function openProgramPurges(config: CheckedConfig, logger: Logger): Promise<FollowedPurges> {
  const { disk, purge } = config;
  return await openPurges({
    logger,
    keyOf: createCacheKeys(cacheOptions(config)).of,
    ...(disk !== undefined && { folder: join(disk.path, "purges") }),
    ...(purge !== undefined && { network: networkOf(purge) }),
  });
}

/** @throws {CdnError} `INVALID_OPTION`: what keeps the edges from being a network. */
export function checkNetwork(purge: NonNullable<CheckedConfig["purge"]>): void {
  networkOf(purge);
}

function networkOf({ tolerate, ...rest }: NonNullable<CheckedConfig["purge"]>): PurgeNetworkOptions {
  const network = { ...rest, ...(tolerate !== undefined && { tolerate }) };
  try {
    resolveNetwork(network);
  } catch (cause) {
    // By its place in the config, not in the options of the library.
    throw new CdnError("INVALID_OPTION", messageOf(cause).replace(/^network\b/, "purge"), { cause });
  }
  return network;
}

/** For the process that has them. */
export function ownPurges(purges: Purges, logger: Logger): ProcessPurges {
  return { judge: purges, handle: purges.handle, onInvalidation: groupInvalidationOf(purges, logger) };
}

/** Purges groups that answers invalidate. */
export function groupInvalidationOf(purges: Pick<Purges, "purge">, logger: Logger): (purge: Purge) => void {
  return createGroupInvalidation({ purges, clock: () => performance.now(), logger });
}
