/** What a deployment can be told: the shape of `ami-matrix.json` and of a typed config file. */

/** A bridge to another network. `irc` is Heisenbridge, the others are mautrix's. */
export type BridgeName = "discord" | "irc" | "slack" | "telegram";

/** Options of a deployment. Only `serverName` has to be given. */
export interface DeploymentConfig {
  /** The part of user ids after the colon, e.g. `example.org`. It can never be changed. */
  readonly serverName: string;
  /** Where clients reach the homeserver, `https://host`. Default `https://matrix.<serverName>`; for `localhost` `http://localhost:8008`. */
  readonly publicUrl?: string;
  /** Whether users talk to those of other servers. False: an island, and nothing of federation is reachable. Default true. */
  readonly federation?: boolean;
  /** Who may make an account by themselves: nobody, or whoever has a registration token. Default `closed`. */
  readonly registration?: "closed" | "token";
  /** Whether rooms may be read without an account, where their members allow it. Default false. */
  readonly guests?: boolean;
  /** User ids of operators, told in `.well-known/matrix/support`. */
  readonly admins?: readonly string[];
  /** Where to write about abuse, told in `.well-known/matrix/support`. */
  readonly contactEmail?: string;
  /** Largest upload, bytes. Default 100 MiB. */
  readonly maxUploadBytes?: number;
  /** Whether links are previewed. Addresses of private networks are never fetched. Default true. */
  readonly urlPreviews?: boolean;
  /** How fast one user may send messages. Default 5 per second, 30 at once. */
  readonly messageRate?: { readonly perSecond: number; readonly burst: number };
  /** Element Web; false for none. Default: on `https://element.<serverName>`. */
  readonly element?: ElementConfig | false;
  /** A TURN server for calls; false for none. Default: coturn on the homeserver's host. */
  readonly turn?: TurnConfig | false;
  /** Synapse's worker processes besides the main one, with Redis between them. Default 0: one process, no Redis. */
  readonly workers?: number;
  /** Group calls by MatrixRTC: LiveKit and its authorisation service. Default false. */
  readonly calls?: boolean;
  /** Jitsi Meet as a widget; true puts it on `https://meet.<serverName>`. Default false. */
  readonly jitsi?: boolean | { readonly url: string };
  /** Bridges to other networks. Default none. */
  readonly bridges?: readonly BridgeName[];
  /** What runs in front of it all: a Caddy container, which gets certificates by itself, or a proxy of your own. Default `caddy`. */
  readonly proxy?: "caddy" | "own";
  /** Certificates for the nginx configuration. Default: where certbot puts them. */
  readonly tls?: TlsConfig;
  /** Ports on the loopback address. */
  readonly ports?: {
    /** The homeserver. Default 8008. */
    readonly homeserver?: number;
    /** Element Web. Default 8888. */
    readonly element?: number;
  };
  /** Container images to use instead of the default ones, with tag or digest. */
  readonly images?: Partial<Record<ImageName, string>>;
  /** Synapse's own options, over those that are generated: `{ enable_search: false }`. Unchecked. */
  readonly synapse?: Readonly<Record<string, unknown>>;
}

/** Element Web. */
export interface ElementConfig {
  /** Where it is served, `https://host`. */
  readonly url?: string;
  /** What it is called. Default `Element`. */
  readonly brand?: string;
}

/** A TURN server. */
export interface TurnConfig {
  /** Its host name. Default: the homeserver's. */
  readonly host?: string;
  /** Public address, where the machine itself has a private one. */
  readonly externalIp?: string;
  /** First and last UDP port of relays. Default 49160 to 49259. */
  readonly relayPorts?: readonly [number, number];
}

/** Certificate and key, PEM files. */
export interface TlsConfig {
  /** Certificate chain. `{host}` stands for the host name. */
  readonly certificate: string;
  /** Its key. `{host}` stands for the host name. */
  readonly key: string;
  /** The oldest protocol that is spoken. Default `1.2`. */
  readonly minVersion?: "1.2" | "1.3";
}

/** A container image that a deployment can use. */
export type ImageName =
  | "caddy"
  | "coturn"
  | "discord"
  | "element"
  | "irc"
  | "jitsiJicofo"
  | "jitsiJvb"
  | "jitsiProsody"
  | "jitsiWeb"
  | "livekit"
  | "livekitAuth"
  | "postgres"
  | "redis"
  | "slack"
  | "synapse"
  | "telegram";

/** A config file's default export: checks its type and returns it. */
export function defineDeployment(config: DeploymentConfig): DeploymentConfig {
  return config;
}
