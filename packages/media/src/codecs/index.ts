/** Codecs: bitstreams, decoder configurations and codec strings. */

export {
  type AdtsFrame,
  type AdtsHeader,
  audioSpecificConfigFromAdts,
  parseAdtsHeader,
  readAdtsFrames,
} from "./aac/adts.ts";
export {
  type AudioSpecificConfig,
  type AudioSpecificConfigFields,
  aacCodecString,
  parseAudioSpecificConfig,
  type SbrSignalling,
  writeAudioSpecificConfig,
} from "./aac/config.ts";
export {
  type Av1Config,
  av1CodecString,
  av1ConfigFromTemporalUnit,
  av1ConfigSequenceHeader,
  parseAv1Config,
  writeAv1Config,
} from "./av1/config.ts";
export { AV1_OBU, type Av1Obu, isAv1Keyframe, readObus, stripTemporalDelimiters } from "./av1/obu.ts";
export { type Av1SequenceHeader, parseAv1SequenceHeader } from "./av1/sequence-header.ts";
export {
  type AvcConfig,
  type AvcConfigExtension,
  avcCodecString,
  avcConfigFromNalUnits,
  parseAvcConfig,
  writeAvcConfig,
} from "./h264/config.ts";
export { H264_NAL, h264NalType, isH264Keyframe } from "./h264/nal-unit.ts";
export { type H264Pps, parseH264Pps } from "./h264/pps.ts";
export { type H264Sps, parseH264Sps } from "./h264/sps.ts";
export {
  type HevcConfig,
  type HevcNalArray,
  hevcConfigFromNalUnits,
  parseHevcConfig,
  writeHevcConfig,
} from "./hevc/config.ts";
export { HEVC_NAL, hevcNalType, isHevcKeyframe } from "./hevc/nal-unit.ts";
export { type HevcPps, parseHevcPps } from "./hevc/pps.ts";
export { type HevcProfile, hevcCodecString } from "./hevc/profile.ts";
export { type HevcSps, parseHevcSps } from "./hevc/sps.ts";
export { type HevcVps, parseHevcVps } from "./hevc/vps.ts";
export { type Mp3Header, mp3CodecString, parseMp3Header } from "./mp3/header.ts";
export {
  annexBToLengthPrefixed,
  lengthPrefixedToAnnexB,
  NAL_LENGTH_SIZE,
  readLengthPrefixedNalUnits,
  readNalUnits,
  unescapeNalUnit,
} from "./nal/annex-b.ts";
export type { Colour, SampleAspectRatio } from "./nal/vui.ts";
export {
  isOpusHead,
  type OpusChannelMapping,
  type OpusConfig,
  parseOpusConfig,
  parseOpusHead,
  writeOpusConfig,
  writeOpusHead,
} from "./opus/config.ts";
export { OPUS_SAMPLE_RATE, opusPacketDuration } from "./opus/packet.ts";
export {
  type AudioTrackOptions,
  audioTrackFromConfig,
  type VideoTrackOptions,
  videoTrackFromConfig,
} from "./tracks.ts";
