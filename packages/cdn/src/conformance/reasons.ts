/** Why the edge does not pass a test that is about a requirement, or about what a good cache does. */

/** By the test's name, in the newest suite and on npm alike. */
export const REASONS: Readonly<Record<string, string>> = {
  "headers-store-Set-Cookie":
    "An answer with Set-Cookie is not stored: the cookie would go to everybody. RFC 9111 §7.3 allows to store it, and cache.storeSetCookie does.",
  "other-set-cookie": "As headers-store-Set-Cookie.",
  "method-POST":
    "An answer to POST is passed on and not stored. It was asked for with whatever fields its client chose, and what others get must not depend on those.",
  "vary-normalise-lang-select":
    "Which language an origin would choose is for the origin to say: its answer to one order of preferences is not given for another.",
  "conditional-lm-fresh-no-lm":
    "The test wants a 304 for If-Modified-Since with a date before the stored Date. RFC 9111 §4.3.2 compares it with Date where there is no Last-Modified, and by that the client's copy is the older one.",
};

/** Of the version on npm alone: the newest suite asks otherwise, or only wants to know. */
export const NPM_REASONS: Readonly<Record<string, string>> = {
  ...perName(
    "An Age that is no number is ignored, and of several the first counts: RFC 9111 §5.1, which is younger than this version.",
    [
      ...["dup-0", "dup-0-twoline", "dup-old", "float", "negative", "nonnumeric", "numeric-parameter", "parameter"],
      "prefix-twoline",
    ].map((name) => `age-parse-${name}`),
  ),
  ...perName(
    "The edge answers 502, as it should; this version of the test takes any answer that is not the origin's for a stored one.",
    ["must-revalidate", "no-cache", "proxy-revalidate", "s-maxage=2"].map((name) => `stale-close-${name}`),
  ),
  "304-etag-update-response-Content-MD5":
    "RFC 9111 §3.2 has a 304 replace all fields but Content-Length; the edge leaves only the coding, type and range of the body as they were.",
  "304-etag-update-response-Content-Type":
    "The type of a body stays what it was when the body came: a 304 has no body, and frameworks give it their default type.",
  "304-etag-update-response-ETag":
    "A 304 with another strong ETag than was asked about must not update anything (RFC 9111 §4.3.4): the edge asks again without condition.",
  "304-etag-update-response-Set-Cookie": "As headers-store-Set-Cookie.",
};

function perName(reason: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, reason]));
}
