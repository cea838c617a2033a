/** The certificate that an edge shows, and its key: files that are replaced while it serves. */

import { createHash, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import type { Logger } from "../logger.ts";
import type { ServerTls } from "../server/server-options.ts";
import type { CheckedConfig } from "./config/schema.ts";
import { readPem } from "./live-upstreams.ts";
import { inPlace, messageOf, ProgramError } from "./program-error.ts";

/** A certificate and its key that go together. */
export interface Certificate {
  readonly tls: ServerTls;
  /** Milliseconds since 1970 at which it ends. */
  readonly validTo: number;
  /** The same for the same certificate, key and options. */
  readonly digest: string;
}

/**
 * Reads both files anew.
 *
 * @throws {ProgramError} that one cannot be read, is no PEM, or that they do not go together.
 */
export async function readCertificate(section: NonNullable<CheckedConfig["tls"]>): Promise<Certificate> {
  const { minVersion } = section;
  // One after the other: what is wrong is then said in the same order each time.
  const cert = await inPlace("tls.cert", () => readPem(section.cert));
  const key = await inPlace("tls.key", () => readPem(section.key));
  const tls: ServerTls = { cert, key, ...(minVersion !== undefined && { minVersion }) };
  try {
    createSecureContext(tls);
    const validTo = Date.parse(new X509Certificate(cert).validTo);
    const digest = createHash("sha256").update(JSON.stringify(tls)).digest("base64");
    return { tls, validTo, digest };
  } catch (cause) {
    const message = `tls: ${section.cert} and ${section.key} are no certificate and its key: ${messageOf(cause)}`;
    throw new ProgramError(message, { cause });
  }
}

/** Clients will refuse it, which nobody would find out here. */
export function warnOfExpired({ validTo }: Certificate, logger: Logger): void {
  if (validTo < Date.now()) logger.warn({ until: dateOf(validTo) }, "the certificate has expired");
}

/** Says until when the new one is good. */
export function logRenewed(certificate: Certificate, logger: Logger): void {
  logger.info({ until: dateOf(certificate.validTo) }, "a new certificate is shown from now on");
  warnOfExpired(certificate, logger);
}

function dateOf(time: number): string {
  return new Date(time).toISOString();
}
