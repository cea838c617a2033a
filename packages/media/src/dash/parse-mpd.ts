/** Reads an MPD (ISO/IEC 23009-1 §5.3). */
import { documentError } from "../document-error.ts";
import { type Mutable, put } from "../mutable.ts";
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
  ServiceLatency,
} from "./mpd.ts";
import { MPD_NAMESPACE } from "./namespaces.ts";
import { readAdaptationSet } from "./parse-adaptation-set.ts";
import { keep, readAll, readBaseUrl, readDescriptor, readOne } from "./parse-elements.ts";
import { readSegmentAddressing } from "./parse-segment-addressing.ts";
import { Values } from "./read-values.ts";
import { type ReadElement, readXml } from "./read-xml.ts";

/**
 * Reads an MPD. Elements and attributes that this module does not know are passed over.
 *
 * @throws {MediaError} `MALFORMED` when it is not well-formed XML, not an MPD, or an attribute has another type than the schema's; `UNSUPPORTED`
 * for a document type declaration, or a duration in years or months; `LIMIT_EXCEEDED` for elements nested deeper than 64 or a number above 2^53 - 1.
 */
export function parseMpd(text: string): Mpd {
  const root = readXml(text);
  if (root.name !== "MPD" || root.namespace !== MPD_NAMESPACE) {
    throw documentError(
      "MALFORMED",
      root.line,
      `the root is no MPD of ${MPD_NAMESPACE}, but ${root.name} of ${root.namespace || "no namespace"}`,
    );
  }
  const values = new Values(root);
  const mpd: Mutable<Mpd> = {
    profiles: values.required("profiles", values.list("profiles", ",")),
    minBufferTime: values.required("minBufferTime", values.duration("minBufferTime")),
    periods: readAll(root, "Period", readPeriod) ?? [],
  };
  put(mpd, "id", values.text("id"));
  put(mpd, "type", values.oneOf("type", ["static", "dynamic"]));
  put(mpd, "availabilityStartTime", values.dateTime("availabilityStartTime"));
  put(mpd, "availabilityEndTime", values.dateTime("availabilityEndTime"));
  put(mpd, "publishTime", values.dateTime("publishTime"));
  put(mpd, "mediaPresentationDuration", values.duration("mediaPresentationDuration"));
  put(mpd, "minimumUpdatePeriod", values.duration("minimumUpdatePeriod"));
  put(mpd, "timeShiftBufferDepth", values.duration("timeShiftBufferDepth"));
  put(mpd, "suggestedPresentationDelay", values.duration("suggestedPresentationDelay"));
  put(mpd, "maxSegmentDuration", values.duration("maxSegmentDuration"));
  put(mpd, "maxSubsegmentDuration", values.duration("maxSubsegmentDuration"));
  put(mpd, "programInformation", readOne(root, "ProgramInformation", readProgramInformation));
  put(mpd, "baseUrls", readAll(root, "BaseURL", readBaseUrl));
  put(mpd, "locations", readAll(root, "Location", readLocation));
  put(mpd, "patchLocations", readAll(root, "PatchLocation", readPatchLocation));
  put(mpd, "contentSteering", readOne(root, "ContentSteering", readContentSteering));
  put(mpd, "serviceDescriptions", readAll(root, "ServiceDescription", readServiceDescription));
  put(mpd, "essentialProperties", readAll(root, "EssentialProperty", readDescriptor));
  put(mpd, "supplementalProperties", readAll(root, "SupplementalProperty", readDescriptor));
  put(mpd, "utcTimings", readAll(root, "UTCTiming", readDescriptor));
  return mpd;
}

function readProgramInformation(element: ReadElement): ProgramInformation {
  const values = new Values(element);
  const info: Mutable<ProgramInformation> = {};
  const text = (child: ReadElement): string => child.text;
  put(info, "title", readOne(element, "Title", text));
  put(info, "source", readOne(element, "Source", text));
  put(info, "copyright", readOne(element, "Copyright", text));
  put(info, "lang", values.text("lang"));
  put(info, "moreInformationUrl", values.text("moreInformationURL"));
  return info;
}

function readLocation(element: ReadElement): Mutable<MpdLocation> {
  const location: Mutable<MpdLocation> = { url: element.text };
  put(location, "serviceLocation", new Values(element).text("serviceLocation"));
  return location;
}

function readPatchLocation(element: ReadElement): PatchLocation {
  const location: Mutable<PatchLocation> = readLocation(element);
  put(location, "ttl", new Values(element).double("ttl"));
  return location;
}

function readContentSteering(element: ReadElement): DashContentSteering {
  const values = new Values(element);
  const steering: Mutable<DashContentSteering> = { serverUrl: element.text };
  put(steering, "defaultServiceLocation", values.text("defaultServiceLocation"));
  put(steering, "queryBeforeStart", values.flag("queryBeforeStart"));
  put(steering, "clientRequirement", values.flag("clientRequirement"));
  return steering;
}

function readServiceDescription(element: ReadElement): ServiceDescription {
  const service: Mutable<ServiceDescription> = {};
  put(service, "id", new Values(element).unsigned("id"));
  put(service, "scopes", readAll(element, "Scope", readDescriptor));
  put(service, "latency", readOne(element, "Latency", readLatency));
  put(service, "playbackRate", readOne(element, "PlaybackRate", readPlaybackRate));
  put(service, "contentSteering", readOne(element, "ContentSteering", readContentSteering));
  return service;
}

function readLatency(element: ReadElement): ServiceLatency {
  const values = new Values(element);
  const latency: Mutable<ServiceLatency> = {};
  put(latency, "target", values.unsigned("target"));
  put(latency, "min", values.unsigned("min"));
  put(latency, "max", values.unsigned("max"));
  put(latency, "referenceId", values.unsigned("referenceId"));
  return latency;
}

function readPlaybackRate(element: ReadElement): { min?: number; max?: number } {
  const values = new Values(element);
  const rate: { min?: number; max?: number } = {};
  put(rate, "min", values.double("min"));
  put(rate, "max", values.double("max"));
  return rate;
}

function readPeriod(element: ReadElement): Period {
  const values = new Values(element);
  const period: Mutable<Period> = { adaptationSets: readAll(element, "AdaptationSet", readAdaptationSet) ?? [] };
  put(period, "id", values.text("id"));
  put(period, "start", values.duration("start"));
  put(period, "duration", values.duration("duration"));
  put(period, "bitstreamSwitching", values.flag("bitstreamSwitching"));
  put(period, "baseUrls", readAll(element, "BaseURL", readBaseUrl));
  readSegmentAddressing(element, period);
  put(period, "assetIdentifier", readOne(element, "AssetIdentifier", readDescriptor));
  put(period, "eventStreams", readAll(element, "EventStream", readEventStream));
  put(period, "serviceDescriptions", readAll(element, "ServiceDescription", readServiceDescription));
  put(period, "supplementalProperties", readAll(element, "SupplementalProperty", readDescriptor));
  return period;
}

function readEventStream(element: ReadElement): EventStream {
  const values = new Values(element);
  const stream: Mutable<EventStream> = {
    ...readDescriptor(element),
    events: readAll(element, "Event", readEvent) ?? [],
  };
  put(stream, "timescale", values.unsigned("timescale"));
  put(stream, "presentationTimeOffset", values.unsigned("presentationTimeOffset"));
  return stream;
}

function readEvent(element: ReadElement): MpdEvent {
  const values = new Values(element);
  const event: Mutable<MpdEvent> = {};
  put(event, "presentationTime", values.unsigned("presentationTime"));
  put(event, "duration", values.unsigned("duration"));
  put(event, "id", values.unsigned("id"));
  put(event, "contentEncoding", values.oneOf("contentEncoding", ["base64"]));
  put(event, "messageData", values.text("messageData"));
  if (element.text !== "") event.text = element.text;
  if (element.children.length > 0) event.elements = element.children.map(keep);
  return event;
}
