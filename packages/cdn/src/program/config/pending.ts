/**
 * Sections of parts that are on their way. They are checked as they will be, and then refused, so that nobody believes in what does not
 * happen. For who integrates: take `notYet` away in schema.ts, and describe the section in edge-config.ts.
 */

import * as v from "valibot";
import { duration, flag, httpUrl, section, size, text, texts, whole } from "./fields.ts";

const secret = v.pipe(text, v.minLength(16, "must have at least 16 characters"));

/** A folder of its own, and how many bytes its files may have. */
export const disk = section({ path: text, size });

/** Who may purge, and the edges that are told of it. */
export const purge = section({
  tokens: v.optional(v.array(secret, "must be a list")),
  peers: v.optional(v.array(httpUrl, "must be a list of URLs")),
  secret: v.optional(secret),
});

/** What the edge does for live media on its own account. */
export const live = section({
  prefetch: v.optional(flag),
  cmsd: v.optional(flag),
  steering: v.optional(section({ path: text, ttl: v.optional(duration), pathways: v.optional(texts) })),
});

/** Connections that one address may have. */
export const connections = section({ perAddress: whole(1, 1_000_000), exempt: v.optional(texts) });

/** A section that is refused, however good it is. */
export function notYet<const TSchema extends v.GenericSchema>(schema: TSchema) {
  return v.optional(
    v.pipe(
      schema,
      v.check(() => false, "is not in this version yet"),
    ),
  );
}
