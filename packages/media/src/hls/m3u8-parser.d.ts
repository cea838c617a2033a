/** The little of m3u8-parser that tests and benchmarks use; the package has no types of its own. */
declare module "m3u8-parser" {
  export class Parser {
    readonly manifest: {
      readonly version?: number;
      readonly targetDuration?: number;
      readonly mediaSequence?: number;
      readonly discontinuitySequence?: number;
      readonly endList?: boolean;
      readonly independentSegments?: boolean;
      readonly partTargetDuration?: number;
      readonly serverControl?: Readonly<Record<string, number | boolean>>;
      readonly segments: readonly {
        readonly uri: string;
        readonly duration: number;
        readonly discontinuity?: boolean;
        readonly programDateTime?: number;
        readonly map?: { readonly uri: string };
        readonly key?: { readonly method: string; readonly uri: string };
        readonly byterange?: { readonly length: number; readonly offset: number };
        readonly parts?: readonly { readonly uri: string; readonly duration: number; readonly independent?: boolean }[];
      }[];
      readonly preloadSegment?: {
        readonly parts?: readonly { readonly uri: string }[];
        readonly preloadHints?: readonly { readonly type: string; readonly uri: string }[];
      };
      readonly renditionReports?: readonly {
        readonly uri: string;
        readonly lastMsn?: number;
        readonly lastPart?: number;
      }[];
      readonly skip?: { readonly skippedSegments: number };
      readonly playlists?: readonly { readonly uri: string; readonly attributes: Readonly<Record<string, unknown>> }[];
      readonly mediaGroups?: Readonly<
        Record<
          string,
          Readonly<Record<string, Readonly<Record<string, { readonly uri?: string; readonly language?: string }>>>>
        >
      >;
    };
    push(text: string): void;
    end(): void;
  }
}
