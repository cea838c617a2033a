/** Reads elements that many others contain. */
import { type Mutable, put } from "../mutable.ts";
import type { BaseUrl, Descriptor, Label } from "./mpd.ts";
import { MPD_NAMESPACE } from "./namespaces.ts";
import { Values } from "./read-values.ts";
import type { ReadElement } from "./read-xml.ts";
import type { XmlElement } from "./xml.ts";

/** Children of a name in the MPD's own namespace, read; undefined when there are none. */
export function readAll<T>(
  parent: ReadElement,
  name: string,
  read: (element: ReadElement) => T,
): readonly T[] | undefined {
  let items: T[] | undefined;
  for (const child of parent.children) {
    if (child.name !== name || child.namespace !== MPD_NAMESPACE) continue;
    items ??= [];
    items.push(read(child));
  }
  return items;
}

/** The first child of a name in the MPD's own namespace. */
export function readOne<T>(parent: ReadElement, name: string, read: (element: ReadElement) => T): T | undefined {
  for (const child of parent.children) if (child.name === name && child.namespace === MPD_NAMESPACE) return read(child);
  return undefined;
}

/** DescriptorType. */
export function readDescriptor(element: ReadElement): Mutable<Descriptor> {
  const values = new Values(element);
  const descriptor: Mutable<Descriptor> = { schemeIdUri: values.required("schemeIdUri", values.text("schemeIdUri")) };
  put(descriptor, "value", values.text("value"));
  put(descriptor, "id", values.text("id"));
  return descriptor;
}

/** BaseURL. */
export function readBaseUrl(element: ReadElement): BaseUrl {
  const values = new Values(element);
  const base: Mutable<BaseUrl> = { url: element.text };
  put(base, "serviceLocation", values.text("serviceLocation"));
  put(base, "byteRange", values.text("byteRange"));
  put(base, "availabilityTimeOffset", values.double("availabilityTimeOffset"));
  put(base, "availabilityTimeComplete", values.flag("availabilityTimeComplete"));
  put(base, "timeShiftBufferDepth", values.duration("timeShiftBufferDepth"));
  return base;
}

/** Label. */
export function readLabel(element: ReadElement): Label {
  const values = new Values(element);
  const label: Mutable<Label> = { text: element.text };
  put(label, "id", values.unsigned("id"));
  put(label, "lang", values.text("lang"));
  return label;
}

/** An element of others, kept whole but for its line. */
export function keep(element: ReadElement): XmlElement {
  const { name, namespace, attributes, children, text } = element;
  return { name, namespace, attributes, children: children.map(keep), text };
}
