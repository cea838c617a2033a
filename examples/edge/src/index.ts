/** The reference edge, as a function to call. */

export { type EdgeOptions, type RunningEdge, startEdge } from "./edge.ts";
