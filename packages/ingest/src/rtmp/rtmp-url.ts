/** Addresses of RTMP streams. */

import { IngestError } from "../errors.ts";

/** The parts of `rtmp://host:port/app/key?query`. */
export interface RtmpUrl {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** Application: the path up to its last part. */
  readonly app: string;
  /** Stream key with the query: the last part of the path. */
  readonly streamName: string;
  /** The address without the stream key, as `connect` sends it. */
  readonly tcUrl: string;
}

/** The port of `rtmps://`. */
const DEFAULT_RTMPS_PORT = 443;

/**
 * Takes an address apart.
 *
 * @throws {IngestError} `INVALID_URL`.
 */
export function parseRtmpUrl(url: string): RtmpUrl {
  const match = /^(rtmps?):\/\/([^/?#]+)\/([^?#]*)(\?[^#]*)?$/i.exec(url);
  const authority = match?.[2] === undefined ? null : /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(match[2]);
  if (match?.[2]?.includes("@")) {
    throw new IngestError("INVALID_URL", "RTMP has no user and password: put credentials into the query");
  }
  const path = match?.[3]?.split("/").filter((part) => part !== "") ?? [];
  const key = path.pop();
  if (match === null || authority === null || key === undefined || path.length === 0) {
    throw new IngestError("INVALID_URL", "not an RTMP address: write rtmp://host/app/key, with the stream key last");
  }
  const secure = match[1]!.toLowerCase() === "rtmps";
  const host = authority[1]!.replace(/^\[|\]$/g, "");
  const port = authority[2] === undefined ? (secure ? DEFAULT_RTMPS_PORT : 1935) : Number(authority[2]);
  if (port < 1 || port > 65_535) throw new IngestError("INVALID_URL", `${port} is no TCP port`);
  const app = path.map(decode).join("/");
  const scheme = secure ? "rtmps" : "rtmp";
  return {
    secure,
    host,
    port,
    app,
    streamName: decode(key) + (match[4] ?? ""),
    tcUrl: `${scheme}://${authority[1]}:${port}/${app}`,
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Not percent-encoded after all: stream keys may hold anything.
    return part;
  }
}
