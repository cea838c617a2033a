/** Where an address leads. */

/** Origin of a URL, such as `https://edge1.example`; null when it has none. Not `URL.canParse`: Safari 17.0 and Chrome 120 brought that. */
export function originOf(url: string): string | null {
  try {
    const { origin } = new URL(url);
    return origin === "null" ? null : origin;
  } catch {
    return null;
  }
}
