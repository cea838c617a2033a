/** The attributes of `<ami-player>` as properties, on a base class that can be imported where there is no DOM. */

import type { EngineName } from "../engine/engine.ts";

/** `HTMLElement`; on a server an empty class, so that importing the player there does no harm. */
const HTMLElementBase = (typeof HTMLElement === "undefined" ? class {} : HTMLElement) as typeof HTMLElement;

const engines = ["auto", "hls", "dash", "native"] as const;

/** Every property here mirrors an attribute. Setting a text to `null` or `undefined`, as frameworks do, removes the attribute. */
export class AmiPlayerAttributes extends HTMLElementBase {
  /** Addresses of the stream, separated by white space, best first. */
  get src(): string {
    return this.getAttribute("src") ?? "";
  }

  set src(value: string | null | undefined) {
    reflect(this, "src", value);
  }

  /** MIME type of the sources in `src`; "" = by extension. */
  get type(): string {
    return this.getAttribute("type") ?? "";
  }

  set type(value: string | null | undefined) {
    reflect(this, "type", value);
  }

  /** Which engine plays; `auto` = by the kind of source. */
  get engine(): EngineName | "auto" {
    return enumerated(this, "engine", engines);
  }

  set engine(value: EngineName | "auto" | null | undefined) {
    reflect(this, "engine", value);
  }

  /** Start by itself, muted where the browser insists. Read when sources are loaded. */
  get autoplay(): boolean {
    return this.hasAttribute("autoplay");
  }

  set autoplay(value: boolean) {
    this.toggleAttribute("autoplay", Boolean(value));
  }

  /** Show controls. */
  get controls(): boolean {
    return this.hasAttribute("controls");
  }

  set controls(value: boolean) {
    this.toggleAttribute("controls", Boolean(value));
  }

  /** Start again at the end of what is on demand. */
  get loop(): boolean {
    return this.hasAttribute("loop");
  }

  set loop(value: boolean) {
    this.toggleAttribute("loop", Boolean(value));
  }

  /** Play as near to the live edge as the stream allows. Default true; `low-latency="off"` plays at the ordinary distance. */
  get lowLatency(): boolean {
    const value = this.getAttribute("low-latency");
    return value === null || !["off", "false", "no", "0"].includes(value.trim().toLowerCase());
  }

  set lowLatency(value: boolean) {
    this.setAttribute("low-latency", value ? "on" : "off");
  }

  /** Level to start with: 0 = the lowest (default), so that the first frame comes soon; -1 = by estimated throughput. */
  get startLevel(): number {
    const value = Number.parseInt(this.getAttribute("start-level") ?? "0", 10);
    return Number.isNaN(value) ? 0 : value;
  }

  set startLevel(value: number) {
    this.setAttribute("start-level", `${value}`);
  }

  /** Picture before the first frame. */
  get poster(): string {
    return this.getAttribute("poster") ?? "";
  }

  set poster(value: string | null | undefined) {
    reflect(this, "poster", value);
  }

  /** `anonymous` or `use-credentials`, as on `<video>`; null = requests without CORS. Captions of another origin need it. */
  get crossOrigin(): string | null {
    return this.getAttribute("crossorigin");
  }

  set crossOrigin(value: string | null | undefined) {
    reflect(this, "crossorigin", value);
  }
}

/** A property that was set before the element was defined hides the accessor of that name: set it again, through the accessor. */
export function upgradeProperties(element: HTMLElement, names: readonly string[]): void {
  for (const name of names) {
    if (!Object.hasOwn(element, name)) continue;
    const value: unknown = Reflect.get(element, name);
    Reflect.deleteProperty(element, name);
    Reflect.set(element, name, value);
  }
}

function reflect(element: Element, name: string, value: string | null | undefined): void {
  if (value === null || value === undefined) element.removeAttribute(name);
  else element.setAttribute(name, value);
}

/** An attribute with a closed set of words; the first is the default for absent and unknown ones. */
function enumerated<T extends string>(element: Element, name: string, words: readonly [T, ...T[]]): T {
  const value = element.getAttribute(name)?.trim().toLowerCase();
  return words.find((word) => word === value) ?? words[0];
}
