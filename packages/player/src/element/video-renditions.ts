/** Levels as the `videoRenditions` list that media-chrome's quality menu reads from a media element. */

import type { Level } from "../engine/engine.ts";

/** One entry, a plain object: media-chrome copies its own properties. */
export interface VideoRendition {
  readonly id: string;
  readonly width: number;
  readonly height: number;
  readonly bitrate: number;
}

/** Array-like with `addrendition`, `removerendition` and `change` events. */
export class VideoRenditions extends EventTarget implements Iterable<VideoRendition> {
  readonly [index: number]: VideoRendition;
  readonly #select: (index: number) => void;
  #list: readonly VideoRendition[] = [];
  #selected = -1;

  /** @param select - called when the menu picks one; -1 = automatic. */
  constructor(select: (index: number) => void) {
    super();
    this.#select = select;
  }

  get length(): number {
    return this.#list.length;
  }

  get selectedIndex(): number {
    return this.#selected;
  }

  set selectedIndex(index: number) {
    if (index === this.#selected) return;
    this.#selected = index;
    this.#select(index);
    this.dispatchEvent(new Event("change"));
  }

  /** Takes over what the engine offers and has pinned. */
  update(levels: readonly Level[], selected: number): void {
    for (const index of this.#list.keys()) Reflect.deleteProperty(this, index);
    // With one level there is nothing to choose: the menu's button hides itself when the list is empty.
    this.#list =
      levels.length < 2
        ? []
        : levels.map(({ index, width, height, bitrate }) => ({ id: `${index}`, width, height, bitrate }));
    for (const [index, value] of this.#list.entries())
      Reflect.defineProperty(this, index, { value, configurable: true });
    this.#selected = selected;
    this.dispatchEvent(new Event("addrendition"));
    this.dispatchEvent(new Event("change"));
  }

  [Symbol.iterator](): Iterator<VideoRendition> {
    return this.#list[Symbol.iterator]();
  }
}
