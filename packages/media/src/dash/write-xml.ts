/** Writes XML: escaping, values of XML Schema types, elements indented by two spaces. */
import { MediaError } from "../errors.ts";
import type { XmlElement } from "./xml.ts";

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};
const SPECIAL = /[&<>"\t\n\r]/;
const ALL_SPECIAL = /[&<>"\t\n\r]/g;
/** What XML 1.0 §2.2 has no way to express: controls, lone surrogates, U+FFFE and U+FFFF. */
const NOT_XML = /[^\P{Cc}\t\n\r\x7f-\x9f]|\p{Cs}|[\ufffe\uffff]/u;
const NAME = /^[\p{L}_][\p{L}\p{N}_.-]*$/u;

/** Text as XML content or attribute value. */
export function escapeXml(text: string): string {
  if (NOT_XML.test(text))
    throw new MediaError("INVALID_ARGUMENT", `XML cannot hold this text: ${JSON.stringify(text)}`);
  return SPECIAL.test(text) ? text.replace(ALL_SPECIAL, (character) => ESCAPES[character]!) : text;
}

/** ` name="value"`, or nothing when the value is absent. */
export function text(name: string, value: string | undefined): string {
  return value === undefined ? "" : ` ${name}="${escapeXml(value)}"`;
}

/** A list of text, separated. */
export function list(name: string, values: readonly string[] | undefined, separator: "," | " "): string {
  if (values === undefined) return "";
  for (const value of values) {
    const isSplit = separator === "," ? value.includes(",") || value.trim() !== value : /\s/.test(value);
    if (value === "" || isSplit) {
      throw new MediaError(
        "INVALID_ARGUMENT",
        `an item of ${name} must be neither empty nor hold its separator: ${JSON.stringify(value)}`,
      );
    }
  }
  return ` ${name}="${escapeXml(values.join(separator))}"`;
}

/** xs:boolean. */
export function flag(name: string, value: boolean | undefined): string {
  return value === undefined ? "" : ` ${name}="${value}"`;
}

/** xs:unsignedLong within the safe integers. */
export function unsigned(name: string, value: number | undefined): string {
  if (value === undefined) return "";
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new MediaError("INVALID_ARGUMENT", `${name} must be a whole number from 0 on, not ${value}`);
  }
  return ` ${name}="${value}"`;
}

/** An integer that may be negative. */
export function signed(name: string, value: number | undefined): string {
  if (value === undefined) return "";
  if (!Number.isSafeInteger(value))
    throw new MediaError("INVALID_ARGUMENT", `${name} must be a whole number, not ${value}`);
  return ` ${name}="${value}"`;
}

/** xs:double; infinity is `INF`. */
export function double(name: string, value: number | undefined): string {
  if (value === undefined) return "";
  if (Number.isNaN(value)) throw new MediaError("INVALID_ARGUMENT", `${name} must be a number`);
  return ` ${name}="${value === Infinity ? "INF" : value === -Infinity ? "-INF" : value + 0}"`;
}

/** xs:duration of seconds, to the microsecond. */
export function duration(name: string, seconds: number | undefined): string {
  if (seconds === undefined) return "";
  if (!(seconds >= 0 && seconds < 1e9)) {
    throw new MediaError("INVALID_ARGUMENT", `${name} must be a number of seconds from 0 on, not ${seconds}`);
  }
  return ` ${name}="${formatDuration(seconds)}"`;
}

/** xs:dateTime in UTC of milliseconds since the Unix epoch; no fraction where there is none. */
export function dateTime(name: string, milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "";
  if (!Number.isSafeInteger(milliseconds) || Math.abs(milliseconds) > 8.64e15) {
    throw new MediaError(
      "INVALID_ARGUMENT",
      `${name} must be whole milliseconds since the Unix epoch, not ${milliseconds}`,
    );
  }
  const iso = new Date(milliseconds).toISOString();
  return ` ${name}="${iso.endsWith(".000Z") ? `${iso.slice(0, -5)}Z` : iso}"`;
}

/** ISO 8601: hours, minutes and seconds, e.g. `PT1H2M3.5S`. */
export function formatDuration(seconds: number): string {
  const micros = Math.round(seconds * 1e6);
  const hours = Math.floor(micros / 3.6e9);
  const minutes = Math.floor((micros - hours * 3.6e9) / 6e7);
  const rest = (micros - hours * 3.6e9 - minutes * 6e7) / 1e6;
  const head = (hours > 0 ? `${hours}H` : "") + (minutes > 0 ? `${minutes}M` : "");
  return rest > 0 || head === "" ? `PT${head}${rest}S` : `PT${head}`;
}

/** One element on lines of its own. `children` are whole lines, already indented. */
export function element(indent: string, name: string, attributes: string, children: string): string {
  if (children === "") return `${indent}<${name}${attributes}/>\n`;
  return `${indent}<${name}${attributes}>\n${children}${indent}</${name}>\n`;
}

/** One element that holds text. */
export function textElement(indent: string, name: string, attributes: string, content: string): string {
  return `${indent}<${name}${attributes}>${escapeXml(content)}</${name}>\n`;
}

/** An element of any namespace with all that is in it. `inherited` is the default namespace where it stands. */
export function writeXmlElement(indent: string, item: XmlElement, inherited: string): string {
  let attributes = item.namespace === inherited ? "" : ` xmlns="${escapeXml(item.namespace)}"`;
  let prefixes = 0;
  for (const key of Object.keys(item.attributes)) {
    const hash = key.lastIndexOf("#");
    const name = checkName(key.slice(hash + 1));
    if (hash === -1) {
      attributes += text(name, item.attributes[key]);
    } else {
      prefixes += 1;
      attributes += ` xmlns:ns${prefixes}="${escapeXml(key.slice(0, hash))}"${text(`ns${prefixes}:${name}`, item.attributes[key])}`;
    }
  }
  const name = checkName(item.name);
  if (item.children.length === 0) {
    return item.text === "" ? element(indent, name, attributes, "") : textElement(indent, name, attributes, item.text);
  }
  let children = item.text === "" ? "" : `${indent}  ${escapeXml(item.text)}\n`;
  for (const child of item.children) children += writeXmlElement(`${indent}  `, child, item.namespace);
  return element(indent, name, attributes, children);
}

function checkName(name: string): string {
  if (!NAME.test(name))
    throw new MediaError("INVALID_ARGUMENT", `not an XML name without prefix: ${JSON.stringify(name)}`);
  return name;
}
