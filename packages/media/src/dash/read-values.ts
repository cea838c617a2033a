/** Reads attribute values of XML Schema types from an element. */

import { parseDateTime } from "../date-time.ts";
import { documentError } from "../document-error.ts";
import type { MediaError } from "../errors.ts";
import type { ReadElement } from "./read-xml.ts";

const DURATION =
  /^(-?)P(?=[\dT])(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)D)?(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d*)?)S)?)?$/;

/** The attributes of one element, typed. Each reader gives undefined where the attribute is absent, and throws where its value is no such type. */
export class Values {
  readonly element: ReadElement;

  constructor(element: ReadElement) {
    this.element = element;
  }

  #raw(name: string): string | undefined {
    const attributes = this.element.attributes;
    return Object.hasOwn(attributes, name) ? attributes[name] : undefined;
  }

  #malformed(message: string): MediaError {
    return documentError("MALFORMED", this.element.line, `${this.element.name} ${message}`);
  }

  required<T>(name: string, value: T | undefined): T {
    if (value === undefined) throw this.#malformed(`needs @${name}`);
    return value;
  }

  text(name: string): string | undefined {
    return this.#raw(name);
  }

  list(name: string, separator: "," | " "): readonly string[] | undefined {
    const raw = this.#raw(name)?.trim();
    if (raw === undefined) return undefined;
    if (raw === "") return [];
    return separator === "," ? raw.split(",").map((item) => item.trim()) : raw.split(/\s+/);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const raw = this.#raw(name);
    if (raw === undefined) return undefined;
    const value = values.find((candidate) => candidate === raw);
    if (value === undefined) throw this.#malformed(`@${name} is none of ${values.join(", ")}: ${JSON.stringify(raw)}`);
    return value;
  }

  flag(name: string): boolean | undefined {
    const raw = this.#raw(name)?.trim();
    if (raw === undefined) return undefined;
    if (raw === "true" || raw === "1") return true;
    if (raw === "false" || raw === "0") return false;
    throw this.#malformed(`@${name} is no boolean: ${JSON.stringify(raw)}`);
  }

  integer(name: string): number | undefined {
    const raw = this.#raw(name)?.trim();
    if (raw === undefined) return undefined;
    if (!/^[+-]?\d{1,20}$/.test(raw)) throw this.#malformed(`@${name} is no integer: ${JSON.stringify(raw)}`);
    const value = Number(raw) + 0;
    if (!Number.isSafeInteger(value)) {
      throw documentError(
        "LIMIT_EXCEEDED",
        this.element.line,
        `${this.element.name} @${name} is above 2^53 - 1: ${raw}`,
      );
    }
    return value;
  }

  unsigned(name: string): number | undefined {
    const value = this.integer(name);
    if (value !== undefined && value < 0) throw this.#malformed(`@${name} is below 0: ${value}`);
    return value;
  }

  double(name: string): number | undefined {
    const raw = this.#raw(name)?.trim();
    if (raw === undefined) return undefined;
    if (raw === "INF" || raw === "+INF") return Number.POSITIVE_INFINITY;
    if (raw === "-INF") return Number.NEGATIVE_INFINITY;
    if (!/^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,4})?$/.test(raw))
      throw this.#malformed(`@${name} is no number: ${JSON.stringify(raw)}`);
    return Number(raw) + 0;
  }

  /** xs:duration as seconds. Years and months have no fixed length: they are not taken. */
  duration(name: string): number | undefined {
    const raw = this.#raw(name)?.trim();
    if (raw === undefined) return undefined;
    const match = DURATION.exec(raw);
    if (match === null || match[1] === "-")
      throw this.#malformed(`@${name} is no duration from 0 on: ${JSON.stringify(raw)}`);
    const [, , years = "0", months = "0", days = "0", hours = "0", minutes = "0", seconds = "0"] = match;
    if (Number(years) > 0 || Number(months) > 0) {
      throw documentError(
        "UNSUPPORTED",
        this.element.line,
        `${this.element.name} @${name} has years or months, which are of no fixed length`,
      );
    }
    const total = Number(days) * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
    if (!(total < 1e12))
      throw documentError("LIMIT_EXCEEDED", this.element.line, `${this.element.name} @${name} is not below 10^12 s`);
    return total < 1e9 ? Math.round(total * 1e6) / 1e6 : total;
  }

  dateTime(name: string): number | undefined {
    const raw = this.#raw(name)?.trim();
    return raw === undefined ? undefined : parseDateTime(raw, this.element.line, `${this.element.name} @${name}`);
  }
}
