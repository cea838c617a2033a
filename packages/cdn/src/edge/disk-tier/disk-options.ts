/** Options of a disk tier, checked and completed. */

import { CdnError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import {
  callable,
  having,
  logger as loggerRule,
  number,
  type Rules,
  required,
  text,
} from "../../options/check-options.ts";
import { MAX_VOLUMES } from "./disk-index.ts";
import { type DiskFiles, systemFiles } from "./files.ts";

/** Bytes of a volume, where the tier is large enough to have 32 of them. */
export const DEFAULT_VOLUME_BYTES = 256 * 1024 * 1024;
/** Bytes that are read, checked and sent at a time. */
export const DEFAULT_SLICE_BYTES = 128 * 1024;
/** Bytes that may wait to be written. */
export const DEFAULT_BACKLOG_BYTES = 64 * 1024 * 1024;
/** Bytes of slices that are being read or sent: 2,000 clients at a time that are slower than the disk. */
export const DEFAULT_READ_BYTES = 256 * 1024 * 1024;
/** Objects, at most: about 40 bytes of memory each. */
export const DEFAULT_MAX_DISK_ENTRIES = 4 * 1024 * 1024;
/** An object may take this share of the tier's bytes. */
export const MAX_OBJECT_SHARE = 1 / 4;
/** A tier has at least so many volumes. */
const MIN_VOLUMES = 8;
/** A small tier has volumes of this share of its bytes: one to two of them are empty at any time. */
const PREFERRED_VOLUMES = 32;
/** Offsets have 32 bits. */
const MAX_VOLUME_BYTES = 2 ** 32 - 1;
/** A slice is read whole for a single byte of it. */
const MAX_SLICE_BYTES = 4 * 1024 * 1024;
/** Slices and records take at most this share of a volume, so that little of it stays empty at its end. */
const VOLUME_PARTS = 4;

/** How a disk tier is made. */
export interface DiskTierOptions {
  /** A folder of its own, made where it is missing. Files of other names in it are left alone. */
  readonly path: string;
  /** Bytes that its files may have together. At most 4 TiB. */
  readonly maxBytes: number;
  /** Bytes of a volume, which is what leaves at a time. Default: 256 MiB, or less in a small tier and more above 256 GiB. */
  readonly volumeBytes?: number;
  /** Bytes that are checked, read and sent at a time. Default: 128 KiB. */
  readonly sliceBytes?: number;
  /** Bytes in memory that may wait to be written; what comes on top is not stored. Default: 64 MiB. */
  readonly backlogBytes?: number;
  /** Bytes in memory of slices being read and sent; who comes on top waits. Default: 256 MiB. */
  readonly readBytes?: number;
  /** Objects, at most. Default: 4 Mi, which take some 160 MB of memory. */
  readonly maxEntries?: number;
  /** Milliseconds, steady. Default: `performance.now`. */
  readonly clock?: () => number;
  readonly logger?: Logger;
  /** The file system. Default: this machine's. */
  readonly files?: DiskFiles;
}

/** What they must be. */
export const DISK_RULES: Rules<DiskTierOptions> = {
  path: required(text),
  maxBytes: required(number),
  volumeBytes: number,
  sliceBytes: number,
  backlogBytes: number,
  readBytes: number,
  maxEntries: number,
  clock: callable,
  logger: loggerRule,
  files: having("open", "list"),
};

/** Options with nothing left open. */
export type DiskTierSettings = Required<DiskTierOptions>;

/** @throws {CdnError} `INVALID_OPTION` */
export function checkDiskOptions(options: DiskTierOptions): DiskTierSettings {
  const { path, maxBytes } = options;
  if (path === "") throw invalid("path must name a folder");
  checkBytes("maxBytes", maxBytes, 1, MAX_VOLUME_BYTES * MAX_VOLUMES);
  const volumeBytes = options.volumeBytes ?? defaultVolumeBytes(maxBytes);
  checkBytes("volumeBytes", volumeBytes, 1, Math.min(MAX_VOLUME_BYTES, Math.floor(maxBytes / MIN_VOLUMES)));
  if (maxBytes / volumeBytes > MAX_VOLUMES) throw invalid(`volumeBytes must be at least maxBytes / ${MAX_VOLUMES}`);
  const mostSlice = Math.min(MAX_SLICE_BYTES, Math.floor(volumeBytes / VOLUME_PARTS));
  const sliceBytes = options.sliceBytes ?? Math.min(DEFAULT_SLICE_BYTES, mostSlice);
  checkBytes("sliceBytes", sliceBytes, 1, mostSlice);
  const { backlogBytes = DEFAULT_BACKLOG_BYTES, readBytes = DEFAULT_READ_BYTES } = options;
  checkBytes("backlogBytes", backlogBytes, 1, Number.MAX_SAFE_INTEGER);
  checkBytes("readBytes", readBytes, 1, Number.MAX_SAFE_INTEGER);
  const maxEntries = options.maxEntries ?? DEFAULT_MAX_DISK_ENTRIES;
  checkBytes("maxEntries", maxEntries, 1, 2 ** 31);
  return {
    path,
    maxBytes,
    volumeBytes,
    sliceBytes,
    backlogBytes,
    readBytes,
    maxEntries,
    clock: options.clock ?? (() => performance.now()),
    logger: options.logger ?? silentLogger,
    files: options.files ?? systemFiles,
  };
}

/** Bytes that a record without its body may have. */
export function maxRecordBytes(volumeBytes: number): number {
  return Math.floor(volumeBytes / VOLUME_PARTS);
}

function defaultVolumeBytes(maxBytes: number): number {
  const few = Math.ceil(maxBytes / MAX_VOLUMES);
  return Math.max(few, Math.min(DEFAULT_VOLUME_BYTES, Math.max(1, Math.floor(maxBytes / PREFERRED_VOLUMES))));
}

function checkBytes(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw invalid(`${name} must be a whole number from ${least} to ${most}, not ${value}`);
}

function invalid(message: string): CdnError {
  return new CdnError("INVALID_OPTION", `the disk tier's ${message}`);
}
