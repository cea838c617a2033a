/** All volumes of a folder: opened at the start, begun at the end of the log, removed at its beginning; and the bytes of all of them. */

import { join } from "node:path";
import type { Logger } from "../../logger.ts";
import { type DiskIndex, MAX_VOLUMES, type Place } from "./disk-index.ts";
import type { DiskFiles, OpenFile } from "./files.ts";
import { JOURNAL_ENTRY_BYTES, replayJournal } from "./journal.ts";
import { parseVolumeName, Volume, volumePath } from "./volume.ts";

/** Volumes that left while they were read may take this share of the bytes; beyond it the reading of the oldest is broken off. */
export const LINGERING_SHARE = 1 / 8;

/** What {@link VolumeSet} needs. */
export interface VolumeSetOptions {
  readonly folder: string;
  readonly files: DiskFiles;
  readonly index: DiskIndex;
  readonly logger: Logger;
}

export class VolumeSet {
  readonly #options: VolumeSetOptions;
  /** Oldest first. */
  readonly #volumes = new Map<number, Volume>();
  /** Removed, and still read. */
  readonly #lingering = new Set<Volume>();
  #active: Volume | undefined;
  #next = 1;
  /** The volume that was opened last has lost something. */
  #isTorn = false;

  constructor(options: VolumeSetOptions) {
    this.#options = options;
  }

  /** The volume that is being written. */
  get active(): Volume | undefined {
    return this.#active;
  }

  get count(): number {
    return this.#volumes.size;
  }

  /** Bytes of all files, of those that are removed and still read as well. */
  get bytes(): number {
    let bytes = this.lingeringBytes;
    for (const volume of this.#volumes.values()) bytes += volume.bytes;
    return bytes;
  }

  get lingeringBytes(): number {
    let bytes = 0;
    for (const volume of this.#lingering) bytes += volume.bytes;
    return bytes;
  }

  get(sequence: number): Volume | undefined {
    return this.#volumes.get(sequence);
  }

  /** Counts a reader on every volume that holds some of an object. @returns those volumes; undefined where the record's is gone. */
  use({ volume, span }: Place): Volume[] | undefined {
    if (!this.#volumes.has(volume)) return undefined;
    const used: Volume[] = [];
    for (let sequence = volume - span; sequence <= volume; sequence += 1) {
      const each = this.#volumes.get(sequence);
      if (each === undefined) continue;
      each.use();
      used.push(each);
    }
    return used;
  }

  /** The oldest volume. */
  get oldest(): Volume | undefined {
    return this.#volumes.values().next().value;
  }

  /** Too many sequence numbers apart for the index to have one more. */
  get isSpread(): boolean {
    const { oldest } = this;
    return oldest !== undefined && this.#next - oldest.sequence >= MAX_VOLUMES;
  }

  /**
   * Opens what is in the folder and fills the index from the journals; contents are not read. A volume without its journal, or the other
   * way round, is removed. Writing goes on at the end of the last one.
   */
  async load(): Promise<void> {
    const { folder, files, logger } = this.#options;
    const found = new Map<number, Set<string>>();
    for (const name of await files.list(folder)) {
      const parsed = parseVolumeName(name);
      if (parsed === undefined) continue;
      const kinds = found.get(parsed.sequence) ?? new Set();
      found.set(parsed.sequence, kinds.add(parsed.kind));
    }
    const sequences = [...found.keys()].toSorted((a, b) => a - b);
    const last = sequences.at(-1);
    for (const sequence of sequences) {
      const tooOld = last! - sequence >= MAX_VOLUMES - 1;
      const volume = found.get(sequence)!.size === 2 && !tooOld ? await this.#open(sequence) : undefined;
      if (volume !== undefined) this.#volumes.set(sequence, volume);
      else {
        logger.warn({ sequence }, "dropped a volume of the disk tier of which a file is missing or cannot be read");
        await this.#removeFiles(sequence);
      }
    }
    if (last !== undefined) {
      this.#next = last + 1;
      // What it lost must not come back as something else that is written to its place.
      this.#active = this.#isTorn ? undefined : this.#volumes.get(last);
    }
  }

  /** Removes the files of the first volumes in the folder, whatever is in them. */
  async removeFirst(count: number): Promise<void> {
    const { folder, files } = this.#options;
    const names = (await files.list(folder)).filter((name) => parseVolumeName(name) !== undefined).toSorted();
    // Names begin with the sequence number, and each volume has two.
    for (const name of names.slice(0, count * 2)) await files.remove(join(folder, name));
  }

  /** Writes no more to the active volume. */
  seal(): void {
    this.#active = undefined;
  }

  /** Begins a volume to write to. @throws the system's error. */
  async begin(): Promise<Volume> {
    const { folder, files } = this.#options;
    const sequence = this.#next;
    this.#next += 1;
    const data = await files.open(volumePath(folder, sequence, "volume"), "create");
    let journal: OpenFile;
    try {
      journal = await files.open(volumePath(folder, sequence, "journal"), "create");
    } catch (error) {
      await data.close().catch(() => {});
      throw error;
    }
    const volume = new Volume({ folder, files, sequence, data, journal, dataBytes: 0, journalBytes: 0 });
    this.#volumes.set(sequence, volume);
    this.#active = volume;
    return volume;
  }

  /** Removes a volume and what the index has in it. Its readers go on, and its bytes count until they are done. */
  async remove(volume: Volume): Promise<void> {
    const { index, logger } = this.#options;
    for (const id of index.idsOf(volume.sequence)) index.remove(id);
    this.#volumes.delete(volume.sequence);
    if (this.#active === volume) this.#active = undefined;
    try {
      await volume.unlink();
    } catch (error) {
      logger.warn({ err: error, sequence: volume.sequence }, "a volume of the disk tier cannot be removed");
    }
    if (!volume.inUse) {
      volume.close();
      return;
    }
    this.#lingering.add(volume);
    volume.whenUnused(() => {
      this.#lingering.delete(volume);
      volume.close();
    });
  }

  /** Breaks off the reading of removed volumes, oldest first, until they take at most so many bytes. */
  cutOff(maxBytes: number): void {
    for (const volume of this.#lingering) {
      if (this.lingeringBytes <= maxBytes) return;
      this.#lingering.delete(volume);
      volume.close();
    }
  }

  /** Ends all reading and writing. The files stay. */
  close(): void {
    this.#active = undefined;
    for (const volume of this.#volumes.values()) volume.close();
    this.#volumes.clear();
    this.cutOff(-1);
  }

  async #open(sequence: number): Promise<Volume | undefined> {
    const { folder, files, index, logger } = this.#options;
    let data: OpenFile | undefined;
    try {
      data = await files.open(volumePath(folder, sequence, "volume"), "write");
      const dataBytes = await data.size();
      const bytes = await files.readAll(volumePath(folder, sequence, "journal"));
      const journal = await files.open(volumePath(folder, sequence, "journal"), "write");
      const oldest = this.oldest?.sequence ?? sequence;
      let lost = 0;
      const bad = replayJournal(aligned(bytes), sequence, ({ hash, place }) => {
        const before = index.find(hash);
        if (before !== 0) index.remove(before);
        if (place === undefined) return;
        // Data that did not reach the disk before the power went, or that went with an older volume.
        if (place.offset + place.readBytes > dataBytes || sequence - place.span < oldest) lost += 1;
        else index.set(hash, place);
      });
      if (bad > 0 || lost > 0) {
        logger.warn(
          { sequence, bad, lost },
          "objects of the disk tier were lost: entries of a journal are damaged, or their data",
        );
      }
      this.#isTorn = bad > 0 || lost > 0;
      const journalBytes = Math.floor(bytes.length / JOURNAL_ENTRY_BYTES) * JOURNAL_ENTRY_BYTES;
      return new Volume({ folder, files, sequence, data, journal, dataBytes, journalBytes });
    } catch (error) {
      await data?.close().catch(() => {});
      logger.warn({ err: error, sequence }, "a volume of the disk tier cannot be opened");
      return undefined;
    }
  }

  async #removeFiles(sequence: number): Promise<void> {
    const { folder, files, logger } = this.#options;
    for (const kind of ["journal", "volume"] as const) {
      await files.remove(volumePath(folder, sequence, kind)).catch((error: unknown) => {
        logger.warn({ err: error, sequence }, "a file of the disk tier cannot be removed");
      });
    }
  }
}

/** node:fs may hand out a view that begins anywhere in a larger buffer. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
}
