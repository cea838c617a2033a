/** Upstreams that can be exchanged while requests are under way. */

import { readFile } from "node:fs/promises";
import { createSecureContext } from "node:tls";
import { isDeepStrictEqual } from "node:util";
import type { UpstreamTls } from "../edge/upstream/http-upstream.ts";
import type { UpstreamStats } from "../edge/upstream/member.ts";
import type { Upstream, UpstreamRequest, UpstreamResponse } from "../edge/upstream/upstream.ts";
import type { UpstreamOptions } from "../edge/upstream/upstream-options.ts";
import { createUpstreams, type Upstreams } from "../edge/upstream/upstreams.ts";
import type { Logger } from "../logger.ts";
import type { CheckedConfig, CheckedUpstream } from "./config/schema.ts";
import { inPlace, messageOf, ProgramError } from "./program-error.ts";

/** Milliseconds between two looks at whether upstreams that were replaced have answered all that they were asked. */
const RETIRE_INTERVAL = 500;

/** A part of a new config that has been made. One of the two is called, once. */
export interface Prepared {
  /** Puts it into use, at once. */
  use(): void;
  /** Something else of the config failed. */
  discard(): Promise<void>;
}

const NOTHING: Prepared = { use() {}, async discard() {} };

/** What of a config upstreams are made from. */
const SECTIONS = ["name", "upstreams", "balance", "retry", "hedge", "circuit", "timeouts"] as const;

/**
 * Makes upstreams from a config.
 *
 * @throws {ProgramError} that a file cannot be read; {@link CdnError} `INVALID_OPTION`.
 */
export async function makeUpstreams(config: CheckedConfig, logger: Logger): Promise<Upstreams> {
  const { name, balance, hedge, timeouts } = config;
  const retry = defined(config.retry);
  const circuit = defined(config.circuit);
  return createUpstreams({
    name,
    upstreams: await Promise.all(
      config.upstreams.map((upstream, index) => inPlace(`upstreams[${index}]`, () => optionsOf(upstream))),
    ),
    logger,
    probe: true,
    ...(balance !== undefined && { balance }),
    ...(retry !== undefined && { retry }),
    ...(hedge !== undefined && { hedge: hedge === false ? false : defined(hedge) }),
    ...(circuit !== undefined && { circuit }),
    ...(timeouts !== undefined && { timeouts: defined(timeouts) }),
  });
}

async function optionsOf({ tls, health, timeouts, ...rest }: CheckedUpstream): Promise<UpstreamOptions> {
  return {
    ...rest,
    ...(timeouts !== undefined && { timeouts: defined(timeouts) }),
    ...(tls !== undefined && { tls: await tlsOf(tls) }),
    ...(health !== undefined && { health: healthOf(health) }),
  };
}

function healthOf({ interval, timeout, ...rest }: NonNullable<CheckedUpstream["health"]>): UpstreamOptions["health"] {
  return {
    ...rest,
    ...(interval !== undefined && { intervalMs: interval }),
    ...(timeout !== undefined && { timeoutMs: timeout }),
  };
}

async function tlsOf({ ca, cert, key, ...rest }: NonNullable<CheckedUpstream["tls"]>): Promise<UpstreamTls> {
  const read = {
    ...(ca !== undefined && { ca: await Promise.all([ca].flat().map(readPem)) }),
    ...(cert !== undefined && { cert: await readPem(cert) }),
    ...(key !== undefined && { key: await readPem(key) }),
  };
  try {
    createSecureContext(read);
  } catch (cause) {
    const files = [ca ?? [], cert ?? [], key ?? []].flat().join(", ");
    throw new ProgramError(`tls: ${files}: no certificates, or no key of them: ${messageOf(cause)}`, { cause });
  }
  return { ...rest, ...read };
}

/** @throws {ProgramError} that it cannot be read, or is something else. */
export async function readPem(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((cause: unknown) => {
    throw new ProgramError(`${file} cannot be read: ${messageOf(cause)}`, { cause });
  });
  if (!text.includes("-----BEGIN ")) throw new ProgramError(`${file} is no PEM: no line of it has -----BEGIN`);
  return text;
}

/** Without fields that are there and undefined, which would take the place of defaults. */
function defined<T extends object>(fields: T): T;
function defined<T extends object>(fields: T | undefined): T | undefined;
function defined<T extends object>(fields: T | undefined): T | undefined {
  return fields && (Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T);
}

/**
 * Goes to one set of upstreams, until it is given another. Answers that are under way come from the one that was asked; it is closed when all
 * of them have ended.
 */
export class LiveUpstreams implements Upstream {
  readonly name = "upstreams";
  readonly #logger: Logger;
  #config: CheckedConfig;
  #current: Upstreams;
  readonly #retired = new Map<Upstreams, NodeJS.Timeout>();

  private constructor(config: CheckedConfig, current: Upstreams, logger: Logger) {
    this.#config = config;
    this.#current = current;
    this.#logger = logger;
  }

  static async create(config: CheckedConfig, logger: Logger): Promise<LiveUpstreams> {
    return new LiveUpstreams(config, await makeUpstreams(config, logger), logger);
  }

  get stats(): readonly UpstreamStats[] {
    return this.#current.stats;
  }

  send(request: UpstreamRequest): Promise<UpstreamResponse> {
    return this.#current.send(request);
  }

  /** Makes what a config asks for, without putting it into use. */
  async prepare(config: CheckedConfig): Promise<Prepared> {
    if (SECTIONS.every((section) => isDeepStrictEqual(this.#config[section], config[section]))) return NOTHING;
    const next = await makeUpstreams(config, this.#logger);
    return {
      use: () => {
        this.#retire(this.#current);
        this.#config = config;
        this.#current = next;
      },
      discard: () => next.close(),
    };
  }

  async close(): Promise<void> {
    const retired = [...this.#retired];
    this.#retired.clear();
    for (const [, timer] of retired) clearInterval(timer);
    await Promise.all([this.#current, ...retired.map(([upstreams]) => upstreams)].map((each) => each.close()));
  }

  #retire(upstreams: Upstreams): void {
    const look = (): void => {
      if (upstreams.stats.some(({ inFlight }) => inFlight > 0)) return;
      clearInterval(this.#retired.get(upstreams));
      this.#retired.delete(upstreams);
      void upstreams.close();
    };
    this.#retired.set(upstreams, setInterval(look, RETIRE_INTERVAL).unref());
  }
}
