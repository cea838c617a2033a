/** Small readings of attributes, and a base class that can be imported where there is no DOM. */

/** `HTMLElement`; on a server an empty class, so that importing the player there does no harm. */
export const HTMLElementBase = (typeof HTMLElement === "undefined" ? class {} : HTMLElement) as typeof HTMLElement;

/** An attribute that can be switched off by name: absent = `initial`, `off`, `false` and `no` = false, anything else true. */
export function boolean(element: Element, name: string, initial: boolean): boolean {
  const value = element.getAttribute(name);
  return value === null ? initial : !["off", "false", "no", "0"].includes(value.trim().toLowerCase());
}

/** An attribute with a closed set of words; the first is the default for absent and unknown ones. */
export function enumerated<T extends string>(element: Element, name: string, words: readonly [T, ...T[]]): T {
  const value = element.getAttribute(name)?.trim().toLowerCase();
  return words.find((word) => word === value) ?? words[0];
}
