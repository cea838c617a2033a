/** The purges of a worker: its parent has them. */

import { createExchangeHandler } from "../../edge/purge/network/exchange-handler.ts";
import { checkSecrets } from "../../edge/purge/network/signature.ts";
import { PurgeReplica } from "../../edge/purge/replica.ts";
import type { ReplicaStart } from "../../edge/purge/replicas.ts";
import type { FetchHandler } from "../../handler/fetch-handler.ts";
import type { Logger } from "../../logger.ts";
import type { CheckedConfig } from "../config/schema.ts";
import type { ProcessPurges } from "../purges.ts";
import type { Channel, ParentAsk, WorkerAsk } from "./channel.ts";

/** Milliseconds that the parent gets to answer another edge. */
const EXCHANGE_DEADLINE = 10_000;
/** Milliseconds that a client's answer waits until all processes have forgotten what it changed. */
const INVALIDATION_DEADLINE = 3_000;

/** Options of {@link parentPurges}. */
export interface ParentPurgesOptions {
  readonly start: ReplicaStart;
  readonly parent: Channel<ParentAsk, WorkerAsk>;
  readonly network: CheckedConfig["purge"];
  readonly logger: Logger;
}

/** Follows from now on: what the parent tells is to be given to `judge.hear`. */
export function parentPurges(options: ParentPurgesOptions): ProcessPurges & { readonly judge: PurgeReplica } {
  const { start, parent, network, logger } = options;
  const clock = (): number => performance.now();
  return {
    judge: new PurgeReplica(start, clock),
    handle:
      network === undefined
        ? NO_NETWORK
        : createExchangeHandler({
            secrets: checkSecrets(network.secret),
            clock,
            systemClock: () => Date.now(),
            answer: (question) => parent.ask({ kind: "exchange", question }, EXCHANGE_DEADLINE),
            logger,
          }),
    async onInvalidation(purge) {
      await parent.ask({ kind: "invalidated", purge }, INVALIDATION_DEADLINE).catch((error: unknown) => {
        logger.warn({ err: error }, "not all processes have forgotten what was changed");
      });
    },
  };
}

const NO_NETWORK: FetchHandler = () => new Response(null, { status: 404 });
