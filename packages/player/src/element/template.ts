/** The shadow tree of `<ami-player>`. */

import { styles } from "./styles.ts";

const markup = `
<media-controller part="controller" nohotkeys gesturesdisabled noautoseektolive novolumepref nomutedpref nosubtitleslangpref>
  <video slot="media" part="video" playsinline tabindex="-1"></video>
  <canvas part="still" noautohide aria-hidden="true" hidden></canvas>
</media-controller>
<div class="overlay" part="overlay" role="status" aria-live="polite"></div>
<button class="unmute" part="unmute" type="button" hidden>
  <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 9v6h4l5 4V5L8 9H4zM17 9l4 6M21 9l-4 6"/></svg><span></span>
</button>
`;

/** The parts of a shadow tree that code reaches for. */
export interface PlayerTree {
  readonly controller: HTMLElement;
  readonly video: HTMLVideoElement;
  readonly still: HTMLCanvasElement;
  readonly overlay: HTMLElement;
  readonly unmute: HTMLButtonElement;
}

/** Fills a fresh shadow root. */
export function createTree(root: ShadowRoot): PlayerTree {
  const template = document.createElement("template");
  template.innerHTML = `<style>${styles}</style>${markup}`;
  root.append(document.importNode(template.content, true));
  const find = <T extends Element>(selector: string) => root.querySelector<T>(selector)!;
  return {
    controller: find("media-controller"),
    video: find("video"),
    still: find("canvas"),
    overlay: find(".overlay"),
    unmute: find(".unmute"),
  };
}
