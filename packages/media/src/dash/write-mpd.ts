/** Writes an MPD, its elements in the order of the schema (ISO/IEC 23009-1 Annex B). */
import type {
  DashContentSteering,
  EventStream,
  Mpd,
  MpdEvent,
  MpdLocation,
  PatchLocation,
  Period,
  ProgramInformation,
  ServiceDescription,
} from "./mpd.ts";
import { CENC_NAMESPACE, MPD_NAMESPACE } from "./namespaces.ts";
import { writeAdaptationSet } from "./write-adaptation-set.ts";
import { descriptorAttributes, writeAll, writeBaseUrl, writeDescriptors } from "./write-elements.ts";
import { writeSegmentAddressing } from "./write-segment-addressing.ts";
import {
  dateTime,
  double,
  duration,
  element,
  escapeXml,
  flag,
  list,
  text,
  textElement,
  unsigned,
  writeXmlElement,
} from "./write-xml.ts";

/**
 * Writes an MPD: UTF-8 text with an XML declaration, two spaces of indent. Durations go to the microsecond, instants to the millisecond.
 *
 * @throws {MediaError} `INVALID_ARGUMENT` when a value cannot be written, e.g. a negative duration.
 */
export function writeMpd(mpd: Mpd): string {
  let attributes = ` xmlns="${MPD_NAMESPACE}"`;
  if (usesCenc(mpd)) attributes += ` xmlns:cenc="${CENC_NAMESPACE}"`;
  attributes +=
    text("id", mpd.id) +
    list("profiles", mpd.profiles, ",") +
    text("type", mpd.type) +
    dateTime("availabilityStartTime", mpd.availabilityStartTime) +
    dateTime("availabilityEndTime", mpd.availabilityEndTime) +
    dateTime("publishTime", mpd.publishTime) +
    duration("mediaPresentationDuration", mpd.mediaPresentationDuration) +
    duration("minimumUpdatePeriod", mpd.minimumUpdatePeriod) +
    duration("minBufferTime", mpd.minBufferTime) +
    duration("timeShiftBufferDepth", mpd.timeShiftBufferDepth) +
    duration("suggestedPresentationDelay", mpd.suggestedPresentationDelay) +
    duration("maxSegmentDuration", mpd.maxSegmentDuration) +
    duration("maxSubsegmentDuration", mpd.maxSubsegmentDuration);
  const indent = "  ";
  let children = "";
  if (mpd.programInformation !== undefined) children += writeProgramInformation(indent, mpd.programInformation);
  children += writeAll(indent, mpd.baseUrls, writeBaseUrl);
  children += writeAll(indent, mpd.locations, writeLocation);
  children += writeAll(indent, mpd.patchLocations, writePatchLocation);
  if (mpd.contentSteering !== undefined) children += writeContentSteering(indent, mpd.contentSteering);
  children += writeAll(indent, mpd.serviceDescriptions, writeServiceDescription);
  children += writeAll(indent, mpd.periods, writePeriod);
  children += writeDescriptors(indent, "EssentialProperty", mpd.essentialProperties);
  children += writeDescriptors(indent, "SupplementalProperty", mpd.supplementalProperties);
  children += writeDescriptors(indent, "UTCTiming", mpd.utcTimings);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element("", "MPD", attributes, children)}`;
}

function writeProgramInformation(indent: string, info: ProgramInformation): string {
  const inner = `${indent}  `;
  let children = "";
  if (info.title !== undefined) children += textElement(inner, "Title", "", info.title);
  if (info.source !== undefined) children += textElement(inner, "Source", "", info.source);
  if (info.copyright !== undefined) children += textElement(inner, "Copyright", "", info.copyright);
  const attributes = text("lang", info.lang) + text("moreInformationURL", info.moreInformationUrl);
  return element(indent, "ProgramInformation", attributes, children);
}

function writeLocation(indent: string, location: MpdLocation): string {
  return textElement(indent, "Location", text("serviceLocation", location.serviceLocation), location.url);
}

function writePatchLocation(indent: string, location: PatchLocation): string {
  const attributes = text("serviceLocation", location.serviceLocation) + double("ttl", location.ttl);
  return textElement(indent, "PatchLocation", attributes, location.url);
}

function writeContentSteering(indent: string, steering: DashContentSteering): string {
  const attributes =
    text("defaultServiceLocation", steering.defaultServiceLocation) +
    flag("queryBeforeStart", steering.queryBeforeStart) +
    flag("clientRequirement", steering.clientRequirement);
  return textElement(indent, "ContentSteering", attributes, steering.serverUrl);
}

function writeServiceDescription(indent: string, service: ServiceDescription): string {
  const inner = `${indent}  `;
  let children = writeDescriptors(inner, "Scope", service.scopes);
  const latency = service.latency;
  if (latency !== undefined) {
    const attributes =
      unsigned("referenceId", latency.referenceId) +
      unsigned("target", latency.target) +
      unsigned("max", latency.max) +
      unsigned("min", latency.min);
    children += element(inner, "Latency", attributes, "");
  }
  const rate = service.playbackRate;
  if (rate !== undefined)
    children += element(inner, "PlaybackRate", double("max", rate.max) + double("min", rate.min), "");
  if (service.contentSteering !== undefined) children += writeContentSteering(inner, service.contentSteering);
  return element(indent, "ServiceDescription", unsigned("id", service.id), children);
}

function writePeriod(indent: string, period: Period): string {
  const inner = `${indent}  `;
  const attributes =
    text("id", period.id) +
    duration("start", period.start) +
    duration("duration", period.duration) +
    flag("bitstreamSwitching", period.bitstreamSwitching);
  let children = writeAll(inner, period.baseUrls, writeBaseUrl) + writeSegmentAddressing(inner, period);
  if (period.assetIdentifier !== undefined) {
    children += element(inner, "AssetIdentifier", descriptorAttributes(period.assetIdentifier), "");
  }
  children += writeAll(inner, period.eventStreams, writeEventStream);
  children += writeAll(inner, period.serviceDescriptions, writeServiceDescription);
  children += writeAll(inner, period.adaptationSets, writeAdaptationSet);
  children += writeDescriptors(inner, "SupplementalProperty", period.supplementalProperties);
  return element(indent, "Period", attributes, children);
}

function writeEventStream(indent: string, stream: EventStream): string {
  const attributes =
    descriptorAttributes(stream) +
    unsigned("timescale", stream.timescale) +
    unsigned("presentationTimeOffset", stream.presentationTimeOffset);
  return element(indent, "EventStream", attributes, writeAll(`${indent}  `, stream.events, writeEvent));
}

function writeEvent(indent: string, event: MpdEvent): string {
  const attributes =
    unsigned("presentationTime", event.presentationTime) +
    unsigned("duration", event.duration) +
    unsigned("id", event.id) +
    text("contentEncoding", event.contentEncoding) +
    text("messageData", event.messageData);
  const elements = event.elements ?? [];
  if (elements.length === 0) {
    return event.text === undefined
      ? element(indent, "Event", attributes, "")
      : textElement(indent, "Event", attributes, event.text);
  }
  let children = event.text === undefined ? "" : `${indent}  ${escapeXml(event.text)}\n`;
  for (const child of elements) children += writeXmlElement(`${indent}  `, child, MPD_NAMESPACE);
  return element(indent, "Event", attributes, children);
}

function usesCenc(mpd: Mpd): boolean {
  for (const period of mpd.periods) {
    for (const set of period.adaptationSets) {
      for (const holder of [set, ...set.representations]) {
        if (holder.contentProtections?.some((item) => item.defaultKid !== undefined || item.pssh !== undefined))
          return true;
      }
    }
  }
  return false;
}
