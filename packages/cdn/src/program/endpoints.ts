/** What an edge answers itself, behind its guards and in front of its cache: content steering, and reports of players. */

import { isDeepStrictEqual } from "node:util";
import type { CmcdMetrics } from "../cmcd/cmcd-metrics.ts";
import { createCmcdCollector } from "../cmcd/collector.ts";
import type { Answerer } from "../guard/guard.ts";
import { fromResponse, toRequest } from "../handler/convert.ts";
import type { FetchHandler } from "../handler/fetch-handler.ts";
import type { Logger } from "../logger.ts";
import { createSteering, type Pathway, type Steering } from "../steering/steering.ts";
import type { CheckedConfig } from "./config/schema.ts";

/** What they are made with. */
export interface EndpointParts {
  readonly logger: Logger;
  /** Made when it is first needed. */
  cmcdMetrics(): CmcdMetrics;
}

interface Endpoint {
  /** What it was made from. */
  readonly section: unknown;
  readonly answer: Answerer;
  readonly steering?: Steering;
}

/** Endpoints by path. */
export type Endpoints = ReadonlyMap<string, Endpoint>;

/**
 * Makes endpoints.
 *
 * @param before - those of an earlier config. One whose section is the same is kept, with what it knows.
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function makeEndpoints(config: CheckedConfig, before: Endpoints, parts: EndpointParts): Endpoints {
  const { name, steering, live } = config;
  const made = new Map<string, Endpoint>();
  const add = <T extends { readonly path: string }>(section: T | undefined, make: (section: T) => Made): void => {
    if (section === undefined) return;
    const known = before.get(section.path);
    if (known !== undefined && isDeepStrictEqual(known.section, section)) made.set(section.path, known);
    else made.set(section.path, { section, ...make(section) });
  };
  add(live.cmcdReports, ({ maxBodyBytes, perSecond }) => {
    const collect = createCmcdCollector({
      metrics: parts.cmcdMetrics(),
      ...(maxBodyBytes !== undefined && { maxBodyBytes }),
      ...(perSecond !== undefined && { maxPerSecond: perSecond }),
    });
    return { answer: answererOf(collect) };
  });
  add(steering, (section) => {
    const made = createSteering({ ...steeringOptions(section), name, logger: parts.logger });
    return { answer: answererOf(made.handle), steering: made };
  });
  return made;
}

type Made = Omit<Endpoint, "section">;

/** Ends endpoints that are not among others. */
export async function closeEndpoints(endpoints: Endpoints, kept?: Endpoints): Promise<void> {
  for (const [path, made] of endpoints) {
    if (kept?.get(path) !== made) await made.steering?.close();
  }
}

/** Answers what is asked of endpoints, and leaves everything else to `next`. */
export function withEndpoints(next: Answerer, endpoints: Endpoints): Answerer {
  if (endpoints.size === 0) return next;
  return (request) => {
    const { target } = request;
    const query = target.indexOf("?");
    const endpoint = endpoints.get(query === -1 ? target : target.slice(0, query));
    return endpoint === undefined ? next(request) : endpoint.answer(request);
  };
}

/** How a plain handler answers behind the fast seam. */
export function answererOf(handler: FetchHandler): Answerer {
  return async (request) => fromResponse(await handler(toRequest(request), request.connection), request.method);
}

/** A section as options of what it is about. */
export function steeringOptions({
  path: _,
  pathways,
  ttl,
  degradedTtl,
  ...rest
}: NonNullable<CheckedConfig["steering"]>) {
  return {
    ...rest,
    pathways: pathways as readonly Pathway[],
    ...(ttl !== undefined && { ttl: Math.ceil(ttl / 1000) }),
    ...(degradedTtl !== undefined && { degradedTtl: Math.ceil(degradedTtl / 1000) }),
  };
}
