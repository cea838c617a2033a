/** What the sections for live media and for steering must be. */

import * as v from "valibot";
import { duration, flag, httpUrl, positive, section, size, text, textsByName, whole } from "./fields.ts";

/** Of an endpoint that the edge answers itself. */
const ownPath = v.pipe(
  text,
  v.check((path) => /^\/[^?#\s]*$/.test(path), "must start with /, without a query"),
  v.check((path) => !path.startsWith("/.ami/"), "must not be below /.ami/, where edges talk to each other"),
);

/** What is done for live media. */
export const live = section({
  rules: v.optional(flag, true),
  prefetch: v.optional(flag, false),
  cmcd: v.optional(flag, true),
  cmcdReports: v.optional(
    section({ path: ownPath, maxBodyBytes: v.optional(size), perSecond: v.optional(whole(1, 1_000_000)) }),
  ),
  cmsd: v.optional(flag, false),
});

const pathway = section({
  id: text,
  weight: v.optional(positive),
  healthUrl: v.optional(httpUrl),
  clone: v.optional(
    section({
      baseId: text,
      host: text,
      params: v.optional(textsByName),
      perVariantUris: v.optional(textsByName),
      perRenditionUris: v.optional(textsByName),
    }),
  ),
});

/** Which edge players are to use. */
export const steering = section({
  path: ownPath,
  pathways: v.pipe(v.array(pathway, "must be a list"), v.minLength(1, "give one pathway or more")),
  ttl: v.optional(duration),
  degradedTtl: v.optional(duration),
  minThroughput: v.optional(positive),
  healthInterval: v.optional(duration),
  healthTimeout: v.optional(duration),
});
