/** An engine's failure as the player's error. */

import type { EngineFailure } from "../engine/engine.ts";
import { PlayerError, type PlayerErrorCode } from "../error.ts";
import type { Source } from "../source/source.ts";

/** The source stands in front of the message. */
export function describeFailure(failure: EngineFailure, source: Source): PlayerError {
  const codes: Record<EngineFailure["kind"], PlayerErrorCode> = {
    absent: "STREAM_OFFLINE",
    network: "NETWORK",
    media: "MEDIA",
    unsupported: "ENGINE_UNSUPPORTED",
  };
  const { cause, status } = failure;
  return new PlayerError(codes[failure.kind], `${source.url}: ${failure.message}`, {
    cause,
    ...(status === undefined ? {} : { status }),
  });
}
