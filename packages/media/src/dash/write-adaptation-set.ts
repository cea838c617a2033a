/** Writes AdaptationSet and Representation (ISO/IEC 23009-1 §5.3.3–5.3.7). */
import type {
  AdaptationSet,
  ContentProtection,
  ProducerReferenceTime,
  Representation,
  RepresentationBase,
  Resync,
} from "./adaptation-set.ts";
import type { Label } from "./mpd.ts";
import { MPD_NAMESPACE } from "./namespaces.ts";
import { descriptorAttributes, writeAll, writeBaseUrl, writeDescriptors } from "./write-elements.ts";
import { writeSegmentAddressing } from "./write-segment-addressing.ts";
import { dateTime, double, element, flag, list, text, textElement, unsigned, writeXmlElement } from "./write-xml.ts";

/** AdaptationSet with all its representations. */
export function writeAdaptationSet(indent: string, set: AdaptationSet): string {
  const inner = `${indent}  `;
  const attributes =
    unsigned("id", set.id) +
    unsigned("group", set.group) +
    text("lang", set.lang) +
    text("contentType", set.contentType) +
    text("par", set.par) +
    unsigned("minBandwidth", set.minBandwidth) +
    unsigned("maxBandwidth", set.maxBandwidth) +
    unsigned("minWidth", set.minWidth) +
    unsigned("maxWidth", set.maxWidth) +
    unsigned("minHeight", set.minHeight) +
    unsigned("maxHeight", set.maxHeight) +
    text("minFrameRate", set.minFrameRate) +
    text("maxFrameRate", set.maxFrameRate) +
    flag("segmentAlignment", set.segmentAlignment) +
    flag("bitstreamSwitching", set.bitstreamSwitching) +
    flag("subsegmentAlignment", set.subsegmentAlignment) +
    unsigned("subsegmentStartsWithSAP", set.subsegmentStartsWithSap) +
    commonAttributes(set);
  let children = commonChildren(inner, set);
  children += writeDescriptors(inner, "Accessibility", set.accessibilities);
  children += writeDescriptors(inner, "Role", set.roles);
  children += writeDescriptors(inner, "Rating", set.ratings);
  children += writeDescriptors(inner, "Viewpoint", set.viewpoints);
  children += writeAll(inner, set.baseUrls, writeBaseUrl);
  children += writeSegmentAddressing(inner, set);
  children += writeAll(inner, set.representations, writeRepresentation);
  return element(indent, "AdaptationSet", attributes, children);
}

function writeRepresentation(indent: string, representation: Representation): string {
  const inner = `${indent}  `;
  const attributes =
    text("id", representation.id) +
    unsigned("bandwidth", representation.bandwidth) +
    unsigned("qualityRanking", representation.qualityRanking) +
    list("dependencyId", representation.dependencyId, " ") +
    list("associationId", representation.associationId, " ") +
    list("associationType", representation.associationType, " ") +
    commonAttributes(representation);
  let children = commonChildren(inner, representation);
  children += writeAll(inner, representation.baseUrls, writeBaseUrl);
  children += writeSegmentAddressing(inner, representation);
  return element(indent, "Representation", attributes, children);
}

function commonAttributes(base: RepresentationBase): string {
  return (
    list("profiles", base.profiles, ",") +
    unsigned("width", base.width) +
    unsigned("height", base.height) +
    text("sar", base.sar) +
    text("frameRate", base.frameRate) +
    text("audioSamplingRate", base.audioSamplingRate) +
    text("mimeType", base.mimeType) +
    list("codecs", base.codecs, ",") +
    double("maximumSAPPeriod", base.maximumSapPeriod) +
    unsigned("startWithSAP", base.startWithSap) +
    double("maxPlayoutRate", base.maxPlayoutRate) +
    flag("codingDependency", base.codingDependency) +
    text("scanType", base.scanType) +
    unsigned("selectionPriority", base.selectionPriority)
  );
}

function commonChildren(indent: string, base: RepresentationBase): string {
  return (
    writeDescriptors(indent, "FramePacking", base.framePackings) +
    writeDescriptors(indent, "AudioChannelConfiguration", base.audioChannelConfigurations) +
    writeAll(indent, base.contentProtections, writeContentProtection) +
    writeDescriptors(indent, "EssentialProperty", base.essentialProperties) +
    writeDescriptors(indent, "SupplementalProperty", base.supplementalProperties) +
    writeDescriptors(indent, "InbandEventStream", base.inbandEventStreams) +
    writeAll(indent, base.labels, writeLabel) +
    writeAll(indent, base.producerReferenceTimes, writeProducerReferenceTime) +
    writeAll(indent, base.resyncs, writeResync)
  );
}

function writeLabel(indent: string, label: Label): string {
  return textElement(indent, "Label", unsigned("id", label.id) + text("lang", label.lang), label.text);
}

function writeContentProtection(indent: string, protection: ContentProtection): string {
  const attributes =
    descriptorAttributes(protection) +
    text("robustness", protection.robustness) +
    text("ref", protection.ref) +
    text("refId", protection.refId) +
    text("cenc:default_KID", protection.defaultKid);
  let children = protection.pssh === undefined ? "" : textElement(`${indent}  `, "cenc:pssh", "", protection.pssh);
  for (const child of protection.elements ?? []) children += writeXmlElement(`${indent}  `, child, MPD_NAMESPACE);
  return element(indent, "ContentProtection", attributes, children);
}

function writeProducerReferenceTime(indent: string, reference: ProducerReferenceTime): string {
  const attributes =
    unsigned("id", reference.id) +
    flag("inband", reference.inband) +
    text("type", reference.type) +
    text("applicationScheme", reference.applicationScheme) +
    dateTime("wallClockTime", reference.wallClockTime) +
    unsigned("presentationTime", reference.presentationTime);
  const timing = reference.utcTiming === undefined ? [] : [reference.utcTiming];
  return element(indent, "ProducerReferenceTime", attributes, writeDescriptors(`${indent}  `, "UTCTiming", timing));
}

function writeResync(indent: string, resync: Resync): string {
  const attributes =
    unsigned("type", resync.type) +
    unsigned("dT", resync.dT) +
    double("dImax", resync.dImax) +
    double("dImin", resync.dImin) +
    flag("marker", resync.marker);
  return element(indent, "Resync", attributes, "");
}
