/** The strict judge of HLS playlists: alone, side by side, and over time. */
import { MediaError } from "../../errors.ts";
import { applyDelta } from "../delta.ts";
import type { MediaPlaylist } from "../media-playlist.ts";
import type { MultivariantPlaylist } from "../multivariant-playlist.ts";
import { alignmentRules } from "./alignment-rules.ts";
import { lowLatencyRules } from "./low-latency-rules.ts";
import { mediaRules } from "./media-rules.ts";
import { multivariantRules } from "./multivariant-rules.ts";
import { nameOf } from "./presentation.ts";
import { reloadRules } from "./reload-rules.ts";
import type { AuthoringMedia, AuthoringPresentation, Rule, Severity, Violation } from "./rule.ts";

const DELTA_APPLIES = { id: "delta-applies", severity: "must", source: "RFC 8216bis §6.2.5.1" } as const;

/** A rule, for documentation: what it is named, how much it weighs, who asks for it. */
export interface AuthoringRule {
  readonly id: string;
  readonly severity: Severity;
  readonly source: string;
  /** What it looks at: one media playlist, two loads of one, or a presentation. */
  readonly scope: "media" | "reload" | "presentation";
}

/** Every rule that {@link checkAuthoring} knows. */
export const authoringRules: readonly AuthoringRule[] = [
  ...describe("media", [...mediaRules, ...lowLatencyRules]),
  ...describe("reload", [...reloadRules, DELTA_APPLIES]),
  ...describe("presentation", [...multivariantRules, ...alignmentRules]),
];

/**
 * Judges playlists by RFC 8216bis and Apple's HLS Authoring Specification.
 *
 * A media playlist is judged alone, and against its earlier loads where they are given; a presentation is judged with all its media playlists, each of them
 * alone too. Give what {@link parsePlaylist} read, not what is to be written: EXT-X-VERSION is judged as it stands.
 *
 * @returns what is broken, in the order of documents and rules; nothing when all is well.
 */
export function checkAuthoring(
  subject: MediaPlaylist | AuthoringMedia | AuthoringPresentation | MultivariantPlaylist,
): readonly Violation[] {
  const violations: Violation[] = [];
  if ("multivariant" in subject) {
    judge([...multivariantRules, ...alignmentRules], subject, "multivariant", violations);
    for (const media of subject.media) checkMedia(media, violations, subject.multivariant.independentSegments === true);
  } else if ("playlist" in subject) {
    checkMedia(subject, violations, false);
  } else if (subject.type === "media") {
    checkMedia({ playlist: subject }, violations, false);
  } else {
    judge(multivariantRules, { multivariant: subject, media: [] }, "multivariant", violations);
  }
  return violations;
}

/** Violations as lines for people, those that matter most first; says so when there are none. */
export function formatViolations(violations: readonly Violation[]): string {
  if (violations.length === 0) return "no violations\n";
  const sorted = violations.toSorted((a, b) => Number(a.severity === "should") - Number(b.severity === "should"));
  const musts = violations.filter((item) => item.severity === "must").length;
  let text = `${musts} must, ${violations.length - musts} should\n`;
  for (const { rule, severity, source, document, message } of sorted) {
    text += `${severity.toUpperCase().padEnd(6)} ${document}: ${message}\n       ${rule}, ${source}\n`;
  }
  return text;
}

function checkMedia(media: AuthoringMedia, violations: Violation[], independentSegments: boolean): void {
  const document = nameOf(media);
  const { playlist, earlier = [] } = media;
  // The tag of the Multivariant Playlist holds for every media playlist (§4.4.2.1).
  const subject =
    independentSegments && !playlist.independentSegments ? { ...playlist, independentSegments } : playlist;
  judge([...mediaRules, ...lowLatencyRules], subject, document, violations);
  let before: MediaPlaylist | undefined;
  for (const load of [...earlier, playlist]) {
    const after = whole(before, load, document, violations);
    if (after === undefined) continue;
    if (before !== undefined) judge(reloadRules, { before, after }, document, violations);
    before = after;
  }
}

/** The playlist that a load stands for; undefined where that cannot be known. */
function whole(
  before: MediaPlaylist | undefined,
  load: MediaPlaylist,
  document: string,
  violations: Violation[],
): MediaPlaylist | undefined {
  if (load.skip === undefined) return load;
  if (before === undefined) return undefined;
  try {
    return applyDelta(before, load);
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    const { id, ...rest } = DELTA_APPLIES;
    violations.push({ rule: id, ...rest, document, message: error.message });
    return undefined;
  }
}

function judge<Subject>(
  rules: readonly Rule<Subject>[],
  subject: Subject,
  document: string,
  violations: Violation[],
): void {
  for (const { id, severity, source, check } of rules) {
    check(subject, (message, where = document) =>
      violations.push({ rule: id, severity, source, document: where, message }),
    );
  }
}

function describe(
  scope: AuthoringRule["scope"],
  rules: readonly Omit<AuthoringRule, "scope">[],
): readonly AuthoringRule[] {
  return rules.map(({ id, severity, source }) => ({ id, severity, source, scope }));
}
