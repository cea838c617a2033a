/** XML namespaces of an MPD. */

/** ISO/IEC 23009-1 §5.2.2. */
export const MPD_NAMESPACE = "urn:mpeg:dash:schema:mpd:2011";
/** ISO/IEC 23001-7 §11.2: `cenc:default_KID`, `cenc:pssh`. */
export const CENC_NAMESPACE = "urn:mpeg:cenc:2013";
