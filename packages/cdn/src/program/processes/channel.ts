/** What the processes of an edge say to each other over IPC: questions with numbers, and answers to them. */

import type { Purge } from "../../edge/purge/purge.ts";
import { CdnError, type CdnErrorCode } from "../../errors.ts";
import type { CheckedConfig } from "../config/schema.ts";
import { messageOf, ProgramError } from "../program-error.ts";

/** What a worker is asked. */
export type Ask =
  | { readonly kind: "start"; readonly config: CheckedConfig; readonly index: number; readonly reusePort: boolean }
  | { readonly kind: "report" | "metrics" | "reopenLog" | "close" }
  | { readonly kind: "reload"; readonly config: CheckedConfig }
  | { readonly kind: "purge"; readonly purge: Purge };

/** From the parent. */
export interface Question {
  readonly id: number;
  readonly ask: Ask;
}

/** From a worker. */
export interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code: CdnErrorCode | undefined };
}

/** An error as plain data, and back. */
export function errorData(error: unknown): NonNullable<Reply["error"]> {
  return { message: messageOf(error), code: error instanceof CdnError ? error.code : undefined };
}

export function errorOf({ message, code }: NonNullable<Reply["error"]>): Error {
  return code === undefined ? new ProgramError(message) : new CdnError(code, message);
}
