/**
 * What makes sockets cheaper, and Node does inside without a way to ask for it. Each is looked for, and left out where a Node has it no longer.
 *
 * - Reading into one buffer that all sockets share, instead of one that is allocated for each read. `net.connect` offers it as its documented
 *   option `onread`; for sockets that a server accepted, it is reached by what that option sets, looked up once on a socket made with it.
 * - A socket's descriptor, for calls of the system that Node does not have.
 */

import { Socket } from "node:net";

/** Bytes read at once: as much as Node reads of a socket without this. */
const SHARED_BYTES = 64 * 1024;

/** @returns false where reading should stop until the socket is resumed. */
type OnRead = (length: number, buffer: Buffer) => boolean;

interface ReadHandle {
  useUserBuffer?(buffer: Uint8Array): void;
  readonly fd?: number;
}

type SocketInside = Socket & {
  readonly _handle?: ReadHandle | null;
} & Record<symbol, unknown>;

const shared = Buffer.allocUnsafeSlow(SHARED_BYTES);
const places = findPlaces();

function findPlaces(): { readonly buffer: symbol; readonly callback: symbol } | undefined {
  const sample = new Socket({ onread: { buffer: shared, callback: () => true } } as object);
  const inside = sample as SocketInside;
  const symbols = Object.getOwnPropertySymbols(inside);
  const buffer = symbols.find((symbol) => inside[symbol] === shared);
  const callback = symbols.find((symbol) => typeof inside[symbol] === "function");
  sample.destroy();
  return buffer === undefined || callback === undefined ? undefined : { buffer, callback };
}

/**
 * Reads a socket from now on by `onRead`, whose bytes are another's as soon as it returns.
 *
 * @returns false where this Node cannot.
 */
export function readShared(socket: Socket, onRead: OnRead): boolean {
  const inside = socket as SocketInside;
  const handle = inside._handle;
  if (places === undefined || typeof handle?.useUserBuffer !== "function") return false;
  if (!(places.buffer in inside && places.callback in inside)) return false;
  handle.useUserBuffer(shared);
  inside[places.callback] = onRead;
  inside[places.buffer] = shared;
  return true;
}

/** Gives the socket's bytes back to its stream. */
export function unreadShared(socket: Socket): void {
  if (places === undefined) return;
  const inside = socket as SocketInside;
  if (inside[places.buffer] !== shared) return;
  inside[places.callback] = (length: number, buffer: Buffer): boolean =>
    socket.push(Buffer.from(buffer.subarray(0, length)));
}

/** The number by which the system knows a socket that is open; undefined where it has none (TLS, Windows) or is closed. */
export function descriptorOf(socket: Socket): number | undefined {
  const descriptor = (socket as SocketInside)._handle?.fd;
  return descriptor !== undefined && descriptor >= 0 ? descriptor : undefined;
}
