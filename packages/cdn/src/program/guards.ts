/** The guards that a config asks for, in the order in which they are asked. */

import { isDeepStrictEqual } from "node:util";
import { addressRules } from "../guard/address/address-rules.ts";
import { type Countries, openCountries } from "../guard/address/countries.ts";
import { countryRules } from "../guard/address/country-rules.ts";
import type { ConnectionGateOptions } from "../guard/connection-gate.ts";
import { allowCredentials } from "../guard/credentials.ts";
import type { Guard } from "../guard/guard.ts";
import { hotlinks } from "../guard/hotlinks.ts";
import { rateLimit } from "../guard/rate-limit/rate-limit.ts";
import { jwt } from "../guard/token/jwt.ts";
import { signedUrls } from "../guard/token/signed-urls.ts";
import type { Logger } from "../logger.ts";
import type { CheckedConfig } from "./config/schema.ts";
import { inPlace } from "./program-error.ts";

type GuardSections = CheckedConfig["guard"];
type RateLimits = NonNullable<GuardSections["rateLimits"]>;

/** Where sections stand whose guards have other names. */
const PLACES: Readonly<Record<string, string>> = {
  limitsByAddress: "guard.rateLimits",
  limitsByToken: "guard.rateLimits",
};

/** One guard, what it was made from, and what has to be closed with it. */
interface MadeGuard {
  readonly section: unknown;
  readonly guard: Guard;
  readonly countries?: Countries;
}

/** Guards by the name of their place. */
export type MadeGuards = ReadonlyMap<string, MadeGuard>;

/**
 * Makes guards, the outermost first: cheap ones before those that look at tokens, and limits by token behind those.
 *
 * @param before - guards of an earlier config. Those whose section is the same are kept, with all that they have counted.
 * @throws {CdnError} `INVALID_OPTION`, `DATABASE_FAILED`.
 */
export async function makeGuards(
  {
    credentials,
    addresses,
    countries,
    hotlinks: sites,
    rateLimits = [],
    signedUrls: signed,
    jwt: tokens,
  }: GuardSections,
  before: MadeGuards,
  logger: Logger,
): Promise<MadeGuards> {
  const made = new Map<string, MadeGuard>();
  const add = async <T>(
    name: string,
    section: T | undefined,
    make: (section: T) => Guard | Promise<Omit<MadeGuard, "section">>,
  ): Promise<void> => {
    if (section === undefined) return;
    const known = before.get(name);
    if (known !== undefined && isDeepStrictEqual(known.section, section)) {
      made.set(name, known);
      return;
    }
    const guard = await inPlace<Guard | Omit<MadeGuard, "section">>(PLACES[name] ?? `guard.${name}`, () =>
      make(section),
    );
    made.set(name, { section, ...(typeof guard === "function" ? { guard } : guard) });
  };
  const limitsBy = (by: "address" | "token"): RateLimits | undefined => {
    const rules = rateLimits.filter((rule) => rule.by === by);
    return rules.length === 0 ? undefined : rules;
  };
  try {
    await add("credentials", credentials, ({ origins, maxAge }) =>
      allowCredentials({ origins, ...(maxAge !== undefined && { maxAge: Math.floor(maxAge / 1000) }) }),
    );
    await add("addresses", addresses, addressRules);
    await add("countries", countries, async ({ file, ...rules }) => {
      const opened = await openCountries({ file, logger });
      return { guard: countryRules({ countries: opened, ...rules }), countries: opened };
    });
    await add("hotlinks", sites, hotlinks);
    await add("limitsByAddress", limitsBy("address"), (rules) => rateLimit({ rules }));
    await add("signedUrls", signed, ({ clockTolerance, ...rest }) =>
      signedUrls({ ...rest, ...tolerance(clockTolerance) }),
    );
    await add("jwt", tokens, ({ clockTolerance, keys, secret, ...rest }) =>
      jwt({
        ...rest,
        logger,
        ...tolerance(clockTolerance),
        keys: secret === undefined ? jwtKeys(keys!) : Buffer.from(secret),
      }),
    );
    await add("limitsByToken", limitsBy("token"), (rules) => rateLimit({ rules }));
  } catch (error) {
    await closeGuards(made, before);
    throw error;
  }
  return made;
}

/** Closes guards that are not among others. */
export async function closeGuards(guards: MadeGuards, kept?: MadeGuards): Promise<void> {
  for (const [name, made] of guards) {
    if (kept?.get(name) !== made) await made.countries?.close();
  }
}

/** How many connections an address may have. Proxies have those of all their clients. */
export function connectionCap({ guard }: CheckedConfig): Pick<ConnectionGateOptions, "perAddress" | "exempt"> {
  const { connections, trustProxies } = guard;
  return {
    perAddress: connections?.perAddress ?? Number.POSITIVE_INFINITY,
    exempt: [...(connections?.exempt ?? []), ...(trustProxies?.proxies ?? [])],
  };
}

function tolerance(milliseconds: number | undefined): { clockTolerance?: number } {
  return milliseconds === undefined ? {} : { clockTolerance: milliseconds / 1000 };
}

type JwtKeys = Exclude<Parameters<typeof jwt>[0]["keys"], Uint8Array | URL>;

/** Whether each key is one, jose says. */
function jwtKeys(keys: string | { keys: object[] }): JwtKeys {
  return keys as JwtKeys;
}
