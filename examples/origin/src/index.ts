/** The reference origin, as a function to call. */

export { type OriginOptions, type RunningOrigin, startOrigin } from "./origin.ts";
