/** Frame rates as encoders want them. */

/** 29.97 is 30000/1001, as encoders and players expect it. */
export function toRational(frameRate: number): { num: number; den: number } {
  if (Number.isInteger(frameRate)) return { num: frameRate, den: 1 };
  const ntsc = Math.round((frameRate * 1001) / 1000);
  if (Math.abs((ntsc * 1000) / 1001 - frameRate) < 0.005) return { num: ntsc * 1000, den: 1001 };
  return { num: Math.round(frameRate * 1000), den: 1000 };
}
