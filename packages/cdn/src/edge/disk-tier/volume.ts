/** One file of the log, and its journal. */

import { join } from "node:path";
import type { DiskFiles, OpenFile } from "./files.ts";
import { encodeJournal, JOURNAL_ENTRY_BYTES, type JournalEntry } from "./journal.ts";

const NAME = /^(\d{10})\.(volume|journal)$/;

/** Which volume a file belongs to, and as what. Undefined where it is none of ours. */
export function parseVolumeName(name: string): { sequence: number; kind: "volume" | "journal" } | undefined {
  const [, sequence, kind] = NAME.exec(name) ?? [];
  return sequence === undefined ? undefined : { sequence: Number(sequence), kind: kind as "volume" | "journal" };
}

export function volumePath(folder: string, sequence: number, kind: "volume" | "journal"): string {
  return join(folder, `${String(sequence).padStart(10, "0")}.${kind}`);
}

/** What a volume is made of. */
export interface VolumeParts {
  readonly folder: string;
  readonly files: DiskFiles;
  readonly sequence: number;
  readonly data: OpenFile;
  readonly journal: OpenFile;
  readonly dataBytes: number;
  readonly journalBytes: number;
}

/** Its files stay open; they are closed once it is removed and nobody reads it any more. */
export class Volume {
  readonly sequence: number;
  readonly #parts: VolumeParts;
  #dataBytes: number;
  #journalBytes: number;
  #users = 0;
  /** Reads and writes under way: a descriptor that is closed under them may be another file's by the time they run. */
  #operations = 0;
  #state: "open" | "closing" | "closed" = "open";
  #onUnused: (() => void) | undefined;

  constructor(parts: VolumeParts) {
    this.#parts = parts;
    this.sequence = parts.sequence;
    this.#dataBytes = parts.dataBytes;
    this.#journalBytes = parts.journalBytes;
  }

  /** Bytes of the log: where the next record goes. */
  get dataBytes(): number {
    return this.#dataBytes;
  }

  /** Bytes of both files. */
  get bytes(): number {
    return this.#dataBytes + this.#journalBytes;
  }

  get inUse(): boolean {
    return this.#users > 0;
  }

  /** Counts a reader: the volume can be read until it is counted off, or cut off. */
  use(): void {
    this.#users += 1;
  }

  unuse(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    const then = this.#onUnused;
    this.#onUnused = undefined;
    then?.();
  }

  /** Calls `then` when the last reader has left. Only while {@link inUse}. */
  whenUnused(then: () => void): void {
    this.#onUnused = then;
  }

  /** Fills `into` from `offset`. False where the volume ends before, or is closed. @throws the system's error. */
  async read(into: Uint8Array, offset: number): Promise<boolean> {
    if (this.#state !== "open") return false;
    this.#operations += 1;
    try {
      return (await this.#parts.data.read(into, offset)) === into.byteLength;
    } finally {
      this.#done();
    }
  }

  /** Appends to the log, then to the journal, so that what the journal names is there. @throws the system's error. */
  async append(parts: readonly Uint8Array[], entries: readonly JournalEntry[]): Promise<void> {
    this.#operations += 1;
    try {
      let size = 0;
      for (const { byteLength } of parts) size += byteLength;
      if (size > 0) await this.#parts.data.write(parts, this.#dataBytes);
      this.#dataBytes += size;
      if (entries.length === 0) return;
      await this.#parts.journal.write([encodeJournal(entries, this.sequence)], this.#journalBytes);
      this.#journalBytes += entries.length * JOURNAL_ENTRY_BYTES;
    } finally {
      this.#done();
    }
  }

  /** Gives back the room of a write that failed half-way. */
  async trim(): Promise<void> {
    await this.#parts.data.truncate(this.#dataBytes);
    await this.#parts.journal.truncate(this.#journalBytes);
  }

  /** Removes the files. Those who have the volume open can go on reading. The journal goes first: without it a volume is nothing. */
  async unlink(): Promise<void> {
    const { files, folder } = this.#parts;
    await files.remove(volumePath(folder, this.sequence, "journal"));
    await files.remove(volumePath(folder, this.sequence, "volume"));
  }

  /** Ends all reading. */
  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#operations += 1;
    this.#done();
  }

  #done(): void {
    this.#operations -= 1;
    if (this.#operations > 0 || this.#state !== "closing") return;
    this.#state = "closed";
    // Nothing depends on how closing ends: what was written is written, and nothing is synced.
    this.#parts.data.close().catch(() => {});
    this.#parts.journal.close().catch(() => {});
  }
}
