/** What a client plays: one source over all its connections. */

import { type BroadcastReadOptions, createPacketBroadcast, type Packet, type PacketSource } from "@ami-streams/media";
import { IngestError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { PublicationAssembler } from "../publication/assembler.ts";
import type { Repairs } from "../publication/repairs.ts";
import { wallClock } from "../wall-clock.ts";
import type { RtmpMessage } from "./message/message.ts";

/** A stream that a client plays. */
export interface RtmpPlayback extends PacketSource {
  /** How often media had to be put right, by kind. */
  readonly repairs: Readonly<Repairs>;
  /** Settles when no more packets come; never rejects. The error, unless it was ended from this side. */
  readonly closed: Promise<IngestError | undefined>;
  packets(options?: BroadcastReadOptions): AsyncIterable<Packet>;
  /** Disconnects. Readers get what is held, then end. */
  close(): void;
}

/** The writing end of a playback. */
export interface PlaybackWriter {
  /** Resolves when tracks are known, rejects when the playback ends before. */
  readonly started: Promise<void>;
  /** A new connection begins. */
  restart(): void;
  push(message: RtmpMessage): void;
  /** Lets time pass. */
  poll(): void;
  end(error: unknown): void;
}

/** Makes both ends. */
export function createPlayback(stop: () => void, logger: Logger): { playback: RtmpPlayback; writer: PlaybackWriter } {
  const broadcast = createPacketBroadcast();
  let begin: () => void = () => {};
  let fail: (error: unknown) => void = () => {};
  const started = new Promise<void>((resolve, reject) => {
    begin = resolve;
    fail = reject;
  });
  let settle: (error: IngestError | undefined) => void = () => {};
  const closed = new Promise<IngestError | undefined>((resolve) => {
    settle = resolve;
  });
  const assembler = new PublicationAssembler({
    start: (tracks) => {
      broadcast.setTracks(tracks);
      begin();
    },
    retrack: (tracks) => broadcast.setTracks(tracks),
    packet: (packet) => broadcast.write(packet),
    repaired: (kind, detail) => logger.debug({ kind, detail }, "media repaired"),
  });
  const playback: RtmpPlayback = {
    get tracks() {
      return broadcast.tracks;
    },
    get repairs() {
      return { ...assembler.repairs };
    },
    closed,
    packets: (options) => broadcast.packets(options),
    close: stop,
  };
  const writer: PlaybackWriter = {
    started,
    restart: () => assembler.restart(),
    push: (message) => assembler.push(message, performance.now(), wallClock()),
    poll: () => assembler.poll(performance.now()),
    end(error) {
      assembler.finish();
      const reason = error === undefined || error instanceof IngestError ? error : wrap(error);
      if (reason === undefined || reason.code === "CLOSED") broadcast.end();
      else broadcast.fail(reason);
      settle(reason);
      fail(reason ?? new IngestError("CLOSED", "the playback was ended before it began"));
    },
  };
  return { playback, writer };
}

function wrap(error: unknown): IngestError {
  return new IngestError("CONNECTION_FAILED", String(error), { cause: error });
}
