/** What two edges tell each other: one exchange, asked by either, is heartbeat, catching up, sending purges, and their acknowledgement. */

import * as v from "valibot";
import { CdnError } from "../../../errors.ts";
import type { Purge } from "../purge.ts";
import type { Position } from "./position.ts";

/** Edges in one network, those that have left it included. */
export const MAX_EDGES = 1024;

/** An edge's name: it goes into header fields. */
export const EDGE_NAME = /^[\w.-]{1,64}$/;

/** Purges of one edge, from after one position up to another, all of them. */
export interface News {
  readonly source: string;
  readonly after: Position;
  readonly until: Position;
  /** See `ChainHead`. */
  readonly lostAt: number;
  readonly purges: readonly { readonly at: Position; readonly purge: Purge }[];
}

/** How far an edge is in each chain. */
export type Reached = readonly { readonly source: string; readonly at: Position; readonly lostAt: number }[];

/** "This is how far I am, and these are purges of mine that you may not have. What do I lack?" */
export interface ExchangeRequest {
  readonly from: string;
  /** Whom it is for: the signature holds for nobody else. */
  readonly to: string;
  /** Of the asker's life; 0 until it knows. */
  readonly incarnation: number;
  /** Edges in the network, and how many of them may be down, as the asker was told. */
  readonly edges: number;
  readonly tolerate: number;
  readonly reached: Reached;
  readonly news: readonly News[];
}

/** "This is how far I am, you lack these, and so you may serve for so long." */
export interface ExchangeAnswer {
  readonly from: string;
  /** Lost its journal and has not caught up: what it says it has is not all that it once had. */
  readonly recovering: boolean;
  readonly reached: Reached;
  readonly news: readonly News[];
  /** There is more than fits: ask again. */
  readonly more: boolean;
  /** Milliseconds from when the question was sent for which the asker may serve as far as this edge is concerned. 0: none. */
  readonly lease: number;
  /** Milliseconds for which other edges may still serve by leases of this one. */
  readonly leases: readonly { readonly name: string; readonly left: number }[];
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const name = v.pipe(v.string(), v.regex(EDGE_NAME));
const position = v.object({ incarnation: count, seq: count });
const names = v.optional(v.array(v.string()));
const purge = v.object({
  urls: names,
  prefixes: names,
  tags: names,
  all: v.optional(v.boolean()),
  soft: v.optional(v.boolean()),
});
const news = v.array(
  v.object({
    source: name,
    after: position,
    until: position,
    lostAt: count,
    purges: v.array(v.object({ at: position, purge })),
  }),
);
const reached = v.pipe(v.array(v.object({ source: name, at: position, lostAt: count })), v.maxLength(MAX_EDGES));
const requestSchema = v.object({
  from: name,
  to: name,
  incarnation: count,
  edges: count,
  tolerate: count,
  reached,
  news,
});
const answerSchema = v.object({
  from: name,
  recovering: v.boolean(),
  reached,
  news,
  more: v.boolean(),
  lease: v.pipe(v.number(), v.minValue(0)),
  leases: v.array(v.object({ name, left: v.number() })),
});

/** @throws {CdnError} `BAD_REQUEST`. */
export function parseExchangeRequest(body: string): ExchangeRequest {
  return parse(requestSchema, body) as ExchangeRequest;
}

/** @throws {CdnError} `BAD_REQUEST`. */
export function parseExchangeAnswer(body: string): ExchangeAnswer {
  return parse(answerSchema, body) as ExchangeAnswer;
}

function parse(schema: v.GenericSchema, body: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (cause) {
    throw new CdnError("BAD_REQUEST", "an edge sent what is no JSON", { cause });
  }
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new CdnError(
    "BAD_REQUEST",
    `an edge sent what no edge of this release would: ${v.getDotPath(issue)} ${issue.message}`,
  );
}
