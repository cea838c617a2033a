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
import { controlStyles } from "./styles.ts";

// The empty header takes the place of a back button, which a menu without a parent has no use for (and ARIA no place for).
const markup = `
<media-captions-menu part="menu" hidden anchor="auto"><span slot="header" hidden></span></media-captions-menu>
<media-rendition-menu part="menu" hidden anchor="auto"><span slot="header" hidden></span></media-rendition-menu>
<media-play-button class="big" part="big-play-button" slot="centered-chrome" notooltip></media-play-button>
<div class="bar" part="control-bar">
  <media-time-range part="time-range"></media-time-range>
  <media-control-bar>
    <media-play-button part="play-button"></media-play-button>
    <media-mute-button part="mute-button"></media-mute-button>
    <media-volume-range part="volume-range"></media-volume-range>
    <media-time-display part="time-display" showduration></media-time-display>
    <media-live-button part="live-button"></media-live-button>
    <span class="latency" part="latency" hidden></span>
    <span class="spacer"></span>
    <media-captions-menu-button part="captions-button"></media-captions-menu-button>
    <media-rendition-menu-button part="quality-button"></media-rendition-menu-button>
    <media-pip-button part="pip-button"></media-pip-button>
    <media-fullscreen-button part="fullscreen-button"></media-fullscreen-button>
  </media-control-bar>
</div>
`;

/** What the controls ask of the player. */
export interface ControlsOptions {
  readonly controller: HTMLElement;
  /** What goes fullscreen. */
  readonly host: HTMLElement;
  readonly seekToLive: () => void;
}

/** Controls put into a player. */
export interface Controls {
  /** Text beside the live button; null hides it. */
  showLatency(text: string | null): void;
  remove(): void;
}

/** Puts the controls into the player's `<media-controller>`. */
export function addControls({ controller, host, seekToLive }: ControlsOptions): Controls {
  const template = document.createElement("template");
  template.innerHTML = `<style>${controlStyles}</style>${markup}`;
  const nodes = [...template.content.children];
  const removal = new AbortController();
  const { signal } = removal;
  controller.append(...nodes);
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
    showLatency(text) {
      if (latency === null) return;
      latency.hidden = text === null;
      latency.textContent = text ?? "";
    },
    remove() {
      removal.abort();
      for (const node of nodes) node.remove();
    },
  };
}
