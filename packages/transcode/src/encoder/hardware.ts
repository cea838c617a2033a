/** Which hardware encoder works on this machine: found by encoding a few frames, not by trusting a list. */

/** Families of hardware encoders, as FFmpeg names them. */
export type HardwareEncoder = "nvenc" | "qsv" | "amf" | "vaapi" | "videotoolbox";
