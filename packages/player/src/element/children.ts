/** The `<source>` and `<track>` children of the element. */

import { parseSources, type Source } from "../source/source.ts";
import type { AmiPlayerAttributes } from "./attributes.ts";

/**
 * Addresses of the `src` attribute, then those of `<source>` children.
 *
 * @throws {PlayerError} `SOURCE_INVALID`.
 */
export function readSources(element: AmiPlayerAttributes): Source[] {
  const base = element.ownerDocument.baseURI;
  const sources = parseSources(element.src, { base, ...(element.type === "" ? {} : { type: element.type }) });
  for (const child of element.querySelectorAll<HTMLSourceElement>(":scope > source[src]")) {
    const src = child.getAttribute("src") ?? "";
    sources.push(...parseSources(src, { base, ...(child.type === "" ? {} : { type: child.type }) }));
  }
  return sources;
}

/** What {@link watchChildren} reports. */
export interface ChildrenListener {
  onSources(): void;
  onTracks(): void;
}

/** Tells which kind of child was added, removed or changed, until `signal` aborts; other children are the page's own affair. */
export function watchChildren(element: Element, signal: AbortSignal, listener: ChildrenListener): void {
  const observer = new MutationObserver((records) => {
    const touched = records.flatMap(({ type, target, addedNodes, removedNodes }) =>
      type === "attributes" ? [target] : [...addedNodes, ...removedNodes],
    );
    if (touched.some((node) => node instanceof HTMLSourceElement)) listener.onSources();
    if (touched.some((node) => node instanceof HTMLTrackElement)) listener.onTracks();
  });
  observer.observe(element, {
    childList: true,
    subtree: true,
    attributes: true,
    attributeFilter: ["src", "type", "kind", "srclang", "label", "default"],
  });
  signal.addEventListener("abort", () => observer.disconnect(), { once: true });
}

/** Copies of the `<track>` children in the `<video>` inside. Engines add tracks of their own to it, which are left alone. */
export class TrackCopies {
  readonly #video: HTMLVideoElement;
  #copies: readonly HTMLTrackElement[] = [];

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  /** Takes over the children as they are now; nothing happens, and nothing is selected anew, when they are the same. */
  update(element: Element): void {
    const wanted = [...element.querySelectorAll<HTMLTrackElement>(":scope > track")];
    const same = (copy: HTMLTrackElement, index: number) => wanted[index]?.isEqualNode(copy) ?? false;
    if (wanted.length === this.#copies.length && this.#copies.every(same)) return;
    for (const copy of this.#copies) copy.remove();
    this.#copies = wanted.map((track) => track.cloneNode() as HTMLTrackElement);
    this.#video.append(...this.#copies);
  }
}
