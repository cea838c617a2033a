/** Purges written down, so that none comes undone with a restart. */

import { CdnError } from "../../../errors.ts";
import type { Logger } from "../../../logger.ts";
import type { PurgeMemory } from "../network/member.ts";
import { PurgeLog, type PurgeLogOptions } from "../purge-log.ts";
import { decodeRecords, encodeRecord } from "./frames.ts";
import { type JournalRecord, Replay } from "./records.ts";
import type { JournalStorage } from "./storage.ts";

/** A journal that has grown by this much, and to twice what it was after it was last written anew, is written anew. */
const JOURNAL_COMPACTION_BYTES = 4 * 1024 * 1024;

/** What a journal held. */
export interface OpenedJournal {
  readonly journal: Journal;
  readonly log: PurgeLog;
  /** Undefined where there was none, or what there was is damaged: everything stored counts as purged then. */
  readonly memory: PurgeMemory | undefined;
}

/** Options of {@link openJournal}. */
export interface JournalOptions extends Omit<PurgeLogOptions, "generation"> {
  readonly storage: JournalStorage;
  /** Milliseconds since 1970. */
  readonly systemTime: number;
  readonly compactionBytes?: number;
  readonly logger: Logger;
}

/**
 * Reads a journal, and makes it ready to be written. Nothing is written yet.
 *
 * @throws {CdnError} `STORE_FAILED` where it cannot be read.
 */
export async function openJournal(options: JournalOptions): Promise<OpenedJournal> {
  const { storage, systemTime, logger } = options;
  const bytes = await storage.read().catch((cause: unknown) => {
    throw new CdnError("STORE_FAILED", "cannot read the journal of purges", { cause });
  });
  const { records, end, damaged } = decodeRecords(bytes ?? Buffer.alloc(0));
  const torn = (bytes?.byteLength ?? 0) - end;
  if (damaged || records.length === 0) {
    if (torn > 0) logger.error({}, "the journal of purges is damaged: everything stored counts as purged");
    const log = new PurgeLog({ ...options, generation: systemTime });
    return { journal: new Journal(options, undefined), log, memory: undefined };
  }
  if (torn > 0) logger.warn({ bytes: torn }, "the journal of purges ends in a record that was not written to its end");
  const replay = new Replay(options);
  for (const record of records) replay.add(record);
  return { journal: new Journal(options, torn > 0 ? undefined : end), ...replay.restored(systemTime) };
}

interface Waiting {
  readonly record: JournalRecord | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Writes records in order, many at once where many wait. */
export class Journal {
  readonly #storage: JournalStorage;
  readonly #logger: Logger;
  readonly #compactionBytes: number;
  /** Bytes that are there; undefined where that is not known, or they are not to be added to. */
  #size: number | undefined;
  #compactAt: number;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #snapshot: (() => Iterable<JournalRecord>) | undefined;
  #closed = false;

  constructor(
    { storage, logger, compactionBytes = JOURNAL_COMPACTION_BYTES }: JournalOptions,
    size: number | undefined,
  ) {
    this.#storage = storage;
    this.#logger = logger;
    this.#compactionBytes = compactionBytes;
    this.#size = size;
    this.#compactAt = compactionBytes;
  }

  /**
   * Says what a journal that is written anew begins with: all that the records so far come to. It is read bit by bit, while more may be
   * appended; what was appended before it is read has to be in it.
   */
  from(snapshot: () => Iterable<JournalRecord>): void {
    this.#snapshot = snapshot;
  }

  /**
   * Resolves when the record, and all before it, are on the disk; without a record, when all before are.
   *
   * @throws {CdnError} `PURGE_NOT_STORED`; the next call tries to write all of it again.
   */
  append(record?: JournalRecord): Promise<void> {
    if (this.#closed) return Promise.reject(new CdnError("CLOSED", "the journal of purges is closed"));
    if (record === undefined && this.#running === undefined && this.#size !== undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Writes what waits, and closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await this.#storage.close();
  }

  async #run(): Promise<void> {
    // Whatever else is appended in this turn goes along.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch);
        for (const { resolve } of batch) resolve();
      } catch (cause) {
        this.#size = undefined;
        this.#logger.error({ err: cause }, "cannot write the journal of purges");
        const error = new CdnError("PURGE_NOT_STORED", "the purge holds, but cannot be written down", { cause });
        for (const { reject } of batch) reject(error);
      }
    }
    this.#running = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    const records = batch.flatMap(({ record }) => record ?? []);
    const bytes = Buffer.concat(records.map(encodeRecord));
    if (this.#size !== undefined && this.#size + bytes.byteLength <= this.#compactAt) {
      if (bytes.byteLength > 0) await this.#storage.append(bytes);
      this.#size += bytes.byteLength;
      return;
    }
    // Called in the turn that took the batch: what is appended from now on is not in it, and follows.
    const snapshot = this.#snapshot?.() ?? records;
    this.#size = await this.#storage.replace(encoded(snapshot));
    this.#compactAt = Math.max(2 * this.#size, this.#size + this.#compactionBytes);
  }
}

function* encoded(records: Iterable<JournalRecord>): Generator<Uint8Array> {
  for (const record of records) yield encodeRecord(record);
}
