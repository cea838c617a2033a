/** What the processes of an edge say to each other over IPC: questions with numbers, and answers to them, both ways. */

import type { Purge } from "../../edge/purge/purge.ts";
import type { ReplicaNews, ReplicaStart } from "../../edge/purge/replicas.ts";
import { CdnError, type CdnErrorCode } from "../../errors.ts";
import type { CheckedConfig } from "../config/schema.ts";
import { messageOf, ProgramError } from "../program-error.ts";
import type { SiblingPlace } from "./siblings.ts";

/** What a worker is asked. */
export type WorkerAsk =
  | {
      readonly kind: "start";
      readonly config: CheckedConfig;
      readonly index: number;
      readonly reusePort: boolean;
      readonly purges: ReplicaStart;
      readonly siblings: SiblingPlace;
    }
  | { readonly kind: "report" | "metrics" | "reopenLog" | "close" }
  | { readonly kind: "reload"; readonly config: CheckedConfig }
  /** Another worker is there, or not any more. */
  | { readonly kind: "sibling"; readonly name: string; readonly present: boolean }
  /** Purges that the parent has. */
  | { readonly kind: "purges"; readonly news: ReplicaNews }
  /** Canonical targets that another worker saw change. */
  | { readonly kind: "invalidate"; readonly urls: readonly string[] };

/** What a parent is asked. */
export type ParentAsk =
  /** Another edge asks about purges. */
  | { readonly kind: "exchange"; readonly question: string }
  /** An answer to an unsafe method changed something. */
  | { readonly kind: "invalidated"; readonly purge: Purge };

interface Question {
  readonly id: number;
  readonly ask: unknown;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code: CdnErrorCode | undefined };
}

/** Either. */
export type Message = Question | Reply;

/** Options of {@link Channel}. */
export interface ChannelOptions<Asked> {
  /** @param sent - called when it is out, or cannot be sent. */
  readonly send: (message: Message, sent: () => void) => void;
  readonly answer: (ask: Asked) => Promise<unknown>;
  /** An answer is out. */
  readonly onAnswered?: (ask: Asked) => void;
}

/** One end. Messages arrive in the order in which they were sent, and `answer` is called in it. */
export class Channel<Asking, Asked> {
  readonly #options: ChannelOptions<Asked>;
  readonly #waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>();
  #nextId = 0;
  #ended: Error | undefined;

  constructor(options: ChannelOptions<Asked>) {
    this.#options = options;
  }

  /**
   * @param deadline - milliseconds.
   * @throws {CdnError} `CLOSED` where the other end is gone, `ABORTED` after the deadline; what the other end throws.
   */
  async ask<T>(ask: Asking, deadline: number): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended;
    this.#nextId += 1;
    const id = this.#nextId;
    const answered = new Promise<T>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    const timer = setTimeout(() => {
      this.#waiting.get(id)?.reject(new CdnError("ABORTED", `a process did not answer within ${deadline} ms`));
      this.#waiting.delete(id);
    }, deadline);
    this.#options.send({ id, ask }, () => {});
    try {
      return await answered;
    } finally {
      clearTimeout(timer);
    }
  }

  receive(message: Message): void {
    if (!("ask" in message)) {
      const waiting = this.#waiting.get(message.id);
      this.#waiting.delete(message.id);
      if (message.error === undefined) waiting?.resolve(message.result as never);
      else waiting?.reject(errorOf(message.error));
      return;
    }
    const { answer, send, onAnswered } = this.#options;
    const ask = message.ask as Asked;
    void answer(ask)
      .then(
        (result): Reply => ({ id: message.id, result }),
        (error: unknown): Reply => ({ id: message.id, error: errorData(error) }),
      )
      .then((reply) => send(reply, () => onAnswered?.(ask)));
  }

  /** Nothing more will come. */
  end(reason: Error): void {
    this.#ended = reason;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

function errorData(error: unknown): NonNullable<Reply["error"]> {
  return { message: messageOf(error), code: error instanceof CdnError ? error.code : undefined };
}

function errorOf({ message, code }: NonNullable<Reply["error"]>): Error {
  return code === undefined ? new ProgramError(message) : new CdnError(code, message);
}
