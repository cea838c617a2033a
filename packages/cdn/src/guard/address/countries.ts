/** In which country an address is, by a MaxMind database file. */

import { type StatWatcher, unwatchFile, watchFile } from "node:fs";
import type { CountryResponse, Reader } from "maxmind";
import { CdnError } from "../../errors.ts";
import { type Logger, silentLogger } from "../../logger.ts";
import { atLeast0, checkOptions, logger as loggerRule, required, text } from "../../options/check-options.ts";
import { type ClientAddress, formatAddress } from "./client-address.ts";

/** Milliseconds between two looks at the file. */
const DATABASE_POLL_INTERVAL = 5000;
/** Records that are kept decoded. */
const CACHED_RECORDS = 10_000;

/** Options of {@link openCountries}. */
export interface CountriesOptions {
  /** A file in MaxMind DB format that has countries: GeoLite2-Country, GeoIP2-City, … */
  readonly file: string;
  /** Milliseconds between two looks at whether the file has changed; it is then read anew. 0: never. Default 5,000. */
  readonly pollInterval?: number;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** A country database. */
export interface Countries extends AsyncDisposable {
  /** ISO 3166-1 code, such as `DE`; undefined where the database does not know. */
  of(address: ClientAddress): string | undefined;
  /** Counts the files read. What was looked up before is to be forgotten when it changes. */
  readonly edition: number;
  /** Stops watching. Idempotent. */
  close(): Promise<void>;
}

/**
 * Opens a country database. A file that is replaced is read anew; while the new one cannot be read, the old one stays.
 *
 * @throws {CdnError} `DATABASE_FAILED`.
 */
export async function openCountries(options: CountriesOptions): Promise<Countries> {
  checkOptions("openCountries", options, {
    file: required(text),
    pollInterval: atLeast0("milliseconds"),
    logger: loggerRule,
  });
  const { file, pollInterval = DATABASE_POLL_INTERVAL, logger = silentLogger } = options;
  let reader = await read(file);
  let edition = 1;
  let closed = false;
  const reload = async (): Promise<void> => {
    try {
      const fresh = await read(file);
      if (closed) return;
      reader = fresh;
      edition += 1;
    } catch (error) {
      logger.warn({ err: error }, "a new country database cannot be read; the old one stays");
    }
  };
  const onChange = (): void => void reload();
  let watcher: StatWatcher | undefined;
  if (pollInterval > 0) watcher = watchFile(file, { persistent: false, interval: pollInterval }, onChange);

  const close = async (): Promise<void> => {
    closed = true;
    if (watcher !== undefined) unwatchFile(file, onChange);
  };
  return {
    of(address) {
      const record = reader.get(formatAddress(address));
      return record?.country?.iso_code ?? record?.registered_country?.iso_code;
    },
    get edition() {
      return edition;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** The library is loaded when somebody needs it. */
async function read(file: string): Promise<Reader<CountryResponse>> {
  try {
    const { open } = await import("maxmind");
    return await open<CountryResponse>(file, { cache: { max: CACHED_RECORDS } });
  } catch (cause) {
    throw new CdnError("DATABASE_FAILED", `${file} is no country database that can be read`, { cause });
  }
}
