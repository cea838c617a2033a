/** Writes SegmentBase, SegmentList and SegmentTemplate (ISO/IEC 23009-1 §5.3.9). */
import type { SegmentBase, SegmentList, SegmentTemplate, TimelineEntry, UrlRange } from "./segment-addressing.ts";
import { double, duration, element, flag, signed, text, unsigned } from "./write-xml.ts";

type Multiple = Omit<SegmentList, "segmentUrls">;

/** Whichever of the three there is. */
export function writeSegmentAddressing(
  indent: string,
  holder: {
    readonly segmentBase?: SegmentBase;
    readonly segmentList?: SegmentList;
    readonly segmentTemplate?: SegmentTemplate;
  },
): string {
  let children = "";
  if (holder.segmentBase !== undefined) {
    const base = holder.segmentBase;
    children += element(indent, "SegmentBase", baseAttributes(base), baseChildren(`${indent}  `, base));
  }
  if (holder.segmentList !== undefined) children += writeSegmentList(indent, holder.segmentList);
  if (holder.segmentTemplate !== undefined) children += writeSegmentTemplate(indent, holder.segmentTemplate);
  return children;
}

function writeSegmentTemplate(indent: string, template: SegmentTemplate): string {
  const attributes =
    text("media", template.media) +
    text("index", template.index) +
    text("initialization", template.initialization) +
    text("bitstreamSwitching", template.bitstreamSwitching) +
    multipleAttributes(template);
  return element(indent, "SegmentTemplate", attributes, multipleChildren(`${indent}  `, template));
}

function writeSegmentList(indent: string, list: SegmentList): string {
  const inner = `${indent}  `;
  let children = multipleChildren(inner, list);
  for (const item of list.segmentUrls) {
    const attributes =
      text("media", item.media) +
      text("mediaRange", item.mediaRange) +
      text("index", item.index) +
      text("indexRange", item.indexRange);
    children += element(inner, "SegmentURL", attributes, "");
  }
  return element(indent, "SegmentList", multipleAttributes(list), children);
}

function baseAttributes(base: SegmentBase): string {
  return (
    unsigned("timescale", base.timescale) +
    unsigned("presentationTimeOffset", base.presentationTimeOffset) +
    unsigned("presentationDuration", base.presentationDuration) +
    duration("timeShiftBufferDepth", base.timeShiftBufferDepth) +
    text("indexRange", base.indexRange) +
    flag("indexRangeExact", base.indexRangeExact) +
    double("availabilityTimeOffset", base.availabilityTimeOffset) +
    flag("availabilityTimeComplete", base.availabilityTimeComplete)
  );
}

function multipleAttributes(base: Multiple): string {
  return (
    baseAttributes(base) +
    unsigned("duration", base.duration) +
    unsigned("startNumber", base.startNumber) +
    unsigned("endNumber", base.endNumber)
  );
}

function baseChildren(indent: string, base: SegmentBase): string {
  return (
    writeUrl(indent, "Initialization", base.initializationSection) +
    writeUrl(indent, "RepresentationIndex", base.representationIndex)
  );
}

function multipleChildren(indent: string, base: Multiple): string {
  let children = baseChildren(indent, base);
  if (base.timeline !== undefined) {
    let entries = "";
    for (const entry of base.timeline) entries += writeTimelineEntry(indent, entry);
    children += element(indent, "SegmentTimeline", "", entries);
  }
  return children + writeUrl(indent, "BitstreamSwitching", base.bitstreamSwitchingSection);
}

function writeTimelineEntry(indent: string, entry: TimelineEntry): string {
  const attributes =
    unsigned("t", entry.t) +
    unsigned("n", entry.n) +
    unsigned("d", entry.d) +
    signed("r", entry.r) +
    unsigned("k", entry.k);
  return `${indent}  <S${attributes}/>\n`;
}

function writeUrl(indent: string, name: string, url: UrlRange | undefined): string {
  if (url === undefined) return "";
  return element(indent, name, text("sourceURL", url.sourceUrl) + text("range", url.range), "");
}
