/**
 * The shared words of AMI Streams. No I/O, no dependencies, the same in Node and in browsers.
 *
 * @module
 */

export type { AudioTrack, Packet, PacketSource, ReadOptions, Track, TrackKind, VideoTrack } from "./track.ts";
