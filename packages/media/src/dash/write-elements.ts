/** Writes elements that many others contain. */
import type { BaseUrl, Descriptor } from "./mpd.ts";
import { double, duration, element, flag, text, textElement } from "./write-xml.ts";

/** Elements of a kind, one after the other. */
export function writeAll<T>(
  indent: string,
  items: readonly T[] | undefined,
  write: (indent: string, item: T) => string,
): string {
  let children = "";
  if (items !== undefined) for (const item of items) children += write(indent, item);
  return children;
}

/** Elements of DescriptorType. */
export function writeDescriptors(indent: string, name: string, descriptors: readonly Descriptor[] | undefined): string {
  let children = "";
  if (descriptors !== undefined) {
    for (const descriptor of descriptors) children += element(indent, name, descriptorAttributes(descriptor), "");
  }
  return children;
}

/** Attributes of DescriptorType. */
export function descriptorAttributes(descriptor: Descriptor): string {
  return text("schemeIdUri", descriptor.schemeIdUri) + text("value", descriptor.value) + text("id", descriptor.id);
}

/** BaseURL. */
export function writeBaseUrl(indent: string, base: BaseUrl): string {
  const attributes =
    text("serviceLocation", base.serviceLocation) +
    text("byteRange", base.byteRange) +
    double("availabilityTimeOffset", base.availabilityTimeOffset) +
    flag("availabilityTimeComplete", base.availabilityTimeComplete) +
    duration("timeShiftBufferDepth", base.timeShiftBufferDepth);
  return textElement(indent, "BaseURL", attributes, base.url);
}
