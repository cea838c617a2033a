/** Reads AdaptationSet and Representation (ISO/IEC 23009-1 §5.3.3–5.3.7). */

import { type Mutable, put } from "../mutable.ts";
import type {
  AdaptationSet,
  ContentProtection,
  ProducerReferenceTime,
  Representation,
  RepresentationBase,
  Resync,
} from "./adaptation-set.ts";
import { CENC_NAMESPACE } from "./namespaces.ts";
import { keep, readAll, readBaseUrl, readDescriptor, readLabel, readOne } from "./parse-elements.ts";
import { readSegmentAddressing } from "./parse-segment-addressing.ts";
import { Values } from "./read-values.ts";
import type { ReadElement } from "./read-xml.ts";

/** AdaptationSet with all its representations. */
export function readAdaptationSet(element: ReadElement): AdaptationSet {
  const values = new Values(element);
  const set: Mutable<AdaptationSet> = { representations: readAll(element, "Representation", readRepresentation) ?? [] };
  put(set, "id", values.unsigned("id"));
  put(set, "group", values.unsigned("group"));
  put(set, "lang", values.text("lang"));
  put(set, "contentType", values.text("contentType"));
  put(set, "par", values.text("par"));
  put(set, "minBandwidth", values.unsigned("minBandwidth"));
  put(set, "maxBandwidth", values.unsigned("maxBandwidth"));
  put(set, "minWidth", values.unsigned("minWidth"));
  put(set, "maxWidth", values.unsigned("maxWidth"));
  put(set, "minHeight", values.unsigned("minHeight"));
  put(set, "maxHeight", values.unsigned("maxHeight"));
  put(set, "minFrameRate", values.text("minFrameRate"));
  put(set, "maxFrameRate", values.text("maxFrameRate"));
  put(set, "segmentAlignment", values.flag("segmentAlignment"));
  put(set, "bitstreamSwitching", values.flag("bitstreamSwitching"));
  put(set, "subsegmentAlignment", values.flag("subsegmentAlignment"));
  put(set, "subsegmentStartsWithSap", values.unsigned("subsegmentStartsWithSAP"));
  readCommon(element, values, set);
  put(set, "accessibilities", readAll(element, "Accessibility", readDescriptor));
  put(set, "roles", readAll(element, "Role", readDescriptor));
  put(set, "ratings", readAll(element, "Rating", readDescriptor));
  put(set, "viewpoints", readAll(element, "Viewpoint", readDescriptor));
  put(set, "baseUrls", readAll(element, "BaseURL", readBaseUrl));
  readSegmentAddressing(element, set);
  return set;
}

function readRepresentation(element: ReadElement): Representation {
  const values = new Values(element);
  const representation: Mutable<Representation> = {
    id: values.required("id", values.text("id")),
    bandwidth: values.required("bandwidth", values.unsigned("bandwidth")),
  };
  put(representation, "qualityRanking", values.unsigned("qualityRanking"));
  put(representation, "dependencyId", values.list("dependencyId", " "));
  put(representation, "associationId", values.list("associationId", " "));
  put(representation, "associationType", values.list("associationType", " "));
  readCommon(element, values, representation);
  put(representation, "baseUrls", readAll(element, "BaseURL", readBaseUrl));
  readSegmentAddressing(element, representation);
  return representation;
}

function readCommon(element: ReadElement, values: Values, base: Mutable<RepresentationBase>): void {
  put(base, "profiles", values.list("profiles", ","));
  put(base, "width", values.unsigned("width"));
  put(base, "height", values.unsigned("height"));
  put(base, "sar", values.text("sar"));
  put(base, "frameRate", values.text("frameRate"));
  put(base, "audioSamplingRate", values.text("audioSamplingRate"));
  put(base, "mimeType", values.text("mimeType"));
  put(base, "codecs", values.list("codecs", ","));
  put(base, "maximumSapPeriod", values.double("maximumSAPPeriod"));
  put(base, "startWithSap", values.unsigned("startWithSAP"));
  put(base, "maxPlayoutRate", values.double("maxPlayoutRate"));
  put(base, "codingDependency", values.flag("codingDependency"));
  put(base, "scanType", values.oneOf("scanType", ["progressive", "interlaced", "unknown"]));
  put(base, "selectionPriority", values.unsigned("selectionPriority"));
  put(base, "framePackings", readAll(element, "FramePacking", readDescriptor));
  put(base, "audioChannelConfigurations", readAll(element, "AudioChannelConfiguration", readDescriptor));
  put(base, "contentProtections", readAll(element, "ContentProtection", readContentProtection));
  put(base, "essentialProperties", readAll(element, "EssentialProperty", readDescriptor));
  put(base, "supplementalProperties", readAll(element, "SupplementalProperty", readDescriptor));
  put(base, "inbandEventStreams", readAll(element, "InbandEventStream", readDescriptor));
  put(base, "labels", readAll(element, "Label", readLabel));
  put(base, "producerReferenceTimes", readAll(element, "ProducerReferenceTime", readProducerReferenceTime));
  put(base, "resyncs", readAll(element, "Resync", readResync));
}

function readContentProtection(element: ReadElement): ContentProtection {
  const values = new Values(element);
  const protection: Mutable<ContentProtection> = readDescriptor(element);
  put(protection, "robustness", values.text("robustness"));
  put(protection, "ref", values.text("ref"));
  put(protection, "refId", values.text("refId"));
  put(protection, "defaultKid", values.text(`${CENC_NAMESPACE}#default_KID`));
  const isPssh = (child: ReadElement): boolean => child.name === "pssh" && child.namespace === CENC_NAMESPACE;
  const pssh = element.children.find(isPssh);
  if (pssh !== undefined) protection.pssh = pssh.text.replace(/\s+/g, "");
  const others = element.children.filter((child) => child !== pssh);
  if (others.length > 0) protection.elements = others.map(keep);
  return protection;
}

function readProducerReferenceTime(element: ReadElement): ProducerReferenceTime {
  const values = new Values(element);
  const reference: Mutable<ProducerReferenceTime> = {
    id: values.required("id", values.unsigned("id")),
    wallClockTime: values.required("wallClockTime", values.dateTime("wallClockTime")),
    presentationTime: values.required("presentationTime", values.unsigned("presentationTime")),
  };
  put(reference, "inband", values.flag("inband"));
  put(reference, "type", values.oneOf("type", ["encoder", "captured", "application"]));
  put(reference, "applicationScheme", values.text("applicationScheme"));
  put(reference, "utcTiming", readOne(element, "UTCTiming", readDescriptor));
  return reference;
}

function readResync(element: ReadElement): Resync {
  const values = new Values(element);
  const resync: Mutable<Resync> = {};
  put(resync, "type", values.unsigned("type"));
  put(resync, "dT", values.unsigned("dT"));
  put(resync, "dImax", values.double("dImax"));
  put(resync, "dImin", values.double("dImin"));
  put(resync, "marker", values.flag("marker"));
  return resync;
}
