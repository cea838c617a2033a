/**
 * The log: objects wait in a queue, are appended to the newest volume in batches, and leave with the oldest.
 *
 * ```
 * slices, records, deletions ─► queue ─► batch ─► volume ─► its journal ─► index
 *                                          │ full: begin a volume, remove the oldest, keep what was asked for
 *                                          └ failed: give up what waits, pause, try a new volume
 * ```
 */

import { crc32 } from "node:zlib";
import type { Logger } from "../../logger.ts";
import type { DiskIndex, Place } from "./disk-index.ts";
import type { DiskCounters } from "./disk-stats.ts";
import { isDiskFull, MAX_PARTS, reasonOf } from "./files.ts";
import { JOURNAL_ENTRY_BYTES, type JournalEntry } from "./journal.ts";
import type { KeyHash } from "./key-hash.ts";
import type { ReadBuffers } from "./read-buffers.ts";
import { decodeRecord, encodeRecord, recordBytes, SLICE_WORDS, type StoredRecord, sliceLength } from "./record.ts";
import type { Volume } from "./volume.ts";
import { LINGERING_SHARE, type VolumeSet } from "./volume-set.ts";

/** How long nothing is written after writing failed, milliseconds. */
const WRITE_RETRY_PAUSE = 30_000;
/** A full disk lowers the bound to what there was room for; after so many milliseconds the whole is tried again. */
const FULL_RETRY_PAUSE = 600_000;
/** When volumes leave, objects in them that were asked for are kept up to this share of a volume. */
const REINSERT_SHARE = 1 / 4;
/** Deletions that wait for writing to work again; more than these may be undone by a restart. */
const MAX_WAITING_DELETIONS = 65_536;

/** Bytes written in one go. */
const BATCH_BYTES = 4 * 1024 * 1024;

/** An object on its way into the log. */
export interface Draft {
  readonly key: string;
  readonly hash: KeyHash;
  readonly head: Uint8Array;
  readonly sliceBytes: number;
  /** Volume, offset and CRC-32 of the slices that have their place. */
  readonly slices: number[];
  /** Bytes of the body; final when the record is queued. */
  length: number;
  /** Given up: what of it still waits is not written. */
  dead: boolean;
}

/** Something to be written. `written` is called once, whatever becomes of it. */
export type LogItem =
  | { readonly kind: "slice"; readonly draft: Draft; readonly bytes: Uint8Array; written(stored: boolean): void }
  | {
      readonly kind: "record";
      readonly draft: Draft;
      /** The last slice; undefined where all of them have their place. */
      readonly last: Uint8Array | undefined;
      /** Only while the key's object still lies there. */
      readonly replaces: Place | undefined;
      written(stored: boolean): void;
    }
  | { readonly kind: "deletion"; readonly hash: KeyHash };

/** What {@link DiskLog} needs. */
export interface DiskLogOptions {
  readonly volumes: VolumeSet;
  readonly index: DiskIndex;
  readonly buffers: ReadBuffers;
  readonly counters: DiskCounters;
  readonly maxBytes: number;
  readonly volumeBytes: number;
  readonly maxEntries: number;
  /** Milliseconds, steady. */
  readonly clock: () => number;
  readonly logger: Logger;
}

interface Batch {
  readonly parts: Uint8Array[];
  readonly entries: JournalEntry[];
  readonly items: LogItem[];
}

export class DiskLog {
  readonly #options: DiskLogOptions;
  #queue: LogItem[] = [];
  /** Records that wait, by key, so that a deletion finds them. */
  readonly #committing = new Map<string, Draft>();
  #running: Promise<void> | undefined;
  #isClosed = false;
  #failure: { readonly reason: string; readonly until: number } | undefined;
  /** What there was room for when the disk was last found full. */
  #full: { readonly bytes: number; readonly until: number } | undefined;

  constructor(options: DiskLogOptions) {
    this.#options = options;
  }

  /** Why nothing is written at present. */
  get failed(): string | undefined {
    return this.#failure?.reason;
  }

  /** Writing works, as far as is known, or it is time to try again. */
  get isWritable(): boolean {
    if (this.#isClosed) return false;
    return this.#failure === undefined || this.#options.clock() >= this.#failure.until;
  }

  push(item: LogItem): void {
    if (item.kind === "record") {
      const before = this.#committing.get(item.draft.key);
      if (before !== undefined && item.replaces !== undefined) {
        item.draft.dead = true;
        this.#giveUp(item);
        return;
      }
      // The newer one takes its place in any case; and a deletion needs to find only one.
      if (before !== undefined) before.dead = true;
      this.#committing.set(item.draft.key, item.draft);
    }
    if (this.isWritable) {
      this.#queue.push(item);
      this.#run();
    } else if (item.kind !== "deletion") this.#giveUp(item);
    else if (this.#queue.length < MAX_WAITING_DELETIONS) this.#queue.push(item);
  }

  /** Deletes what is stored, and what is about to be. False where there is nothing. */
  delete(key: string, hash: KeyHash): boolean {
    const { index } = this.#options;
    const draft = this.#committing.get(key);
    const id = index.find(hash);
    if (draft === undefined && id === 0) return false;
    if (draft !== undefined) {
      draft.dead = true;
      this.#committing.delete(key);
    }
    if (id !== 0) index.remove(id);
    this.push({ kind: "deletion", hash });
    return true;
  }

  /** Removes what turned out to be no use where it lies. One that is about to take its place is not touched. */
  drop(key: string, hash: KeyHash, place: Place): void {
    const { index } = this.#options;
    const id = index.findAt(hash, place);
    if (id === 0) return;
    index.remove(id);
    if (!this.#committing.has(key)) this.push({ kind: "deletion", hash });
  }

  /** Waits until all that is queued is written, or given up. */
  async flush(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Writes what is queued; what comes later is given up. */
  async close(): Promise<void> {
    await this.flush();
    this.#isClosed = true;
  }

  /** Removes the oldest volumes until the bytes are within the bound, which may be another one than when they were written. */
  async fit(): Promise<void> {
    const { volumes, maxBytes, volumeBytes } = this.#options;
    while (volumes.bytes > maxBytes && volumes.oldest !== undefined) await this.#remove(volumes.oldest);
    const others = volumes.bytes - (volumes.active?.bytes ?? 0);
    if (others + volumeBytes > maxBytes) volumes.seal();
  }

  #run(): void {
    this.#running ??= this.#writeAll().finally(() => {
      this.#running = undefined;
      if (this.#queue.length > 0 && this.isWritable) this.#run();
    });
  }

  async #writeAll(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const volume = this.#options.volumes.active ?? (await this.#roll());
        const batch = this.#nextBatch(volume);
        if (batch.items.length > 0) await this.#write(volume, batch);
        else if (this.#queue.length > 0) await this.#roll();
      }
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** Items that the volume has room for. Those that are given up leave the queue on the way. */
  #nextBatch(volume: Volume): Batch {
    const { volumeBytes, index, maxEntries } = this.#options;
    const batch: Batch = { parts: [], entries: [], items: [] };
    let size = 0;
    let at = 0;
    for (; at < this.#queue.length && size < BATCH_BYTES && batch.parts.length < MAX_PARTS - 1; at += 1) {
      const item = this.#queue[at]!;
      if (item.kind !== "deletion" && !this.#isWanted(item)) {
        this.#giveUp(item);
        continue;
      }
      const needed = bytesOf(item);
      const journal = (batch.entries.length + 1) * JOURNAL_ENTRY_BYTES;
      if (volume.bytes + size + needed + journal > volumeBytes) break;
      if (item.kind === "record" && index.size + batch.entries.length >= maxEntries) break;
      this.#put(item, volume.sequence, volume.dataBytes + size, batch);
      size += needed;
    }
    this.#queue = at === this.#queue.length ? [] : this.#queue.slice(at);
    return batch;
  }

  #isWanted(item: Exclude<LogItem, { kind: "deletion" }>): boolean {
    const { volumes, index } = this.#options;
    const { draft } = item;
    if (draft.dead) return false;
    const oldest = volumes.oldest?.sequence ?? Number.POSITIVE_INFINITY;
    for (let at = 0; at < draft.slices.length; at += SLICE_WORDS) if (draft.slices[at]! < oldest) return false;
    return item.kind === "slice" || item.replaces === undefined || index.findAt(draft.hash, item.replaces) !== 0;
  }

  /** Gives an item its place in a batch. */
  #put(item: LogItem, volume: number, offset: number, { parts, entries, items }: Batch): void {
    items.push(item);
    if (item.kind === "deletion") {
      entries.push({ hash: item.hash, place: undefined });
      return;
    }
    const { draft } = item;
    if (item.kind === "slice") {
      draft.slices.push(volume, offset, crc32(item.bytes));
      parts.push(item.bytes);
      return;
    }
    const { place, bytes } = layOut(draft, item.last, volume, offset);
    parts.push(...bytes);
    entries.push({ hash: draft.hash, place });
  }

  async #write(volume: Volume, { parts, entries, items }: Batch): Promise<void> {
    const { index, counters } = this.#options;
    try {
      await this.#append(volume, parts, entries);
    } catch (error) {
      this.#queue.unshift(...items);
      throw error;
    }
    let entry = 0;
    for (const item of items) {
      if (item.kind === "slice") item.written(true);
      if (item.kind !== "record") {
        if (item.kind === "deletion") entry += 1;
        continue;
      }
      const { draft, replaces } = item;
      const { place } = entries[entry]!;
      entry += 1;
      // Deleted while it was written: its deletion follows in the journal.
      if (draft.dead) {
        item.written(false);
        continue;
      }
      const replaced = replaces === undefined ? 0 : index.find(draft.hash);
      index.set(draft.hash, place!, replaced === 0 ? 0 : index.hitsOf(replaced));
      this.#committing.delete(draft.key);
      counters.stored += 1;
      item.written(true);
    }
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#options.logger.info({}, "the disk tier writes again");
  }

  #giveUp(item: LogItem): void {
    if (item.kind === "deletion") return;
    const { draft } = item;
    if (!draft.dead) this.#options.counters.abandoned += 1;
    draft.dead = true;
    if (this.#committing.get(draft.key) === draft) this.#committing.delete(draft.key);
    item.written(false);
  }

  async #fail(error: unknown): Promise<void> {
    const { volumes, counters, logger, clock } = this.#options;
    const reason = reasonOf(error);
    counters.writeErrors += 1;
    this.#failure = { reason, until: clock() + WRITE_RETRY_PAUSE };
    const { active } = volumes;
    volumes.seal();
    const items = this.#queue;
    this.#queue = items.filter(({ kind }) => kind === "deletion").slice(-MAX_WAITING_DELETIONS);
    for (const item of items) this.#giveUp(item);
    await active?.trim().catch(() => {});
    if (isDiskFull(error)) this.#full = { bytes: volumes.bytes, until: clock() + FULL_RETRY_PAUSE };
    logger.warn({ err: error }, "the disk tier cannot write: it serves what it has, and tries again later");
  }

  /** Begins a volume, and removes the oldest so that the next can begin while there is one more than there is room for. */
  async #roll(): Promise<Volume> {
    const { volumes, index, volumeBytes, maxEntries, counters } = this.#options;
    const limit = this.#limit();
    volumes.seal();
    while (volumes.bytes + volumeBytes > limit || index.size >= maxEntries || volumes.isSpread) {
      const { oldest } = volumes;
      volumes.cutOff(oldest === undefined ? limit - volumeBytes : limit * LINGERING_SHARE);
      if (oldest === undefined) break;
      await this.#remove(oldest);
    }
    const active = await volumes.begin();
    let room = Math.floor(volumeBytes * REINSERT_SHARE);
    while (volumes.bytes - active.bytes + 2 * volumeBytes > limit) {
      const oldest = volumes.oldest!;
      volumes.cutOff(limit * LINGERING_SHARE);
      if (oldest === active) break;
      const before = counters.bytesWritten;
      await this.#keepHits(oldest, active, room);
      room -= counters.bytesWritten - before;
      await this.#remove(oldest);
    }
    return active;
  }

  #limit(): number {
    const { maxBytes, clock } = this.#options;
    if (this.#full !== undefined && clock() >= this.#full.until) this.#full = undefined;
    return Math.min(maxBytes, this.#full?.bytes ?? maxBytes);
  }

  async #remove(volume: Volume): Promise<void> {
    const { volumes, index, counters } = this.#options;
    const before = index.size;
    await volumes.remove(volume);
    counters.evicted += before - index.size;
  }

  /** Writes again what was asked for, most often first, as far as there is room. */
  async #keepHits(from: Volume, to: Volume, room: number): Promise<void> {
    const { index, counters } = this.#options;
    const wanted = index
      .idsOf(from.sequence)
      .map((id) => ({ hash: index.hashOf(id), place: index.placeOf(id), hits: index.hitsOf(id) }))
      .filter(({ hits }) => hits > 0)
      .sort((a, b) => b.hits - a.hits);
    let left = room;
    for (const { hash, place } of wanted) {
      if (index.findAt(hash, place) === 0) continue;
      const record = await this.#readRecord(place);
      const size = record === undefined ? left : record.bytes + record.length + JOURNAL_ENTRY_BYTES;
      if (record === undefined || size > left) continue;
      left -= size;
      if (await this.#copy(record, hash, place, to)) counters.reinserted += 1;
    }
  }

  async #copy(record: StoredRecord, hash: KeyHash, place: Place, to: Volume): Promise<boolean> {
    const { volumes, index, counters } = this.#options;
    const draft = { ...record, slices: [] as number[] };
    const count = record.slices.length / SLICE_WORDS;
    let last: Uint8Array | undefined;
    for (let slice = 0; slice < count; slice += 1) {
      const [volume, offset, check] = record.slices.slice(slice * SLICE_WORDS);
      const bytes = Buffer.allocUnsafe(sliceLength(record, slice));
      const isRead = await volumes
        .get(volume!)
        ?.read(bytes, offset!)
        .catch(() => false);
      if (!isRead || crc32(bytes) !== check) return false;
      counters.bytesRead += bytes.length;
      if (slice === count - 1) last = bytes;
      else {
        draft.slices.push(to.sequence, to.dataBytes, check);
        await this.#append(to, [bytes], []);
      }
    }
    const copied = layOut(draft, last, to.sequence, to.dataBytes);
    await this.#append(to, copied.bytes, [{ hash, place: copied.place }]);
    // Deleted in the meantime: its deletion follows in the journal.
    if (index.findAt(hash, place) === 0) return false;
    index.set(hash, copied.place);
    return true;
  }

  async #append(to: Volume, parts: Uint8Array[], entries: JournalEntry[]): Promise<void> {
    const before = to.bytes;
    await to.append(parts, entries);
    this.#options.counters.bytesWritten += to.bytes - before;
  }

  async #readRecord({ volume, offset, readBytes }: Place): Promise<(StoredRecord & { bytes: number }) | undefined> {
    const bytes = Buffer.allocUnsafe(readBytes);
    const isRead = await this.#options.volumes
      .get(volume)
      ?.read(bytes, offset)
      .catch(() => false);
    return isRead ? decodeRecord(bytes, volume, offset) : undefined;
  }
}

/** Bytes that an item adds to the log. */
function bytesOf(item: LogItem): number {
  if (item.kind === "deletion") return 0;
  if (item.kind === "slice") return item.bytes.byteLength;
  const { draft, last } = item;
  const slices = draft.slices.length / SLICE_WORDS + (last === undefined ? 0 : 1);
  return recordBytes(Buffer.byteLength(draft.key), draft.head.byteLength, slices) + (last?.byteLength ?? 0);
}

/**
 * An object's end, as it goes to a place in the log. The body of an object of one slice follows its record and is read with it. Of others the
 * last slice goes before the record, so that where a record is there after the power went, all that it names was written before it.
 */
function layOut(
  record: StoredRecord & { readonly slices: number[] },
  last: Uint8Array | undefined,
  volume: number,
  offset: number,
): { place: Place; bytes: Uint8Array[] } {
  const { slices } = record;
  if (last === undefined) {
    const bytes = encodeRecord(record, volume, offset);
    return {
      bytes: [bytes],
      place: { volume, offset, readBytes: bytes.length, whole: false, span: spanOf(slices, volume) },
    };
  }
  if (slices.length > 0) {
    slices.push(volume, offset, crc32(last));
    const at = offset + last.byteLength;
    const bytes = encodeRecord(record, volume, at);
    const place = { volume, offset: at, readBytes: bytes.length, whole: false, span: spanOf(slices, volume) };
    return { bytes: [last, bytes], place };
  }
  const size = recordBytes(Buffer.byteLength(record.key), record.head.byteLength, 1);
  slices.push(volume, offset + size, crc32(last));
  const place = { volume, offset, readBytes: size + last.byteLength, whole: true, span: 0 };
  return { bytes: [encodeRecord(record, volume, offset), last], place };
}

/** How many volumes back the oldest slice lies. */
function spanOf(slices: readonly number[], volume: number): number {
  let oldest = volume;
  for (let at = 0; at < slices.length; at += SLICE_WORDS) oldest = Math.min(oldest, slices[at]!);
  return volume - oldest;
}
