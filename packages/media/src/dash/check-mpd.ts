/** Judges an MPD by ISO/IEC 23009-1 and DASH-IF's rules for live and low latency. */

import type { Mpd } from "./mpd.ts";
import { mpdRules } from "./mpd-rules.ts";
import { updateRules } from "./mpd-update-rules.ts";

/** One broken rule. */
export interface MpdViolation {
  /** Name of the rule, stable. */
  readonly rule: string;
  readonly severity: "must" | "should";
  /** The specification and clause that asks for it. */
  readonly source: string;
  readonly message: string;
}

/** A rule, for documentation: what it is named, how much it weighs, who asks for it. */
export interface MpdRule {
  readonly id: string;
  readonly severity: "must" | "should";
  readonly source: string;
}

/** A rule over one document, or over an update and what it updates. */
export interface MpdCheck<Subject> extends MpdRule {
  /** Calls `report` for each place where the rule is broken. */
  readonly check: (subject: Subject, report: (message: string) => void) => void;
}

/** Every rule that {@link checkMpd} knows. */
export const mpdRuleList: readonly MpdRule[] = [...mpdRules, ...updateRules].map(({ id, severity, source }) => ({
  id,
  severity,
  source,
}));

/**
 * Judges an MPD: live documents by the rules of live, those that offer segments before they are whole by the rules of low latency too.
 *
 * @param earlier - what the same URL gave before, oldest first.
 * @returns what is broken; nothing when all is well.
 */
export function checkMpd(mpd: Mpd, earlier: readonly Mpd[] = []): readonly MpdViolation[] {
  const violations: MpdViolation[] = [];
  judge(mpdRules, mpd, violations);
  let before: Mpd | undefined;
  for (const after of [...earlier, mpd]) {
    if (before !== undefined) judge(updateRules, { before, after }, violations);
    before = after;
  }
  return violations;
}

function judge<Subject>(rules: readonly MpdCheck<Subject>[], subject: Subject, violations: MpdViolation[]): void {
  for (const { id, severity, source, check } of rules) {
    check(subject, (message) => violations.push({ rule: id, severity, source, message }));
  }
}
