/** A stream that someone publishes, as its consumers see it. */

import {
  type BroadcastReadOptions,
  createPacketBroadcast,
  type Packet,
  type PacketBroadcast,
  type PacketSource,
  type Track,
} from "@ami-streams/media";
import type { IngestError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { AmfLimits } from "../rtmp/amf0/amf-value.ts";
import type { RtmpMessage } from "../rtmp/message/message.ts";
import { wallClock } from "../wall-clock.ts";
import { PublicationAssembler } from "./assembler.ts";
import type { RepairKind, Repairs } from "./repairs.ts";

/**
 * Why a publication ended: the publisher said so, the connection broke, another publisher took over, the publisher was silent or sent no
 * usable media in time, it broke the protocol or sent what cannot be carried, or this side closed it.
 */
export type PublicationEndReason = "unpublished" | "disconnected" | "replaced" | "timeout" | "error" | "closed";

/** How a publication ended. */
export interface PublicationEnd {
  readonly reason: PublicationEndReason;
  /** With `timeout` and `error`, and with `disconnected` where the network said why. */
  readonly error?: IngestError;
}

/** Counts of a publication so far. */
export interface PublicationStats {
  /** Bytes of audio, video and data messages received. */
  readonly bytesReceived: number;
  /** Packets given to readers. */
  readonly packets: number;
  /** Bytes of those packets. */
  readonly bytes: number;
  /** Bytes held for readers now. */
  readonly heldBytes: number;
  readonly readers: number;
  /** Times that a reader was dropped to a keyframe. */
  readonly drops: number;
  /** Readers disconnected for being too slow. */
  readonly disconnects: number;
  readonly repairs: Readonly<Repairs>;
}

/** A live stream: tracks and packets, where they come from and when they end. */
export interface Publication extends PacketSource {
  /** Unique in this process: never used again for the same key. */
  readonly id: string;
  /** Application, as in `rtmp://host/app/key`. */
  readonly app: string;
  readonly streamKey: string;
  /** What came after `?` in the address, application or key. */
  readonly query: URLSearchParams;
  /** IP address of the publisher. */
  readonly address: string;
  /** When the first packet came, milliseconds since the Unix epoch. */
  readonly startedAt: number;
  /** Known, and complete, once a publication is given out. A changed configuration replaces a track by a new one with the same id. */
  readonly tracks: readonly Track[];
  readonly stats: PublicationStats;
  /** Settles when it has ended; never rejects. Readers get what was held, then end. */
  readonly closed: Promise<PublicationEnd>;
  packets(options?: BroadcastReadOptions): AsyncIterable<Packet>;
  /** Disconnects the publisher. */
  close(): void;
}

/** What a {@link LivePublication} is made of. */
export interface LivePublicationOptions {
  readonly id: string;
  readonly app: string;
  readonly streamKey: string;
  readonly query: URLSearchParams;
  readonly address: string;
  /** Bytes held for readers. */
  readonly maxBytes: number;
  readonly amf: AmfLimits;
  readonly logger: Logger;
  /** Tracks are known: now it may be given out. */
  readonly onStart: () => void;
  /** Someone called `close()`. */
  readonly onClose: () => void;
}

/** The publisher's end of a {@link Publication}. */
export class LivePublication implements Publication {
  readonly id: string;
  readonly app: string;
  readonly streamKey: string;
  readonly query: URLSearchParams;
  readonly address: string;
  readonly closed: Promise<PublicationEnd>;
  readonly #options: LivePublicationOptions;
  readonly #broadcast: PacketBroadcast;
  readonly #assembler: PublicationAssembler;
  readonly #settle: (end: PublicationEnd) => void;
  #startedAt = 0;
  #bytesReceived = 0;
  #lastRepairLog = Number.NEGATIVE_INFINITY;
  #now = 0;

  constructor(options: LivePublicationOptions) {
    const { id, app, streamKey, query, address } = options;
    this.id = id;
    this.app = app;
    this.streamKey = streamKey;
    this.query = query;
    this.address = address;
    this.#options = options;
    let settle: (end: PublicationEnd) => void = () => {};
    this.closed = new Promise((resolve) => {
      settle = resolve;
    });
    this.#settle = settle;
    this.#broadcast = createPacketBroadcast({ maxBytes: options.maxBytes });
    this.#assembler = new PublicationAssembler(
      {
        start: (tracks) => this.#start(tracks),
        retrack: (tracks) => this.#broadcast.setTracks(tracks),
        packet: (packet) => this.#broadcast.write(packet),
        repaired: (kind, detail) => this.#repaired(kind, detail),
      },
      options.amf,
    );
  }

  get startedAt(): number {
    return this.#startedAt;
  }

  get tracks(): readonly Track[] {
    return this.#broadcast.tracks;
  }

  /** Its first packets were given out. */
  get started(): boolean {
    return this.#assembler.started;
  }

  get ended(): boolean {
    return this.#broadcast.ended;
  }

  get stats(): PublicationStats {
    const { packets, bytes, heldBytes, readers, drops, disconnects } = this.#broadcast.stats;
    const repairs = { ...this.#assembler.repairs };
    return { bytesReceived: this.#bytesReceived, packets, bytes, heldBytes, readers, drops, disconnects, repairs };
  }

  packets(options?: BroadcastReadOptions): AsyncIterable<Packet> {
    return this.#broadcast.packets(options);
  }

  close(): void {
    this.#options.onClose();
    this.end({ reason: "closed" });
  }

  /** Takes a message of the publisher. */
  push(message: RtmpMessage, now: number, receivedAt: number): void {
    if (this.ended) return;
    this.#now = now;
    this.#bytesReceived += message.payload.length;
    this.#assembler.push(message, now, receivedAt);
  }

  /** Lets time pass while nothing comes. */
  poll(now: number): void {
    this.#now = now;
    if (!this.ended) this.#assembler.poll(now);
  }

  /** Nothing more comes. */
  end(end: PublicationEnd): void {
    if (this.ended) return;
    try {
      this.#assembler.finish();
    } catch (error) {
      // The last packet may be one that readers cannot be given; whoever ends a publication must not fail for it.
      this.#options.logger.warn({ app: this.app, streamKey: this.streamKey, err: error }, "the last packets were lost");
    }
    this.#broadcast.end();
    this.#settle(end);
  }

  #start(tracks: readonly Track[]): void {
    this.#startedAt = wallClock();
    this.#broadcast.setTracks(tracks);
    this.#options.onStart();
  }

  #repaired(kind: RepairKind, detail: string): void {
    // One line a second at most: a broken encoder needs thousands of repairs a minute, and they are counted anyway.
    if (this.#now - this.#lastRepairLog < 1000) return;
    this.#lastRepairLog = this.#now;
    const { app, streamKey } = this;
    this.#options.logger.warn({ app, streamKey, kind, detail, repairs: this.#assembler.repairs }, "media repaired");
  }
}
