/** What an edge tells another one of the purges it knows, when it asks it for an object: see `Purges.seen`. */
export const PURGES_SEEN_FIELD = "ami-purges-seen";
