/** The process of the libav backend: takes a job and packets from its host over a pipe, gives encoded packets back. */

import { Socket } from "node:net";
import { NOT_INSTALLED_EXIT } from "../exit-code.ts";
import type { Pipeline } from "./pipeline.ts";
import { MessageReader, messageType, readJson, readPacket, writeJson } from "./protocol.ts";
import { HOST_PIPE, reviveJob, type WireTrial } from "./wire.ts";

const pipe = new Socket({ fd: HOST_PIPE });
// Without a host there is no one to encode for, and no one to end this process.
pipe.on("close", () => process.exit(0));
pipe.on("error", () => process.exit(0));
// A terminal's Ctrl-C reaches the whole group; the host ends its encoders itself, when it has what they still hold.
process.on("SIGINT", () => {});

/** Waits while the host does not read: what is encoded stays bounded. */
async function send(...parts: Uint8Array[]): Promise<void> {
  pipe.cork();
  let room = true;
  for (const part of parts) room = pipe.write(part);
  pipe.uncork();
  if (!room) await new Promise<void>((resolve) => pipe.once("drain", () => resolve()));
}

const libav = await Promise.all([import("./pipeline.ts"), import("./trial.ts")]).catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exit(NOT_INSTALLED_EXIT);
});

const [{ Pipeline: LibavPipeline }, { tryEncoder }] = libav;
let pipeline: Pipeline | undefined;
const messages = new MessageReader();
for await (const chunk of pipe) {
  for (const { type, body } of messages.push(chunk)) {
    if (type === messageType.packet) await pipeline?.push(readPacket(body));
    else if (type === messageType.start) pipeline = new LibavPipeline(reviveJob(readJson(body)), send);
    else if (type === messageType.end) {
      await pipeline?.flush();
      await send(writeJson(messageType.flushed, {}));
      pipe.end(() => process.exit(0));
    } else if (type === messageType.trial) {
      const reason = await tryEncoder(readJson(body) as WireTrial).then(
        () => null,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
      await send(writeJson(messageType.trialResult, { reason }));
      pipe.end(() => process.exit(0));
    }
  }
}
