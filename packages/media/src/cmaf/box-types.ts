/** Box types as 32-bit numbers, for what is written or read with every fragment. */

export const FTYP = 0x66747970;
export const MOOV = 0x6d6f6f76;
export const STYP = 0x73747970;
export const SIDX = 0x73696478;
export const PRFT = 0x70726674;
export const EMSG = 0x656d7367;
export const MOOF = 0x6d6f6f66;
export const MFHD = 0x6d666864;
export const TRAF = 0x74726166;
export const TFHD = 0x74666864;
export const TFDT = 0x74666474;
export const TRUN = 0x7472756e;
export const MDAT = 0x6d646174;
