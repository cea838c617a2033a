/**
 * Asks an upstream of which it is not known that it answers whether it does: until its first answer, and while its circuit is not closed. A server that is not
 * ready gets no requests, so nobody's request would ever be the trial that closes the circuit.
 */

import { CdnError } from "../../errors.ts";
import { letGo } from "../../handler/let-go.ts";
import { withHeadTimeout } from "./head-timeout.ts";
import type { Member } from "./member.ts";

/** Milliseconds from the end of one probe to the next; a tenth more or less, so that edges do not ask all at once. */
const INTERVAL = 1_000;
/** Milliseconds until the head. */
const PATIENCE = 2_000;

/** Options of {@link probeReach}. */
export interface ReachProbeOptions {
  /** Path and query to ask by HEAD: any answer but 502 and 504 will do. */
  readonly target: string;
  /** Asks before the first answer. False where a health check does. */
  readonly first: boolean;
  readonly clock: () => number;
}

/** Probes from now on. @returns how to stop. */
export function probeReach(member: Member, { target, first, clock }: ReachProbeOptions): () => void {
  let controller: AbortController | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isStopped = false;

  const isWanted = (): boolean => (first && !member.hasAnswered) || member.circuit.state(clock()) !== "closed";
  const look = async (): Promise<void> => {
    const permit = isWanted() ? member.circuit.admit(clock()) : undefined;
    if (permit !== undefined) {
      const hasAnswered = await ask();
      member.judgeProbe(permit, isStopped ? undefined : hasAnswered);
    }
    if (isStopped) return;
    timer = setTimeout(look, INTERVAL * (0.9 + Math.random() * 0.2));
    timer.unref();
  };
  const ask = async (): Promise<boolean> => {
    controller = new AbortController();
    const { signal } = controller;
    const request = { method: "HEAD", target, headers: [], body: null, signal };
    try {
      const { status, body } = await withHeadTimeout(member.upstream, request, controller, PATIENCE);
      letGo(body);
      return status !== 502 && status !== 504;
    } catch {
      return false;
    }
  };

  void look();
  return () => {
    isStopped = true;
    clearTimeout(timer);
    controller?.abort(new CdnError("CLOSED", "the edge is closing"));
  };
}
