/** One writer, many readers. */

export {
  type BroadcastReadOptions,
  createPacketBroadcast,
  DEFAULT_BROADCAST_BYTES,
  DEFAULT_BROADCAST_DROPS,
  DEFAULT_BROADCAST_LAG,
  type PacketBroadcast,
  type PacketBroadcastOptions,
  type PacketBroadcastStats,
  type PacketDrop,
} from "./broadcast.ts";
export { PACKET_OVERHEAD } from "./ring.ts";
