/** Initialisation segments, fragments and the boxes beside them (ISO/IEC 14496-12, ISO/IEC 23000-19). */

export { type Box, MAX_BOX_DEPTH, type ReadBoxesOptions, readBoxes } from "./box-reader.ts";
export { type EventMessage, type ReadEventMessage, readEventMessage, writeEventMessage } from "./event-message.ts";
export {
  createFragmentReader,
  DEFAULT_MAX_BOX_BYTES,
  DEFAULT_MAX_SAMPLE_BYTES,
  type FragmentReader,
  type FragmentReaderOptions,
} from "./fragment-reader.ts";
export { type FragmentOptions, writeFragment, writeFragmentChunks } from "./fragment-writer.ts";
export { type InitSegment, type InitTrackDetails, readInitSegment } from "./init-reader.ts";
export { type InitSegmentOptions, writeInitSegment } from "./init-writer.ts";
export {
  type ProducerReference,
  type ProducerReferenceMeaning,
  readProducerReference,
  writeProducerReference,
} from "./producer-reference.ts";
export { readSegmentIndex, type SegmentIndex, type SegmentReference, writeSegmentIndex } from "./segment-index.ts";
export { type SegmentBrand, writeSegmentType } from "./segment-type.ts";
export type { SampleDefaults } from "./track-run.ts";
