/**
 * Who belongs to the network: who knows its secret.
 *
 * A question is signed with its time, its nonce and its body, which names whom it is for. An answer is signed with the signature of its question, so
 * that an old one cannot be given in its place: it would be an old lease. A question that is heard again does no harm, as everything in
 * it may be said twice.
 */

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { CdnError } from "../../../errors.ts";

const TIME_FIELD = "ami-purge-time";
const NONCE_FIELD = "ami-purge-nonce";
export const SIGNATURE_FIELD = "ami-purge-signature";

/** Milliseconds by which the system times of two edges may differ. */
const MAX_CLOCK_SKEW = 10 * 60 * 1000;
/** Characters of a secret. */
const MIN_SECRET_LENGTH = 16;

/** @throws {CdnError} `INVALID_OPTION`. */
export function checkSecrets(secret: string | readonly string[]): readonly string[] {
  const secrets = typeof secret === "string" ? [secret] : secret;
  if (secrets.length === 0 || secrets.some((each) => each.length < MIN_SECRET_LENGTH)) {
    throw new CdnError("INVALID_OPTION", `network.secret needs at least ${MIN_SECRET_LENGTH} characters`);
  }
  return secrets;
}

/** Fields that go with a question. */
export function signQuestion(secrets: readonly string[], body: string, systemTime: number): Record<string, string> {
  const time = String(systemTime);
  const nonce = randomBytes(12).toString("hex");
  return {
    [TIME_FIELD]: time,
    [NONCE_FIELD]: nonce,
    [SIGNATURE_FIELD]: sign(secrets[0]!, ["question", time, nonce, body]),
  };
}

/**
 * How to sign the answer to a question.
 *
 * @throws {CdnError} `UNAUTHORIZED`.
 */
export function checkQuestion(
  secrets: readonly string[],
  headers: Headers,
  body: string,
  systemTime: number,
): (answer: string) => string {
  const time = headers.get(TIME_FIELD) ?? "";
  const signature = headers.get(SIGNATURE_FIELD) ?? "";
  const parts = ["question", time, headers.get(NONCE_FIELD) ?? "", body];
  const secret = secrets.filter((each) => isSame(sign(each, parts), signature))[0];
  if (secret === undefined) throw new CdnError("UNAUTHORIZED", "the signature is not of this network's secret");
  checkTime(time, systemTime);
  return (answer) => sign(secret, ["answer", signature, answer]);
}

/** Refuses, before its body is read, what cannot be signed. @throws {CdnError} `UNAUTHORIZED`. */
export function checkSigned(headers: Headers, systemTime: number): void {
  const isSigned = /^[0-9a-f]{64}$/.test(headers.get(SIGNATURE_FIELD) ?? "") && headers.has(NONCE_FIELD);
  if (!isSigned) throw new CdnError("UNAUTHORIZED", "the question is not signed");
  checkTime(headers.get(TIME_FIELD) ?? "", systemTime);
}

function checkTime(time: string, systemTime: number): void {
  if (Math.abs(Number(time) - systemTime) <= MAX_CLOCK_SKEW) return;
  const minutes = MAX_CLOCK_SKEW / 60_000;
  throw new CdnError("UNAUTHORIZED", `the times of two edges differ by more than ${minutes} minutes: set their clocks`);
}

/** @throws {CdnError} `UNAUTHORIZED`. */
export function checkAnswer(
  secrets: readonly string[],
  question: Readonly<Record<string, string>>,
  signature: string | undefined,
  body: string,
): void {
  if (!isSame(sign(secrets[0]!, ["answer", question[SIGNATURE_FIELD]!, body]), signature ?? "")) {
    throw new CdnError("UNAUTHORIZED", "the answer is not signed with this network's secret");
  }
}

function sign(secret: string, parts: readonly string[]): string {
  return createHmac("sha256", secret).update(parts.join("\n")).digest("hex");
}

/** In the same time wherever they differ. */
export function isSame(expected: string, given: string): boolean {
  const bytes = Buffer.from(given);
  return bytes.byteLength === expected.length && timingSafeEqual(bytes, Buffer.from(expected));
}
