/** Brings the controls once the first frame is there, or after a while without one. */

import type { Controls, ControlsOptions } from "../controls/controls.ts";
import { PlayerError } from "../error.ts";

/** Milliseconds after which the controls come even without a first frame. */
const CONTROLS_DELAY = 1200;

/** Options of {@link ControlsLoader}. */
export interface ControlsLoaderOptions extends ControlsOptions {
  /** Controls were put in. */
  readonly onAdded: () => void;
  /** Their script did not load. */
  readonly onFailure: (error: PlayerError) => void;
}

/** Controls that may be on their way. */
export class ControlsLoader {
  readonly #options: ControlsLoaderOptions;
  #controls: Controls | null = null;
  #loading: AbortController | null = null;
  #release: (() => void) | null = null;

  constructor(options: ControlsLoaderOptions) {
    this.#options = options;
  }

  /** Asks for controls. @param atOnce - nothing is being loaded that their script would compete with. */
  add(atOnce: boolean): void {
    if (this.#loading !== null) return;
    this.#loading = new AbortController();
    this.#load(this.#loading.signal, atOnce ? 0 : CONTROLS_DELAY);
  }

  /** The first frame is there, or will not come: whoever waited for it goes on. */
  release(): void {
    this.#release?.();
  }

  /** Takes them away, also those on their way. */
  remove(): void {
    this.#loading?.abort();
    this.#loading = null;
    this.#controls?.remove();
    this.#controls = null;
  }

  /** See {@link Controls.showLatency}. */
  showLatency(seconds: number | null): void {
    this.#controls?.showLatency(seconds);
  }

  async #load(signal: AbortSignal, delay: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delay);
      this.#release = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener("abort", this.#release, { once: true });
    });
    if (signal.aborted) return;
    try {
      const { addControls } = await import("../controls/controls.ts");
      if (signal.aborted) return;
      this.#controls = addControls(this.#options);
      this.#options.onAdded();
    } catch (cause) {
      if (signal.aborted) return;
      this.#options.onFailure(
        new PlayerError("CONTROLS_LOAD_FAILED", "the script of the controls did not load", { cause }),
      );
    }
  }
}
