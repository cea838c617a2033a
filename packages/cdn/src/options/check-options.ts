/**
 * Options of the library, checked where they come in: a caller in JavaScript is told the name of what is unknown, missing or of another kind,
 * instead of having it ignored.
 *
 * Whether values make sense together is for whoever takes them to say.
 */

import { CdnError } from "../errors.ts";
import { nearest } from "./nearest.ts";

/** Throws where a value is not what it must be. Undefined passes, but for what is {@link required}. */
export type Rule = (value: unknown, name: string) => void;

/** A rule for each option. One that the type has and the rules do not is an error of types. */
export type Rules<Options> = { readonly [Name in keyof Required<Options>]: Rule };

/** Characters of a value that are shown. */
const MAX_SHOWN = 60;

/**
 * Checks what a function was given.
 *
 * @param caller - the function's name, for messages: `createEdge: cache.keepParam is not an option: did you mean keepParams?`.
 * @throws {CdnError} `INVALID_OPTION`.
 */
export function checkOptions<Options extends object>(caller: string, options: Options, rules: Rules<Options>): void {
  if (!isObject(options)) throw invalid(`${caller} is given ${shown(options)}: give it an object of options`);
  checkFields(options, rules, `${caller}: `);
}

function checkFields(options: object, rules: Readonly<Record<string, Rule>>, prefix: string): void {
  for (const key of Object.keys(options)) {
    if (Object.hasOwn(rules, key)) continue;
    const names = Object.keys(rules);
    const meant = nearest(key, names);
    const instead = meant === undefined ? `there are ${names.join(", ")}` : `did you mean ${meant}?`;
    throw invalid(`${prefix}${key} is not an option: ${instead}`);
  }
  for (const [key, rule] of Object.entries(rules)) rule((options as Record<string, unknown>)[key], prefix + key);
}

/** It has to be there. */
export function required(rule: Rule): Rule {
  return (value, name) => {
    if (value === undefined) throw invalid(`${name} is missing`);
    rule(value, name);
  };
}

/** An object with these options alone. */
export function object<Options>(rules: Rules<Options>): Rule {
  return (value, name) => {
    if (value === undefined) return;
    if (!isObject(value)) throw wrong(name, value, "an object");
    checkFields(value, rules, `${name}.`);
  };
}

/** An object whose keys are names, such as those of header fields. */
export function byName(rule: Rule): Rule {
  return (value, name) => {
    if (value === undefined) return;
    if (!isObject(value)) throw wrong(name, value, "an object of names and values");
    for (const [key, each] of Object.entries(value)) required(rule)(each, `${name}[${JSON.stringify(key)}]`);
  };
}

/** A list of any length. */
export function listOf(rule: Rule): Rule {
  return (value, name) => {
    if (value === undefined) return;
    if (!Array.isArray(value)) throw wrong(name, value, "a list");
    for (const [at, each] of value.entries()) required(rule)(each, `${name}[${at}]`);
  };
}

/** One of them, or a list of them. */
export function oneOrMore(rule: Rule): Rule {
  const list = listOf(rule);
  return (value, name) => (Array.isArray(value) ? list : rule)(value, name);
}

/** False, or what the rule says. */
export function orFalse(rule: Rule): Rule {
  return (value, name) => {
    if (value !== false) rule(value, name);
  };
}

/** True, false, or what the rule says. */
export function orFlag(rule: Rule): Rule {
  return (value, name) => {
    if (typeof value !== "boolean") rule(value, name);
  };
}

/** A function, or what the rule says. */
export function orFunction(rule: Rule): Rule {
  return (value, name) => {
    if (typeof value !== "function") rule(value, name);
  };
}

/** One of some words. */
export function oneOf(...words: readonly string[]): Rule {
  return (value, name) => {
    if (value === undefined || (typeof value === "string" && words.includes(value))) return;
    const meant = typeof value === "string" ? nearest(value, words) : undefined;
    const suggestion = meant === undefined ? "" : `; did you mean ${meant}?`;
    throw wrong(name, value, `one of ${words.join(", ")}${suggestion}`);
  };
}

/**
 * What another function of this package made, or something with the same methods.
 *
 * @param maker - what to say that makes it: `createDiskTier`.
 */
export function madeBy(maker: string, ...methods: readonly string[]): Rule {
  return (value, name) => {
    if (value === undefined) return;
    if (value instanceof Promise) throw invalid(`${name} is a promise: await what ${maker} gives`);
    if (!hasMethods(value, methods)) throw wrong(name, value, `what ${maker} makes`);
  };
}

/** An object of the caller's own with these methods. */
export function having(...methods: readonly string[]): Rule {
  return kind(`an object with ${methods.join(", ")}`, (value) => hasMethods(value, methods));
}

/** A fetch handler. An edge or a steering server has one, and is none. */
export const handler: Rule = (value, name) => {
  if (value === undefined || typeof value === "function") return;
  throw wrong(
    name,
    value,
    hasMethods(value, ["handle"]) ? "its handle, which is the function" : "a function of a Request",
  );
};

/** Text that is not empty. */
export const text = kind("text", (value) => typeof value === "string" && value !== "");
/** A function. */
export const callable = kind("a function", (value) => typeof value === "function");
/** True or false. */
export const flag = kind("true or false", (value) => typeof value === "boolean");
/** Any number. */
export const number = kind("a number", isNumber);
/** A number from 0 to 1. */
export const share = kind("a number from 0 to 1", (value) => isNumber(value) && value >= 0 && value <= 1);
/** What is logged with. */
export const logger = having("debug", "info", "warn", "error");
/** Bytes or text, such as a certificate in PEM, or a secret. It is not shown. */
export const bytesOrText: Rule = (value, name) => {
  if (value === undefined || typeof value === "string" || value instanceof Uint8Array) return;
  throw wrong(name, value, "text or bytes");
};
/** What is checked elsewhere. */
export const anything: Rule = () => {};

/** A number above zero. */
export function above0(unit?: string): Rule {
  return kind(
    unit === undefined ? "a number above zero" : `a number of ${unit} above zero`,
    (value) => isNumber(value) && value > 0,
  );
}

/** A number, or none. */
export function atLeast0(unit: string): Rule {
  return kind(`a number of ${unit}`, (value) => isNumber(value) && value >= 0);
}

/** A whole number within bounds. */
export function whole(least: number, most = Number.MAX_SAFE_INTEGER): Rule {
  const bounds = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return kind(
    `a whole number ${bounds}`,
    (value) => Number.isInteger(value) && (value as number) >= least && (value as number) <= most,
  );
}

/**
 * What passes a test.
 *
 * @param what - what to give instead, for messages: `a number from 0 to 1`.
 */
export function kind(what: string, is: (value: unknown) => boolean): Rule {
  return (value, name) => {
    if (value !== undefined && !is(value)) throw wrong(name, value, what);
  };
}

function wrong(name: string, value: unknown, what: string): CdnError {
  return invalid(`${name} is ${shown(value)}: give ${what}`);
}

function invalid(message: string): CdnError {
  return new CdnError("INVALID_OPTION", message);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && !Number.isNaN(value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function hasMethods(value: unknown, methods: readonly string[]): boolean {
  return isObject(value) && methods.every((method) => typeof Reflect.get(value, method) === "function");
}

function shown(value: unknown): string {
  if (value === "") return "empty";
  if (typeof value === "string") {
    return JSON.stringify(value.length > MAX_SHOWN ? `${value.slice(0, MAX_SHOWN)}…` : value);
  }
  if (typeof value === "function") return "a function";
  if (Array.isArray(value)) return "a list";
  if (value instanceof Promise) return "a promise";
  if (value instanceof Uint8Array) return "bytes";
  return isObject(value) ? "an object" : String(value);
}
