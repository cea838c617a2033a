/** A worker process, as its parent sees it. */

import type { Worker } from "node:cluster";
import type { ScopeMetrics } from "@opentelemetry/sdk-metrics";
import type { ReplicaNews } from "../../edge/purge/replicas.ts";
import { CdnError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { CheckedConfig } from "../config/schema.ts";
import { Channel, type Message, type ParentAsk, type WorkerAsk } from "./channel.ts";
import type { EdgeProcess, ProcessReport } from "./edge-process.ts";

/** Milliseconds that a worker may take to answer what costs it nothing. */
const ANSWER_DEADLINE = 5_000;
/** Milliseconds that a worker may take to serve. */
export const START_DEADLINE = 30_000;

export class WorkerProcess implements EdgeProcess {
  /** It has said that it accepts. */
  serves = false;
  lastMetrics: readonly ScopeMetrics[] = [];
  readonly exited: Promise<string>;
  readonly #worker: Worker;
  readonly #channel: Channel<WorkerAsk, ParentAsk>;
  readonly #logger: Logger;
  #isGone = false;

  /** @param answer - what it asks. */
  constructor(worker: Worker, answer: (ask: ParentAsk) => Promise<unknown>, logger: Logger) {
    this.#worker = worker;
    this.#logger = logger;
    this.#channel = new Channel({
      // What could not be said to a process that is gone, its exit tells.
      send: (message, sent) => void worker.send(message, undefined, sent),
      answer,
    });
    worker.on("message", (message: Message) => this.#channel.receive(message));
    this.exited = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#isGone = true;
        this.#channel.end(new CdnError("CLOSED", `the process ended: ${how}`));
        resolve(how);
      };
      worker.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
      // What the system cannot start, for want of processes or memory, never exits.
      worker.on("error", (error) => {
        if (worker.process.pid === undefined) end(error.message);
      });
    });
    this.metrics = this.metrics.bind(this);
  }

  /** @throws {CdnError} `CLOSED`, `ABORTED`; what the worker throws. */
  ask<T>(ask: WorkerAsk, deadline = ANSWER_DEADLINE): Promise<T> {
    return this.#channel.ask(ask, deadline);
  }

  /** Resolves when it heeds them. */
  async tell(news: ReplicaNews): Promise<void> {
    try {
      await this.ask({ kind: "purges", news });
    } catch (error) {
      this.#note(error, "a process did not take purges: until it does, they wait for the leave that it has to run out");
      throw error;
    }
  }

  /** Tells it that another one is there, or not any more. Never rejects. */
  async setSibling(name: string, present: boolean): Promise<void> {
    try {
      await this.ask({ kind: "sibling", name, present });
    } catch (error) {
      this.#note(error, "a process was not told of another one");
    }
  }

  /** Whether it has forgotten canonical targets by the deadline, in milliseconds. Never rejects. */
  async invalidate(urls: readonly string[], deadline: number): Promise<boolean> {
    return await this.ask({ kind: "invalidate", urls }, deadline).then(
      () => true,
      () => false,
    );
  }

  report(): Promise<ProcessReport> {
    return this.ask({ kind: "report" });
  }

  async metrics(): Promise<ScopeMetrics[]> {
    const metrics = await this.ask<ScopeMetrics[]>({ kind: "metrics" });
    this.lastMetrics = metrics;
    return metrics;
  }

  reload(config: CheckedConfig): Promise<readonly string[]> {
    return this.ask({ kind: "reload", config }, START_DEADLINE);
  }

  async reopenLog(): Promise<void> {
    await this.ask({ kind: "reopenLog" });
  }

  async close(): Promise<void> {
    await this.end(START_DEADLINE);
  }

  /** Lets it drain; kills it when it is not gone by the deadline, in milliseconds. */
  async end(deadline: number): Promise<void> {
    if (this.#isGone) return;
    // Its counters are those that count for good.
    if (this.serves) {
      await this.metrics().catch((error: unknown) => this.#note(error, "what a process counted last is not known"));
    }
    this.ask({ kind: "close" }, deadline).catch((error: unknown) => {
      this.#note(error, "a process did not end as it should");
    });
    const timer = setTimeout(() => this.kill(), deadline);
    await this.exited;
    clearTimeout(timer);
  }

  /** Says what went wrong, but for what its exit says. */
  #note(error: unknown, message: string): void {
    if (error instanceof CdnError && error.code === "CLOSED") return;
    this.#logger.warn({ err: error }, message);
  }

  kill(): void {
    if (this.#worker.process.pid !== undefined) this.#worker.process.kill("SIGKILL");
  }
}
