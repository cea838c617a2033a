/** The little of mpd-parser that tests and benchmarks use; the package has no types of its own. */
declare module "mpd-parser" {
  interface Playlist {
    readonly attributes: {
      readonly NAME: string;
      readonly BANDWIDTH: number;
      readonly CODECS?: string;
      readonly RESOLUTION?: { readonly width: number; readonly height: number };
    };
    readonly endList: boolean;
    readonly discontinuityStarts: readonly number[];
    readonly contentProtection?: Readonly<
      Record<string, { readonly attributes: Readonly<Record<string, string>>; readonly pssh?: Uint8Array }>
    >;
    readonly segments: readonly {
      readonly resolvedUri: string;
      readonly duration: number;
      readonly presentationTime: number;
      readonly map: { readonly resolvedUri: string };
    }[];
  }
  export function parse(
    text: string,
    options?: {
      readonly manifestUri?: string;
      readonly NOW?: number;
      readonly eventHandler?: (event: { readonly type: string; readonly message: string }) => void;
    },
  ): {
    readonly playlists: readonly Playlist[];
    readonly mediaGroups: {
      readonly AUDIO: { readonly audio?: Readonly<Record<string, { readonly playlists: readonly Playlist[] }>> };
    };
    readonly minimumUpdatePeriod?: number;
    readonly suggestedPresentationDelay?: number;
    readonly contentSteering?: { readonly serverURL: string; readonly defaultServiceLocation?: string };
    readonly eventStream?: readonly {
      readonly schemeIdUri: string;
      readonly start: number;
      readonly end: number;
      readonly messageData: string;
    }[];
  };
  export function parseUTCTiming(text: string): { readonly method: string; readonly value: string } | null;
}
