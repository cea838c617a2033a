/** What options of peers must be. */

import { above0, bytesOrText, listOf, object, type Rules, required, text } from "../../options/check-options.ts";
import { health, timeouts, upstreamTls } from "../upstream/upstream-rules.ts";
import type { Peer, PeersOptions } from "./peer-upstream.ts";

/** A rule for each. */
export const PEER_RULES: Rules<PeersOptions> = {
  self: required(text),
  peers: required(listOf(object<Peer>({ name: required(text), url: required(text) }))),
  secret: required(bytesOrText),
  loadFactor: above0("shares"),
  patience: above0("milliseconds"),
  health,
  timeouts,
  tls: upstreamTls,
};
