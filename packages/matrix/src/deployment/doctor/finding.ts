/** What looking at a homeserver brings out. */

/** `ok`; `warning`: works, but should be changed; `failure`: does not work, or is not safe; `skipped`: could not be looked at. */
export type FindingLevel = "ok" | "warning" | "failure" | "skipped";

/** What is looked at. */
export type CheckName =
  | "admin-api"
  | "client-api"
  | "clock"
  | "database"
  | "disk"
  | "federation"
  | "media"
  | "registration"
  | "secrets"
  | "tls"
  | "turn"
  | "version"
  | "well-known";

/** One fact, and what to do about it. */
export interface Finding {
  readonly check: CheckName;
  readonly level: FindingLevel;
  /** What is so, in a sentence. */
  readonly what: string;
  /** What to do; only where something is to be done. */
  readonly advice?: string;
}

/** Findings of one check. */
export function findings(check: CheckName) {
  return {
    ok: (what: string): Finding => ({ check, level: "ok", what }),
    warning: (what: string, advice: string): Finding => ({ check, level: "warning", what, advice }),
    failure: (what: string, advice: string): Finding => ({ check, level: "failure", what, advice }),
    skipped: (what: string, advice: string): Finding => ({ check, level: "skipped", what, advice }),
  };
}
