/** The page of the reference deployment, as a server to start. */

export { type ClientOptions, createClient } from "./client.ts";
export type { EdgeCounters, LiveStream, PageConfig } from "./config.ts";
