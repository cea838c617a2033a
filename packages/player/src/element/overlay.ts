/** What lies over the picture when there is nothing to see: loading, waiting for the stream, an error. */

import type { PlayerError } from "../error.ts";
import type { PlayerState } from "../playback/state.ts";
import type { PlayerLabels } from "./labels.ts";

/** What the overlay is about. */
export interface OverlayContent {
  readonly state: PlayerState;
  readonly error: PlayerError | null;
  readonly labels: PlayerLabels;
  readonly onRetry: () => void;
}

const alertIcon = `<svg class="alert" viewBox="0 0 24 24" aria-hidden="true"><circle cx="12" cy="12" r="9.5"/><path d="M12 7v6M12 16.5v.1"/></svg>`;

/** Shows what a state calls for, or nothing. */
export function renderOverlay(overlay: HTMLElement, content: OverlayContent): void {
  const { state, error, labels } = content;
  const shown = state === "loading" || state === "buffering" || state === "waiting" || state === "error";
  overlay.toggleAttribute("data-shown", shown);
  overlay.toggleAttribute("data-veil", state === "waiting" || state === "error");
  overlay.toggleAttribute("data-late", state === "buffering" || state === "loading");
  if (!shown) {
    overlay.replaceChildren();
    return;
  }
  if (state === "error") {
    const title = error?.code === "ENGINE_UNSUPPORTED" ? labels.unsupported : labels.error;
    overlay.innerHTML = alertIcon;
    const retry = document.createElement("button");
    retry.type = "button";
    retry.textContent = labels.retry;
    retry.addEventListener("click", content.onRetry);
    overlay.append(line("title", title), line("hint", reason(error)), retry);
  } else if (state === "waiting") {
    overlay.replaceChildren(line("beacon", ""), line("title", labels.waiting), line("hint", labels.waitingHint));
  } else {
    const spinner = line("spinner", "");
    spinner.setAttribute("role", "img");
    spinner.setAttribute("aria-label", labels.loading);
    overlay.replaceChildren(spinner);
  }
}

/** The error's message without the address in front of it, which helps no viewer. */
function reason(error: PlayerError | null): string {
  return error === null ? "" : error.message.replace(/^\S+:\/\/\S+: /, "");
}

function line(className: string, text: string): HTMLElement {
  const element = document.createElement("div");
  element.className = className;
  element.textContent = text;
  return element;
}
