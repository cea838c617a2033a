/** Reads SegmentBase, SegmentList and SegmentTemplate (ISO/IEC 23009-1 §5.3.9). */

import { type Mutable, put } from "../mutable.ts";
import { readAll, readOne } from "./parse-elements.ts";
import { Values } from "./read-values.ts";
import type { ReadElement } from "./read-xml.ts";
import type {
  SegmentBase,
  SegmentList,
  SegmentTemplate,
  SegmentUrl,
  TimelineEntry,
  UrlRange,
} from "./segment-addressing.ts";

interface Holder {
  segmentBase?: SegmentBase;
  segmentList?: SegmentList;
  segmentTemplate?: SegmentTemplate;
}

/** Whichever of the three there is. */
export function readSegmentAddressing(element: ReadElement, holder: Holder): void {
  put(holder, "segmentBase", readOne(element, "SegmentBase", readSegmentBase));
  put(holder, "segmentList", readOne(element, "SegmentList", readSegmentList));
  put(holder, "segmentTemplate", readOne(element, "SegmentTemplate", readSegmentTemplate));
}

function readSegmentBase(element: ReadElement): SegmentBase {
  const base: Mutable<SegmentBase> = {};
  readBase(element, base);
  return base;
}

function readSegmentTemplate(element: ReadElement): SegmentTemplate {
  const values = new Values(element);
  const template: Mutable<SegmentTemplate> = {};
  put(template, "media", values.text("media"));
  put(template, "index", values.text("index"));
  put(template, "initialization", values.text("initialization"));
  put(template, "bitstreamSwitching", values.text("bitstreamSwitching"));
  readMultiple(element, template);
  return template;
}

function readSegmentList(element: ReadElement): SegmentList {
  const list: Mutable<SegmentList> = { segmentUrls: readAll(element, "SegmentURL", readSegmentUrl) ?? [] };
  readMultiple(element, list);
  return list;
}

function readSegmentUrl(element: ReadElement): SegmentUrl {
  const values = new Values(element);
  const url: Mutable<SegmentUrl> = {};
  put(url, "media", values.text("media"));
  put(url, "mediaRange", values.text("mediaRange"));
  put(url, "index", values.text("index"));
  put(url, "indexRange", values.text("indexRange"));
  return url;
}

function readBase(element: ReadElement, base: Mutable<SegmentBase>): void {
  const values = new Values(element);
  put(base, "timescale", values.unsigned("timescale"));
  put(base, "presentationTimeOffset", values.unsigned("presentationTimeOffset"));
  put(base, "presentationDuration", values.unsigned("presentationDuration"));
  put(base, "timeShiftBufferDepth", values.duration("timeShiftBufferDepth"));
  put(base, "indexRange", values.text("indexRange"));
  put(base, "indexRangeExact", values.flag("indexRangeExact"));
  put(base, "availabilityTimeOffset", values.double("availabilityTimeOffset"));
  put(base, "availabilityTimeComplete", values.flag("availabilityTimeComplete"));
  put(base, "initializationSection", readOne(element, "Initialization", readUrl));
  put(base, "representationIndex", readOne(element, "RepresentationIndex", readUrl));
}

function readMultiple(element: ReadElement, base: Mutable<Omit<SegmentList, "segmentUrls">>): void {
  readBase(element, base);
  const values = new Values(element);
  put(base, "duration", values.unsigned("duration"));
  put(base, "startNumber", values.unsigned("startNumber"));
  put(base, "endNumber", values.unsigned("endNumber"));
  put(
    base,
    "timeline",
    readOne(element, "SegmentTimeline", (timeline) => readAll(timeline, "S", readTimelineEntry) ?? []),
  );
  put(base, "bitstreamSwitchingSection", readOne(element, "BitstreamSwitching", readUrl));
}

function readTimelineEntry(element: ReadElement): TimelineEntry {
  const values = new Values(element);
  const entry: Mutable<TimelineEntry> = { d: values.required("d", values.unsigned("d")) };
  put(entry, "t", values.unsigned("t"));
  put(entry, "n", values.unsigned("n"));
  put(entry, "r", values.integer("r"));
  put(entry, "k", values.unsigned("k"));
  return entry;
}

function readUrl(element: ReadElement): UrlRange {
  const values = new Values(element);
  const url: Mutable<UrlRange> = {};
  put(url, "sourceUrl", values.text("sourceURL"));
  put(url, "range", values.text("range"));
  return url;
}
