/** Sets options of encoders by name. Runs in the encoder process. */

import { AV_OPT_SEARCH_CHILDREN } from "node-av/constants";
import { type CodecContext, Option } from "node-av/lib";
import { describe } from "./decoder.ts";

/**
 * One by one rather than by a `Dictionary` given to `open2`: that frees what it used up, and node-av 6.1 frees it again when it collects the
 * `Dictionary`.
 *
 * @throws when the encoder has no such option, or refuses the value.
 */
export function setOptions(encoder: CodecContext, options: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(options)) {
    const result = Option.set(encoder.getNative(), name, value, AV_OPT_SEARCH_CHILDREN);
    if (result < 0) throw new Error(`encoder option ${name}=${value}: ${describe(result)}`);
  }
}
