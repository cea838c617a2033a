/** What a config must be, field by field. */

import { isIPv4 } from "node:net";
import * as v from "valibot";

/** Server names that name this machine: no certificates, no other servers. */
const LOCAL = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/;
/** A host name or an address, and a port (Matrix specification, appendices, "Server name"). */
const SERVER_NAME = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,230})(?::\d{1,5})?$/;
const USER_ID = /^@[^:\s]+:\S+$/;
const IMAGE = /^[\w./:@-]+$/;
/** More do not help one machine. */
const MAX_WORKERS = 32;

const flag = v.boolean("must be true or false");
const line = v.pipe(v.string("must be text"), v.regex(/^[^\p{Cc}]+$/u, "must be one line of text"));
const whole = (min: number, max: number) => {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message));
};
const port = whole(1, 65_535);
const url = v.pipe(
  v.string("must be a URL"),
  v.check(
    (text) => /^https?:\/\/[\w.:[\]-]+\/?$/.test(text) && URL.canParse(text),
    "must be https://host, without a path",
  ),
  v.transform((text) => new URL(text).origin),
);
const hostName = v.pipe(v.string("must be a host name"), v.regex(/^[\w.-]+$/, "must be a host name"));
const address = v.pipe(v.string("must be an address"), v.ip("must be an IPv4 or IPv6 address"));
const file = v.pipe(line, v.regex(/^[^\s;{}"'`]*(\{host\}[^\s;{}"'`]*)?$/, "must be a path without spaces and quotes"));
const choice = <const T extends readonly string[]>(options: T) =>
  v.picklist(options, `must be ${options.join(" or ")}`);
const section = <const T extends v.ObjectEntries>(entries: T) =>
  v.strictObject(entries, (issue) => sectionMessage(issue.expected, entries));

/** What valibot expects: a key that is missing, none where one is too many, or an object. */
function sectionMessage(expected: string | null, entries: v.ObjectEntries): string {
  if (expected?.startsWith('"')) return "is missing";
  if (expected === "never") return `is no option: there are ${Object.keys(entries).join(", ")}`;
  return "must be an object with options";
}

const imageNames = [
  "caddy",
  "coturn",
  "discord",
  "element",
  "irc",
  "jitsiJicofo",
  "jitsiJvb",
  "jitsiProsody",
  "jitsiWeb",
  "livekit",
  "livekitAuth",
  "postgres",
  "redis",
  "slack",
  "synapse",
  "telegram",
] as const;

export const deploymentSchema = section({
  serverName: v.pipe(
    v.string("must be the name of the server, e.g. example.org"),
    v.regex(SERVER_NAME, "must be a host name or an address, e.g. example.org"),
    v.toLowerCase(),
  ),
  publicUrl: v.optional(url),
  federation: v.optional(flag),
  registration: v.optional(choice(["closed", "token"])),
  guests: v.optional(flag),
  admins: v.optional(v.array(v.pipe(line, v.regex(USER_ID, "must be a user id like @alice:example.org")))),
  contactEmail: v.optional(v.pipe(line, v.email("must be an e-mail address"))),
  maxUploadBytes: v.optional(whole(1, 2 ** 40)),
  urlPreviews: v.optional(flag),
  messageRate: v.optional(
    section({
      perSecond: v.pipe(v.number("must be a number"), v.gtValue(0, "must be above 0")),
      burst: whole(1, 1_000_000),
    }),
  ),
  element: v.optional(v.union([v.literal(false), section({ url: v.optional(url), brand: v.optional(line) })])),
  turn: v.optional(
    v.union([
      v.literal(false),
      section({
        host: v.optional(hostName),
        externalIp: v.optional(address),
        relayPorts: v.optional(
          v.pipe(
            v.tuple([port, port]),
            v.check(([first, last]) => first <= last, "must be the first and the last port"),
          ),
        ),
      }),
    ]),
  ),
  workers: v.optional(whole(0, MAX_WORKERS)),
  calls: v.optional(flag),
  jitsi: v.optional(v.union([flag, section({ url })])),
  bridges: v.optional(v.array(choice(["discord", "irc", "slack", "telegram"]))),
  proxy: v.optional(choice(["caddy", "own"])),
  tls: v.optional(section({ certificate: file, key: file, minVersion: v.optional(choice(["1.2", "1.3"])) })),
  ports: v.optional(section({ homeserver: v.optional(port), element: v.optional(port) })),
  images: v.optional(
    v.record(
      v.picklist(imageNames, `must be one of ${imageNames.join(", ")}`),
      v.pipe(line, v.regex(IMAGE, "must be the name of an image")),
    ),
  ),
  synapse: v.optional(v.record(v.string(), v.unknown(), "must be an object of Synapse's own options")),
});

/** Whether the server's name means this machine alone. */
export function isLocalName(serverName: string): boolean {
  return LOCAL.test(serverName);
}

/** Whether it is an address, and no name. */
export function isAddress(host: string): boolean {
  return host.startsWith("[") || isIPv4(host);
}
