/** What rendering gives: files as text, and how YAML is written. */

import { Document } from "yaml";

/** A file of a deployment. */
export interface GeneratedFile {
  /** Relative to the deployment's folder, with slashes. */
  readonly path: string;
  readonly content: string;
  /** Holds a secret: written with mode 0600. */
  readonly secret?: boolean;
}

/** A YAML file with a comment on top. */
export function yamlFile(path: string, comment: string, value: unknown): GeneratedFile {
  const document = new Document(value, { aliasDuplicateObjects: false });
  document.commentBefore = comment.replace(/^/gm, " ");
  return { path, content: document.toString({ lineWidth: 0, flowCollectionPadding: true }) };
}

/** A JSON file. */
export function jsonFile(path: string, value: unknown): GeneratedFile {
  return { path, content: `${JSON.stringify(value, null, 2)}\n` };
}
