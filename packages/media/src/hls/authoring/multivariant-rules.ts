/** Rules over a multivariant playlist, and over what it says of its media. */
import type { MultivariantPlaylist, Rendition, Variant, VariantBase } from "../multivariant-playlist.ts";
import { multivariantPlaylistVersion } from "../version.ts";
import { combinationsOf, groupOf, type MeasuredBitrate, measureBitrate, mediaOf } from "./presentation.ts";
import { APPLE, type AuthoringPresentation, isLive, type Rule } from "./rule.ts";

const VIDEO_CODEC = /^(?:avc[13]|hvc1|hev1|dvh[1e]|dva[v1]|av01|dav1|vp0?[89]|vvc1|vvi1|mp4v)\b/;

/** See {@link checkAuthoring}. */
export const multivariantRules: readonly Rule<AuthoringPresentation>[] = [
  {
    id: "multivariant-version",
    severity: "must",
    source: "RFC 8216bis §8",
    check({ multivariant }, report) {
      const needed = multivariantPlaylistVersion(multivariant);
      const { version = 1 } = multivariant;
      if (version < needed) report(`EXT-X-VERSION is ${version}, and what is used needs ${needed}`);
    },
  },
  {
    id: "has-variants",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2",
    check({ multivariant }, report) {
      if (multivariant.variants.length === 0) report("there is no variant");
    },
  },
  {
    id: "codecs-present",
    severity: "must",
    source: `RFC 8216bis §4.4.6.2; ${APPLE} 9.1, 9.3`,
    check({ multivariant }, report) {
      for (const { uri, codecs } of allVariants(multivariant)) if (!codecs?.length) report(`${uri} has no CODECS`);
    },
  },
  {
    id: "codecs-right",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2, §6.2.4",
    check(presentation, report) {
      for (const variant of presentation.multivariant.variants) {
        if (variant.codecs === undefined) continue;
        const declared = new Set(variant.codecs.map((codec) => codec.toLowerCase()));
        const missing = new Set<string>();
        for (const media of combinationsOf(presentation, variant).flat()) {
          for (const codec of media.codecs ?? []) if (!declared.has(codec.toLowerCase())) missing.add(codec);
        }
        for (const codec of missing)
          report(`CODECS of ${variant.uri} is "${variant.codecs.join(",")}", and lacks ${codec}`);
      }
    },
  },
  {
    id: "codecs-superfluous",
    severity: "should",
    source: "RFC 8216bis §4.4.6.2",
    check(presentation, report) {
      for (const variant of presentation.multivariant.variants) {
        const media = combinationsOf(presentation, variant).flat();
        const expected = 1 + [variant.audio, variant.video].filter((group) => group !== undefined).length;
        // Only when all that the variant plays is at hand can something be told to be nowhere.
        if (new Set(media).size < expected || media.some((item) => item.codecs === undefined)) continue;
        const present = new Set(media.flatMap((item) => item.codecs?.map((codec) => codec.toLowerCase()) ?? []));
        for (const codec of variant.codecs ?? []) {
          if (!present.has(codec.toLowerCase()) && !/^(?:stpp|wvtt)/.test(codec))
            report(`CODECS of ${variant.uri} has ${codec}, which none of its media is`);
        }
      }
    },
  },
  {
    id: "bandwidth-peak",
    severity: "must",
    source: `${APPLE} 1.27, 1.29`,
    check(presentation, report) {
      for (const { variant, measured, live } of measuredVariants(presentation)) {
        const ratio = measured.peak / variant.bandwidth;
        const verdict = `BANDWIDTH of ${variant.uri} is ${variant.bandwidth}, and the measured peak ${Math.round(measured.peak)} b/s`;
        if (live && ratio >= 1.25) report(`${verdict}: at or above 125 %`);
        if (!live && (ratio > 1.1 || ratio < 0.9)) report(`${verdict}: not within 10 %`);
      }
    },
  },
  {
    id: "bandwidth-upper-bound",
    severity: "should",
    source: `RFC 8216bis §4.4.6.2; ${APPLE} 9.13`,
    check(presentation, report) {
      for (const { variant, measured } of measuredVariants(presentation)) {
        if (measured.peak > variant.bandwidth) {
          report(
            `BANDWIDTH of ${variant.uri} is ${variant.bandwidth}, below the measured peak of ${Math.round(measured.peak)} b/s`,
          );
        }
      }
    },
  },
  {
    id: "average-bandwidth-present",
    severity: "must",
    source: `${APPLE} 9.14`,
    check({ multivariant }, report) {
      for (const variant of multivariant.variants)
        if (variant.averageBandwidth === undefined) report(`${variant.uri} has no AVERAGE-BANDWIDTH`);
    },
  },
  {
    id: "average-bandwidth",
    severity: "must",
    source: `${APPLE} 1.26, 1.28`,
    check(presentation, report) {
      for (const { variant, measured, live } of measuredVariants(presentation)) {
        if (variant.averageBandwidth === undefined) continue;
        const ratio = measured.average / variant.averageBandwidth;
        const verdict = `AVERAGE-BANDWIDTH of ${variant.uri} is ${variant.averageBandwidth}, and the measured average ${Math.round(measured.average)} b/s`;
        if (live && ratio >= 1.1) report(`${verdict}: at or above 110 %`);
        if (!live && (ratio > 1.1 || ratio < 0.9)) report(`${verdict}: not within 10 %`);
      }
    },
  },
  {
    id: "average-not-above-peak",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2",
    check({ multivariant }, report) {
      for (const { uri, averageBandwidth = 0, bandwidth } of allVariants(multivariant)) {
        if (averageBandwidth > bandwidth) report(`AVERAGE-BANDWIDTH of ${uri} is above its BANDWIDTH`);
      }
    },
  },
  {
    id: "resolution-present",
    severity: "must",
    source: `${APPLE} 9.2, 9.4`,
    check({ multivariant }, report) {
      for (const variant of allVariants(multivariant))
        if (hasVideo(variant) && variant.resolution === undefined) report(`${variant.uri} has no RESOLUTION`);
    },
  },
  {
    id: "resolution-right",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2",
    check(presentation, report) {
      for (const variant of presentation.multivariant.variants) {
        const actual = mediaOf(presentation, variant.uri)?.resolution;
        const declared = variant.resolution;
        if (actual === undefined || declared === undefined) continue;
        if (actual.width !== declared.width || actual.height !== declared.height) {
          report(
            `RESOLUTION of ${variant.uri} is ${declared.width}x${declared.height}, and the video ${actual.width}x${actual.height}`,
          );
        }
      }
    },
  },
  {
    id: "frame-rate-present",
    severity: "must",
    source: `${APPLE} 9.15`,
    check({ multivariant }, report) {
      for (const variant of multivariant.variants)
        if (hasVideo(variant) && variant.frameRate === undefined) report(`${variant.uri} has no FRAME-RATE`);
    },
  },
  {
    id: "frame-rate-right",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2",
    check(presentation, report) {
      for (const variant of presentation.multivariant.variants) {
        const actual = mediaOf(presentation, variant.uri)?.frameRate;
        // Rounded to three decimals, and a measured rate is never quite the nominal one.
        if (actual !== undefined && variant.frameRate !== undefined && Math.abs(actual - variant.frameRate) > 0.01) {
          report(`FRAME-RATE of ${variant.uri} is ${variant.frameRate}, and the video has ${actual} frames per second`);
        }
      }
    },
  },
  {
    id: "groups-exist",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2",
    check(presentation, report) {
      for (const variant of presentation.multivariant.variants) {
        for (const [type, groupId] of groupsOf(variant)) {
          if (typeof groupId === "string" && groupOf(presentation, type, groupId).length === 0) {
            report(
              `${variant.uri} plays with the ${type} group ${JSON.stringify(groupId)}, of which there is no EXT-X-MEDIA`,
            );
          }
        }
      }
    },
  },
  {
    id: "group-names-unique",
    severity: "must",
    source: "RFC 8216bis §4.4.6.1.1",
    check({ multivariant }, report) {
      const seen = new Set<string>();
      for (const { type, groupId, name } of multivariant.renditions ?? []) {
        const key = JSON.stringify([type, groupId, name]);
        if (seen.has(key))
          report(`two renditions of the ${type} group ${JSON.stringify(groupId)} are named ${JSON.stringify(name)}`);
        seen.add(key);
      }
    },
  },
  {
    id: "group-default-once",
    severity: "must",
    source: "RFC 8216bis §4.4.6.1.1",
    check({ multivariant }, report) {
      for (const [name, members] of groups(multivariant.renditions ?? [])) {
        if (members.filter((item) => item.default).length > 1)
          report(`the ${name} has more than one rendition with DEFAULT=YES`);
      }
    },
  },
  {
    id: "group-autoselect-languages",
    severity: "must",
    source: "RFC 8216bis §4.4.6.1.1",
    check({ multivariant }, report) {
      for (const [name, members] of groups(multivariant.renditions ?? [])) {
        const seen = new Set<string>();
        for (const { autoselect, language, assocLanguage, forced, characteristics } of members) {
          if (!autoselect) continue;
          const key = JSON.stringify([language, assocLanguage, forced, characteristics]);
          if (seen.has(key)) report(`the ${name} has two renditions to select automatically that nothing tells apart`);
          seen.add(key);
        }
      }
    },
  },
  {
    id: "groups-same-members",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2.1",
    check(presentation, report) {
      const first = new Map<string, string>();
      for (const variant of presentation.multivariant.variants) {
        for (const [type, groupId] of groupsOf(variant)) {
          if (typeof groupId !== "string") continue;
          const names = JSON.stringify(
            groupOf(presentation, type, groupId)
              .map((item) => item.name)
              .sort(),
          );
          const expected = first.get(type);
          if (expected === undefined) first.set(type, names);
          else if (expected !== names)
            report(
              `the ${type} group of ${variant.uri} has the renditions ${names}, and that of the first variant ${expected}`,
            );
        }
      }
    },
  },
  {
    id: "closed-captions-none",
    severity: "must",
    source: "RFC 8216bis §4.4.6.2",
    check({ multivariant }, report) {
      const none = multivariant.variants.filter((item) => item.closedCaptions === null).length;
      if (none > 0 && none < multivariant.variants.length)
        report("CLOSED-CAPTIONS=NONE stands in some variants, and must in all or none");
    },
  },
];

/** Variants whose media has known sizes, with the largest bitrate of what plays together. */
function* measuredVariants(
  presentation: AuthoringPresentation,
): Iterable<{ variant: Variant; measured: MeasuredBitrate; live: boolean }> {
  for (const variant of presentation.multivariant.variants) {
    let peak = 0;
    let average = 0;
    let live = false;
    for (const combination of combinationsOf(presentation, variant)) {
      const rates = combination.map(measureBitrate).filter((rate) => rate !== undefined);
      peak = Math.max(
        peak,
        rates.reduce((sum, rate) => sum + rate.peak, 0),
      );
      average = Math.max(
        average,
        rates.reduce((sum, rate) => sum + rate.average, 0),
      );
      live ||= combination.some((media) => isLive(media.playlist));
    }
    if (peak > 0) yield { variant, measured: { peak, average }, live };
  }
}

/** Those to play, and those of I-frames alone. */
function allVariants({ variants, iFrameVariants = [] }: MultivariantPlaylist): readonly VariantBase[] {
  return [...variants, ...iFrameVariants];
}

function hasVideo(variant: VariantBase): boolean {
  return (
    variant.resolution !== undefined ||
    variant.codecs === undefined ||
    variant.codecs.some((codec) => VIDEO_CODEC.test(codec))
  );
}

function groupsOf(variant: Variant): readonly (readonly [Rendition["type"], string | null | undefined])[] {
  return [
    ["AUDIO", variant.audio],
    ["VIDEO", variant.video],
    ["SUBTITLES", variant.subtitles],
    ["CLOSED-CAPTIONS", variant.closedCaptions],
  ];
}

function groups(renditions: readonly Rendition[]): ReadonlyMap<string, readonly Rendition[]> {
  const members = new Map<string, Rendition[]>();
  for (const item of renditions) {
    const name = `${item.type} group ${JSON.stringify(item.groupId)}`;
    const others = members.get(name);
    if (others === undefined) members.set(name, [item]);
    else others.push(item);
  }
  return members;
}
