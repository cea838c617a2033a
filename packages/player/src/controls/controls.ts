/** The controls, by media-chrome. A script of its own, fetched when a player has the `controls` attribute. */

import "media-chrome/dist/media-controller.js";
import "media-chrome/dist/media-control-bar.js";
import "media-chrome/dist/media-fullscreen-button.js";
import "media-chrome/dist/media-live-button.js";
import "media-chrome/dist/media-mute-button.js";
import "media-chrome/dist/media-pip-button.js";
import "media-chrome/dist/media-play-button.js";
import "media-chrome/dist/media-time-display.js";
import "media-chrome/dist/media-time-range.js";
import "media-chrome/dist/media-volume-range.js";
import "media-chrome/dist/menu/media-chrome-menu-item.js";
import "media-chrome/dist/menu/media-captions-menu.js";
import "media-chrome/dist/menu/media-captions-menu-button.js";
import "media-chrome/dist/menu/media-rendition-menu.js";
import "media-chrome/dist/menu/media-rendition-menu-button.js";
import type { PlayerLabels } from "../element/labels.ts";
import { controlStyles } from "./styles.ts";

// Time runs from left to right in every player, whatever the page's language: media-chrome's ranges know no other direction.
// The empty header takes the place of a back button, which a menu without a parent has no use for (and ARIA no place for).
const markup = `
<media-captions-menu part="menu" hidden anchor="auto"><span slot="header" hidden></span></media-captions-menu>
<media-rendition-menu part="menu" hidden anchor="auto"><span slot="header" hidden></span></media-rendition-menu>
<media-play-button class="big" part="big-play-button" slot="centered-chrome" notooltip></media-play-button>
<div class="bar" part="control-bar" dir="ltr">
  <media-time-range part="time-range"></media-time-range>
  <media-control-bar>
    <media-play-button part="play-button"></media-play-button>
    <media-mute-button part="mute-button"></media-mute-button>
    <media-volume-range part="volume-range"></media-volume-range>
    <media-time-display part="time-display" showduration></media-time-display>
    <media-live-button part="live-button"></media-live-button>
    <span class="latency" part="latency" role="timer" hidden></span>
    <span class="spacer"></span>
    <media-captions-menu-button part="captions-button"></media-captions-menu-button>
    <media-rendition-menu-button part="quality-button"></media-rendition-menu-button>
    <media-pip-button part="pip-button"></media-pip-button>
    <media-fullscreen-button part="fullscreen-button"></media-fullscreen-button>
  </media-control-bar>
</div>
`;

/** Attributes of a player without controls: a click or a key does nothing to it, as with `<video>`. */
const interaction = ["nohotkeys", "gesturesdisabled"];

/** What the controls ask of the player. */
export interface ControlsOptions {
  readonly controller: HTMLElement;
  /** What goes fullscreen. */
  readonly host: HTMLElement;
  readonly labels: () => PlayerLabels;
  readonly seekToLive: () => void;
}

/** Controls put into a player. */
export interface Controls {
  /** Seconds behind the live edge, shown beside the live button; null hides them. */
  showLatency(seconds: number | null): void;
  remove(): void;
}

/** Puts the controls into the player's `<media-controller>`. */
export function addControls({ controller, host, labels, seekToLive }: ControlsOptions): Controls {
  const template = document.createElement("template");
  template.innerHTML = `<style>${controlStyles}</style>${markup}`;
  const nodes = [...template.content.children];
  const removal = new AbortController();
  const { signal } = removal;
  controller.append(...nodes);
  for (const name of interaction) controller.removeAttribute(name);
  Reflect.set(controller, "fullscreenElement", host);
  // media-chrome would jump to the end of what is seekable; the player knows its hold-back.
  controller.addEventListener(
    "mediaseektoliverequest",
    (event) => {
      event.stopImmediatePropagation();
      seekToLive();
    },
    { capture: true, signal },
  );
  const latency = controller.querySelector<HTMLElement>(".latency");
  return {
    showLatency(seconds) {
      if (latency === null) return;
      const text = seconds === null ? "" : `${seconds.toFixed(1)} s`;
      latency.hidden = seconds === null;
      latency.textContent = `−${text}`;
      latency.ariaLabel = `${labels().behind}: ${text}`;
    },
    remove() {
      removal.abort();
      for (const name of interaction) controller.setAttribute(name, "");
      for (const node of nodes) node.remove();
    },
  };
}
