/**
 * Sections of parts that are on their way. They are checked as they will be, and then refused, so that nobody believes in what does not
 * happen. For who integrates: take `notYet` away in schema.ts, and describe the section in edge-config.ts.
 */

import * as v from "valibot";
import { section, texts, whole } from "./fields.ts";

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
