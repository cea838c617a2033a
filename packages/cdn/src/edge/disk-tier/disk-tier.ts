/**
 * The disk tier of an edge's cache: objects in a log of checksummed slices, found by an index in memory.
 *
 * ```
 * create ─► writer ─► log ─► volumes ◄─ entry ◄─ open
 *                      └──► index (memory) ◄───────┘
 *                            ▲ journals, at the start
 * ```
 */

import { randomBytes } from "node:crypto";
import { endianness } from "node:os";
import { join, resolve } from "node:path";
import { crc32 } from "node:zlib";
import { CdnError } from "../../errors.ts";
import { checkOptions } from "../../options/check-options.ts";
import { Backlog } from "./backlog.ts";
import { type DiskEntry, StoredObject } from "./disk-entry.ts";
import { DiskIndex, type Place } from "./disk-index.ts";
import { DiskLog } from "./disk-log.ts";
import {
  checkDiskOptions,
  DISK_RULES,
  type DiskTierOptions,
  type DiskTierSettings,
  MAX_OBJECT_SHARE,
  maxRecordBytes,
} from "./disk-options.ts";
import { createDiskCounters, type DiskStats } from "./disk-stats.ts";
import { type DiskWriter, SlicingWriter } from "./disk-writer.ts";
import { isDiskFull, reasonOf } from "./files.ts";
import { lockFolder } from "./folder-lock.ts";
import { createKeyHash, type KeyHash } from "./key-hash.ts";
import { ReadBuffers } from "./read-buffers.ts";
import { decodeRecord, recordBytes, SLICE_WORDS, sliceCount } from "./record.ts";
import { VolumeSet } from "./volume-set.ts";

/** Objects up to this size, head included, are read into memory of their own: above it, new memory costs several times the reading. */
const SMALL_READ_BYTES = 68 * 1024;
/** A buffer has room for a slice and the head before it. */
const HEAD_ROOM = 4 * 1024;
/**
 * A body up to this size is written again with a new head, so that it is still read in one go. Of a larger one the new record says where its only
 * slice lies.
 */
const REWRITTEN_BODY_BYTES = 4 * 1024;
/** Counts up when the files change their form: what an older release wrote is dropped then. */
const FORMAT = 1;
const FORMAT_FILE = "format.json";

/** Objects on disk, bounded in bytes and in number. A cache: what it holds may leave at any time, and is whole as long as it is there. */
export interface DiskTier extends AsyncDisposable {
  /** Whether an object is there, as far as the index says; opening it may still find it damaged. */
  has(key: string): boolean;
  /** Whether an object is there whose body does not come with its head in one read. */
  isSliced(key: string): boolean;
  /** Opens an object and counts a hit. Undefined where it is not there, or cannot be read. Never rejects. */
  open(key: string): Promise<DiskEntry | undefined>;
  /** Counts hits of an object that was answered from somewhere else, so that it is kept when its volume leaves. Default: one. */
  touch(key: string, hits?: number): void;
  /**
   * Begins to write an object, which takes the place of the one with the same key once it is committed. A writer holds memory until it is
   * committed or aborted.
   *
   * @param head - the caller's description of the object; not to be changed afterwards.
   * @param length - bytes of the body, where known; a body of another length is not stored.
   * @returns undefined where it will not be stored: writing fails at present, too much waits to be written, or it is too large.
   */
  create(key: string, head: Uint8Array, length: number | undefined): DiskWriter | undefined;
  /** Gives an object another head; its body is not written again, but for one of a few KiB. False where it is not there, or was replaced or deleted meanwhile. */
  replaceHead(key: string, head: Uint8Array): Promise<boolean>;
  /** Deletes an object, and one that is committed and not yet written. A writer that is not committed goes on. False where there is none. */
  delete(key: string): boolean;
  /** Bytes of all its files. */
  readonly bytes: number;
  readonly entries: number;
  /** Bytes of memory that the index takes. */
  readonly indexBytes: number;
  /** Bytes that wait to be written. */
  readonly waitingBytes: number;
  /** Bytes of the pool that are being read or sent. */
  readonly lentBytes: number;
  /** Half the pool is with clients: what is left is for reads that nobody can hold up. */
  readonly isCrowded: boolean;
  /** Why nothing is written at present, as the system names it (`ENOSPC`); undefined while writing works. Reading goes on. */
  readonly failed: string | undefined;
  readonly stats: DiskStats;
  /** Waits until what is committed is written. */
  flush(): Promise<void>;
  /** Writes what is committed, and gives the folder back. What is being read breaks off. */
  close(): Promise<void>;
}

/**
 * Opens a disk tier, and reads its journals: a second or two for a million objects.
 *
 * @throws {CdnError} `INVALID_OPTION`, `DISK_IN_USE`, or `DISK_FAILED` where the folder cannot be read or written at all.
 */
export async function createDiskTier(options: DiskTierOptions): Promise<DiskTier> {
  checkOptions("createDiskTier", options, DISK_RULES);
  const settings = checkDiskOptions({ ...options, path: resolve(options.path) });
  const { path, files, logger } = settings;
  let unlock: (() => Promise<void>) | undefined;
  try {
    await files.makeFolder(path);
    const index = new DiskIndex();
    const volumes = new VolumeSet({ folder: path, files, index, logger });
    unlock = await lockFolder(path, files).catch(async (error: unknown) => {
      if (!isDiskFull(error)) throw error;
      // No room for a lock: so nobody has one, and what fills the disk may well be the volumes.
      await volumes.removeFirst(1);
      return await lockFolder(path, files);
    });
    const secret = await openFormat(settings, volumes);
    await volumes.load();
    const tier = new LogTier(settings, createKeyHash(secret), index, volumes, unlock);
    await tier.fit();
    return tier;
  } catch (cause) {
    await unlock?.().catch(() => {});
    if (cause instanceof CdnError) throw cause;
    throw new CdnError("DISK_FAILED", `${path} cannot be used as a disk tier: ${reasonOf(cause)}`, { cause });
  }
}

/** The secret of the folder's key hash. What another format has left is removed. */
async function openFormat({ path, files, logger }: DiskTierSettings, volumes: VolumeSet): Promise<string> {
  const file = join(path, FORMAT_FILE);
  const written = await files.readAll(file).then(
    (bytes) => parseFormat(bytes.toString()),
    () => undefined,
  );
  if (written !== undefined) return written;
  logger.info({ path }, "the disk tier starts empty");
  await volumes.removeFirst(Number.POSITIVE_INFINITY);
  const secret = randomBytes(16).toString("hex");
  await files.writeAll(file, JSON.stringify({ format: FORMAT, byteOrder: endianness(), secret }), "replace");
  return secret;
}

function parseFormat(text: string): string | undefined {
  try {
    const { format, byteOrder, secret } = JSON.parse(text);
    return format === FORMAT && byteOrder === endianness() && typeof secret === "string" ? secret : undefined;
  } catch {
    return undefined;
  }
}

class LogTier implements DiskTier {
  readonly stats: DiskStats;
  readonly #settings: DiskTierSettings;
  readonly #hashOf: (key: string) => KeyHash;
  readonly #index: DiskIndex;
  readonly #volumes: VolumeSet;
  readonly #unlock: () => Promise<void>;
  readonly #counters = createDiskCounters();
  readonly #buffers: ReadBuffers;
  readonly #backlog: Backlog;
  readonly #log: DiskLog;
  #closing: Promise<void> | undefined;

  constructor(
    settings: DiskTierSettings,
    hashOf: (key: string) => KeyHash,
    index: DiskIndex,
    volumes: VolumeSet,
    unlock: () => Promise<void>,
  ) {
    const { sliceBytes, readBytes, backlogBytes, maxBytes, volumeBytes, maxEntries, clock, logger } = settings;
    this.#settings = settings;
    this.#hashOf = hashOf;
    this.#index = index;
    this.#volumes = volumes;
    this.#unlock = unlock;
    this.stats = this.#counters;
    this.#buffers = new ReadBuffers(sliceBytes + HEAD_ROOM, readBytes);
    this.#backlog = new Backlog(backlogBytes);
    this.#log = new DiskLog({
      volumes,
      index,
      buffers: this.#buffers,
      counters: this.#counters,
      maxBytes,
      volumeBytes,
      maxEntries,
      clock,
      logger,
    });
  }

  get bytes(): number {
    return this.#volumes.bytes;
  }
  get entries(): number {
    return this.#index.size;
  }
  get indexBytes(): number {
    return this.#index.bytes;
  }
  get waitingBytes(): number {
    return this.#backlog.bytes;
  }
  get lentBytes(): number {
    return this.#buffers.lentBytes;
  }
  get isCrowded(): boolean {
    return this.#buffers.isCrowded;
  }
  get failed(): string | undefined {
    return this.#log.failed;
  }

  fit(): Promise<void> {
    return this.#log.fit();
  }

  has(key: string): boolean {
    return this.#closing === undefined && this.#index.find(this.#hashOf(key)) !== 0;
  }

  isSliced(key: string): boolean {
    const id = this.#closing === undefined ? this.#index.find(this.#hashOf(key)) : 0;
    return id !== 0 && !this.#index.placeOf(id).whole;
  }

  touch(key: string, hits = 1): void {
    const id = this.#index.find(this.#hashOf(key));
    if (id !== 0) this.#index.hit(id, hits);
  }

  async open(key: string): Promise<DiskEntry | undefined> {
    const hash = this.#hashOf(key);
    const id = this.#index.find(hash);
    const place = id === 0 ? undefined : this.#index.placeOf(id);
    const found = place === undefined ? undefined : await this.#read(key, hash, place, this.#index.hit(id));
    if (found === undefined) this.#counters.misses += 1;
    else this.#counters.hits += 1;
    return found;
  }

  create(key: string, head: Uint8Array, length: number | undefined): DiskWriter | undefined {
    if (this.#closing !== undefined) return undefined;
    if (!this.#log.isWritable) {
      this.#counters.refusedFailed += 1;
      return undefined;
    }
    if (!this.#backlog.hasRoom) {
      this.#counters.refusedBusy += 1;
      return undefined;
    }
    const { sliceBytes, maxBytes, volumeBytes } = this.#settings;
    const maxLength = Math.floor(maxBytes * MAX_OBJECT_SHARE);
    const most = maxRecordBytes(volumeBytes);
    const slices = sliceCount(length ?? 0, sliceBytes);
    if ((length ?? 0) > maxLength || recordBytes(Buffer.byteLength(key), head.byteLength, slices) > most) {
      this.#counters.refusedTooLarge += 1;
      return undefined;
    }
    return this.#write(key, head, length, undefined);
  }

  async replaceHead(key: string, head: Uint8Array): Promise<boolean> {
    const hash = this.#hashOf(key);
    const id = this.#index.find(hash);
    if (id === 0 || this.#closing !== undefined || !this.#log.isWritable || !this.#backlog.hasRoom) return false;
    const place = this.#index.placeOf(id);
    const found = await this.#read(key, hash, place, 0);
    if (found === undefined) return false;
    const { record, length } = found;
    const count = record.slices.length / SLICE_WORDS;
    if (recordBytes(Buffer.byteLength(key), head.byteLength, count) > maxRecordBytes(this.#settings.volumeBytes)) {
      found.close();
      return false;
    }
    if (count <= 1 && length <= REWRITTEN_BODY_BYTES) {
      const body = await found.bytes();
      const writer = this.#write(key, head, length, place);
      if (body !== undefined && writer.append(body)) return await writer.commit();
      writer.abort();
      return false;
    }
    found.close();
    const { sliceBytes } = record;
    const draft = { key, hash, head, sliceBytes, slices: [...record.slices], length, dead: false };
    return await new Promise((written) => {
      this.#log.push({ kind: "record", draft, last: undefined, replaces: place, written });
    });
  }

  delete(key: string): boolean {
    return this.#closing === undefined && this.#log.delete(key, this.#hashOf(key));
  }

  flush(): Promise<void> {
    return this.#log.flush();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    await this.#log.close();
    this.#volumes.close();
    await this.#unlock().catch((error: unknown) => {
      this.#settings.logger.warn({ err: error }, "the disk tier's lock cannot be removed");
    });
  }

  #write(key: string, head: Uint8Array, length: number | undefined, replaces: Place | undefined): DiskWriter {
    const { sliceBytes, maxBytes, volumeBytes } = this.#settings;
    return new SlicingWriter({
      draft: { key, hash: this.#hashOf(key), head, sliceBytes, slices: [], length: 0, dead: false },
      length,
      maxLength: Math.floor(maxBytes * MAX_OBJECT_SHARE),
      maxRecordBytes: maxRecordBytes(volumeBytes),
      replaces,
      log: this.#log,
      backlog: this.#backlog,
      buffers: this.#buffers,
      counters: this.#counters,
    });
  }

  /** Reads a record, and its body where that comes with it; drops what is damaged. */
  async #read(key: string, hash: KeyHash, place: Place, hits: number): Promise<StoredObject | undefined> {
    const volumes = this.#volumes.use(place);
    if (volumes === undefined) return undefined;
    const { readBytes, whole, volume, offset } = place;
    const isPooled = whole && readBytes > SMALL_READ_BYTES && readBytes <= this.#buffers.size;
    const buffer = isPooled ? await this.#buffers.take() : undefined;
    const giveUp = (): undefined => {
      if (buffer !== undefined) this.#buffers.give(buffer);
      for (const each of volumes) each.unuse();
      return undefined;
    };
    const bytes = (buffer ?? Buffer.allocUnsafeSlow(readBytes)).subarray(0, readBytes);
    const onDamage = (error: unknown): void => this.#drop(key, hash, place, error);
    try {
      const own = volumes.at(-1)!;
      if (!(await own.read(bytes, offset))) {
        onDamage(undefined);
        return giveUp();
      }
    } catch (error) {
      onDamage(error);
      return giveUp();
    }
    this.#counters.bytesRead += readBytes;
    const record = decodeRecord(bytes, volume, offset);
    if (record !== undefined && record.key !== key) {
      // Two keys with one hash, which happens once in 2^64.
      this.#log.drop(key, hash, place);
      return giveUp();
    }
    const body = whole && record !== undefined ? bytes.subarray(record.bytes) : undefined;
    if (record === undefined || (body !== undefined && !isBody(record, body))) {
      onDamage(undefined);
      return giveUp();
    }
    return new StoredObject({
      record,
      hits,
      buffers: this.#buffers,
      volumes,
      body: body === undefined ? undefined : { chunk: body, buffer },
      isSmall: record.length === 0 || (body !== undefined && buffer === undefined),
      onRead: (count) => {
        this.#counters.bytesRead += count;
      },
      onDamage,
    });
  }

  #drop(key: string, hash: KeyHash, place: Place, error: unknown): void {
    // Gone already, or its volume left while it was read: nothing is wrong with it.
    if (this.#closing !== undefined || this.#index.findAt(hash, place) === 0) return;
    this.#counters[error === undefined ? "corrupt" : "readErrors"] += 1;
    this.#settings.logger.warn({ err: error, key }, "an object on disk is damaged or cannot be read: dropped it");
    this.#log.drop(key, hash, place);
  }
}

function isBody({ length, slices }: { length: number; slices: readonly number[] }, body: Buffer): boolean {
  return body.length === length && crc32(body) === (slices[2] ?? 0);
}
