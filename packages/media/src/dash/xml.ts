/** What an XML element is to this module: enough of XML 1.0 and Namespaces for an MPD. */

/** One element with its content. */
export interface XmlElement {
  /** Local name. */
  readonly name: string;
  /** Namespace URI; empty where there is none. */
  readonly namespace: string;
  /** By local name, or `namespaceURI#localName` where the attribute has a prefix. */
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly XmlElement[];
  /** All direct text, entities resolved, outer white space removed. */
  readonly text: string;
}
