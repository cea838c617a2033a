/** The language of `mdhd`: three packed letters of ISO 639-2/T, where a Track has BCP 47. */

// ISO 639-1 code followed by its ISO 639-2/T code.
const TERMINOLOGY = `
  aaaar ababk aeave afafr akaka amamh anarg arara asasm avava ayaym azaze babak bebel bgbul bhbih bibis bmbam
  bnben bobod brbre bsbos cacat ceche chcha cocos crcre csces cuchu cvchv cycym dadan dedeu dvdiv dzdzo eeewe
  elell eneng eoepo esspa etest eueus fafas ffful fifin fjfij fofao frfra fyfry gagle gdgla glglg gngrn guguj
  gvglv hahau heheb hihin hohmo hrhrv hthat huhun hyhye hzher iaina idind ieile igibo iiiii ikipk ioido isisl
  itita iuiku jajpn jvjav kakat kgkon kikik kjkua kkkaz klkal kmkhm knkan kokor krkau kskas kukur kvkom kwcor
  kykir lalat lbltz lglug lilim lnlin lolao ltlit lulub lvlav mgmlg mhmah mimri mkmkd mlmal mnmon mrmar msmsa
  mtmlt mymya nanau nbnob ndnde nenep ngndo nlnld nnnno nonor nrnbl nvnav nynya ococi ojoji omorm orori ososs
  papan pipli plpol pspus ptpor quque rmroh rnrun roron rurus rwkin sasan scsrd sdsnd sesme sgsag sisin skslk
  slslv smsmo snsna sosom sqsqi srsrp ssssw stsot susun svswe swswa tatam tetel tgtgk ththa titir tktuk tltgl
  tntsn toton trtur tstso tttat twtwi tytah uguig ukukr ururd uzuzb veven vivie vovol wawln wowol xhxho yiyid
  yoyor zazha zhzho zuzul
`;

// ISO 639-2/B code, which some writers use, followed by the ISO 639-1 code.
const BIBLIOGRAPHIC = `
  albsq armhy baqeu burmy chizh czecs dutnl frefr geoka gerde greel iceis macmk maomi mayms perfa rumro slosk
  tibbo welcy
`;

const twoToThree = new Map<string, string>();
const threeToTwo = new Map<string, string>();
for (const pair of TERMINOLOGY.trim().split(/\s+/)) {
  twoToThree.set(pair.slice(0, 2), pair.slice(2));
  threeToTwo.set(pair.slice(2), pair.slice(0, 2));
}
for (const pair of BIBLIOGRAPHIC.trim().split(/\s+/)) threeToTwo.set(pair.slice(0, 3), pair.slice(3));

/** ISO 14496-12 §8.4.2.3: each letter as its distance from 0x60 in 5 bits. What has no three letters is `und`. */
export function languageCode(tag: string | undefined): number {
  const primary = (tag ?? "und").replace(/-.*/, "").toLowerCase();
  const three = twoToThree.get(primary) ?? primary;
  return pack(/^[a-z]{3}$/.test(three) ? three : "und");
}

/** The shortest BCP 47 tag of a packed code; undefined for `und` and for what is no language (old QuickTime numbers). */
export function languageTag(code: number): string | undefined {
  const three = String.fromCharCode(((code >>> 10) & 0x1f) + 0x60, ((code >>> 5) & 0x1f) + 0x60, (code & 0x1f) + 0x60);
  if (three === "und" || !/^[a-z]{3}$/.test(three)) return undefined;
  return threeToTwo.get(three) ?? three;
}

function pack(three: string): number {
  return ((three.charCodeAt(0) - 0x60) << 10) | ((three.charCodeAt(1) - 0x60) << 5) | (three.charCodeAt(2) - 0x60);
}
