/** RTMP messages: what chunks carry (RTMP 1.0 §5, §6, §7). */

/** Message type ids. */
export const MessageType = {
  SetChunkSize: 1,
  Abort: 2,
  Acknowledgement: 3,
  UserControl: 4,
  WindowAckSize: 5,
  SetPeerBandwidth: 6,
  Audio: 8,
  Video: 9,
  /** Data (`@setDataFrame`, `onMetaData`) with a leading format byte before AMF0 values. */
  DataAmf3: 15,
  SharedObjectAmf3: 16,
  /** A command with a leading format byte before AMF0 values. */
  CommandAmf3: 17,
  DataAmf0: 18,
  SharedObjectAmf0: 19,
  CommandAmf0: 20,
  /** Several messages in one (RTMP 1.0 §7.1.6). */
  Aggregate: 22,
} as const;

/** One whole message. */
export interface RtmpMessage {
  /** See {@link MessageType}; other values exist in the wild. */
  readonly typeId: number;
  /** 0 for the connection itself, otherwise what `createStream` gave. */
  readonly streamId: number;
  /** Milliseconds, 32 bits unsigned: wraps after 49 days. */
  readonly timestamp: number;
  readonly payload: Uint8Array;
}
