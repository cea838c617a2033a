/** One RTMP player of a publication: packets in, chunks out, at the pace of its socket. */

import { once } from "node:events";
import type { Writable } from "node:stream";
import type { Packet, Track } from "@ami-streams/media";
import { IngestError } from "../errors.ts";
import type { Publication } from "../publication/publication.ts";
import { DEFAULT_OUTPUT_CHUNK_SIZE, writeChunks } from "./chunk/chunk-writer.ts";
import {
  carriedTracks,
  messageTimestamp,
  messageTypeOf,
  writeConfig,
  writeFrame,
  writeMetadata,
} from "./flv/tag-writer.ts";
import { MessageType, type RtmpMessage } from "./message/message.ts";
import { chunkStreamOf } from "./session/wire.ts";

/** Chunks of packets for message stream 1, made once for all viewers: none depends on what was sent before. */
const shared = new WeakMap<Packet, Uint8Array>();

/** The message stream that nearly all players use. */
const SHARED_STREAM = 1;

/** Writes a source to a socket until either ends. */
export class Viewer {
  readonly #output: Writable;
  readonly #streamId: number;
  readonly #source: Publication;
  readonly #stopping = new AbortController();
  readonly #configured = new Map<number, Track>();
  #gathering = false;
  #tooSlow = false;

  constructor(output: Writable, streamId: number, source: Publication) {
    this.#output = output;
    this.#streamId = streamId;
    this.#source = source;
  }

  /** Ends {@link run} soon. */
  stop(): void {
    this.#stopping.abort();
  }

  /** Returns why the viewer must go, or undefined when the source has ended. Never rejects. */
  async run(): Promise<IngestError | undefined> {
    const { signal } = this.#stopping;
    const carried = new Set(carriedTracks(this.#source.tracks).map(({ id }) => id));
    try {
      await this.#write(this.#message(MessageType.DataAmf0, 0, writeMetadata(this.#source.tracks)));
      for await (const packet of this.#source.packets({
        signal,
        onDrop: ({ disconnected }) => this.#dropped(disconnected),
      })) {
        if (!carried.has(packet.track.id)) continue;
        if (this.#configured.get(packet.track.id) !== packet.track) await this.#configure(packet);
        const waiting = this.#write(this.#chunks(packet));
        if (waiting !== undefined) await waiting;
        if (signal.aborted) break;
      }
      return this.#reason();
    } catch (error) {
      if (signal.aborted) return this.#reason();
      return error instanceof IngestError ? error : new IngestError("CONNECTION_LOST", String(error), { cause: error });
    }
  }

  // Told while the viewer still waits for its socket, which may never take anything again.
  #dropped(disconnected: boolean): void {
    if (!disconnected) return;
    this.#tooSlow = true;
    this.#stopping.abort();
  }

  #reason(): IngestError | undefined {
    if (!this.#tooSlow) return undefined;
    return new IngestError("SLOW_PEER", "the viewer reads more slowly than the stream runs");
  }

  async #configure(packet: Packet): Promise<void> {
    const { track } = packet;
    this.#configured.set(track.id, track);
    const config = writeConfig(track);
    if (config !== undefined) await this.#write(this.#message(messageTypeOf(track), messageTimestamp(packet), config));
  }

  #chunks(packet: Packet): Uint8Array {
    const cached = this.#streamId === SHARED_STREAM ? shared.get(packet) : undefined;
    if (cached !== undefined) return cached;
    const bytes = this.#message(messageTypeOf(packet.track), messageTimestamp(packet), writeFrame(packet));
    if (this.#streamId === SHARED_STREAM) shared.set(packet, bytes);
    return bytes;
  }

  #message(typeId: number, timestamp: number, payload: Uint8Array): Uint8Array {
    const message: RtmpMessage = { typeId, streamId: this.#streamId, timestamp, payload };
    return writeChunks(message, chunkStreamOf(message), DEFAULT_OUTPUT_CHUNK_SIZE);
  }

  /** Undefined unless the socket wants to be waited for. */
  #write(bytes: Uint8Array): Promise<unknown> | undefined {
    if (this.#output.destroyed || this.#stopping.signal.aborted) return undefined;
    this.#gather();
    return this.#output.write(bytes) ? undefined : once(this.#output, "drain", { signal: this.#stopping.signal });
  }

  // Packets that are there together leave together: one system call for them all, and none of them waits.
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    this.#output.cork();
    process.nextTick(() => {
      this.#gathering = false;
      this.#output.uncork();
    });
  }
}
