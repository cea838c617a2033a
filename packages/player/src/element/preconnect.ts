/** Opens a connection to an edge while the engine's script is still on its way. */

import { originOf } from "../source/origin.ts";

/** Adds one `<link rel="preconnect">` per foreign origin to the document. */
export function preconnect(url: string): void {
  const origin = originOf(url);
  if (!origin?.startsWith("http") || origin === location.origin) return;
  const selector = `link[rel="preconnect"][href="${CSS.escape(origin)}"]`;
  if (document.head.querySelector(selector) !== null) return;
  const link = document.createElement("link");
  link.rel = "preconnect";
  link.crossOrigin = "anonymous";
  link.href = origin;
  document.head.append(link);
}
