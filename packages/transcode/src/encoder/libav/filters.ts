/** Makes filters by name. Runs in the encoder process. */

import { Filter, type FilterContext, type FilterGraph } from "node-av/lib";
import { describe } from "./decoder.ts";

/** @throws when this build of node-av has no such filter. */
export function findFilter(name: string): Filter {
  const filter = Filter.getByName(name);
  if (filter === null) throw new Error(`this build of node-av has no filter ${name}`);
  return filter;
}

/** @throws when there is no such filter, or it refuses its arguments. */
export function createFilter(graph: FilterGraph, name: string, label: string, args: string | null): FilterContext {
  const context = graph.createFilter(findFilter(name), label, args);
  if (context === null) throw new Error(`filter ${name} refused ${args}`);
  return context;
}

/** @throws for one of FFmpeg's error numbers, with what was done. */
export function check(result: number, what: string): void {
  if (result < 0) throw new Error(`${what}: ${describe(result)}`);
}
