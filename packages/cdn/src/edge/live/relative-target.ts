/** References in playlists, `Link` fields and CMCD, as targets of this edge. */

/** Longer references are left alone: no segment is called so. */
const MAX_REFERENCE = 2048;
/** A name beside the document, which needs no URL parser: nearly every segment. */
const PLAIN_NAME = /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/;
/** Stands for whatever host this edge is asked by. */
const HERE = "http://edge.invalid";

/** Whether a reference is such a name. */
export function isPlainName(reference: string): boolean {
  return PLAIN_NAME.test(reference);
}

/**
 * The target that a reference leads to from the target it was found in. Undefined for one that leads elsewhere, or may do so: who names a
 * host names another origin, as the edge does not know by which of its names a client asks.
 */
export function resolveTarget(reference: string, from: string): string | undefined {
  if (reference === "" || reference.length > MAX_REFERENCE) return undefined;
  if (PLAIN_NAME.test(reference)) return folderOf(from) + reference;
  if (/^[a-z][a-z0-9+.-]*:/i.test(reference) || /^[\\/]{2}/.test(reference)) return undefined;
  const url = URL.parse(reference, HERE + from);
  return url === null || url.origin !== HERE ? undefined : url.pathname + url.search;
}

/** Path of the folder that a target lies in, with the slash at its end. */
export function folderOf(target: string): string {
  const question = target.indexOf("?");
  const end = target.lastIndexOf("/", question === -1 ? target.length : question);
  return end === -1 ? "/" : target.slice(0, end + 1);
}

/** Path of the folder that a target's renditions lie in: the one above its own, where that is not all there is. */
export function streamFolderOf(target: string): string {
  const folder = folderOf(target);
  const above = folder.slice(0, folder.lastIndexOf("/", folder.length - 2) + 1);
  return above.length > 1 ? above : folder;
}
