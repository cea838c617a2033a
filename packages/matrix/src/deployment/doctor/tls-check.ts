/** Certificates and protocols. */

import { isIP } from "node:net";
import { type ConnectionOptions, connect, rootCertificates, type TLSSocket } from "node:tls";
import { type Finding, findings } from "./finding.ts";
import { ASK_DEADLINE, endpoint, type Route, reason } from "./http.ts";

/** Days before its end at which a certificate should have been renewed: Let's Encrypt's are, thirty days before. */
const RENEWAL_DAYS = 14;
const DAY = 24 * 60 * 60 * 1000;

const { ok, warning, failure } = findings("tls");

/** What a browser or another server would say of the certificate at a URL, and whether outdated protocols are spoken. */
export async function checkTls(url: URL, route: Route, now: number): Promise<Finding[]> {
  let facts: { problem: string | undefined; validTo: number; protocol: string | null };
  try {
    facts = await handshake(url, route, {}, (socket) => ({
      problem: socket.authorized ? undefined : reason(socket.authorizationError),
      validTo: Date.parse(socket.getPeerCertificate().valid_to),
      protocol: socket.getProtocol(),
    }));
  } catch (error) {
    route.signal?.throwIfAborted();
    return [
      failure(
        `${url.host}: no TLS connection: ${reason(error)}`,
        "let the proxy listen there, with a certificate for this name",
      ),
    ];
  }
  const { problem, validTo, protocol } = facts;
  const days = Math.floor((validTo - now) / DAY);
  const result: Finding[] = [];
  if (days < 0)
    result.push(
      failure(
        `${url.host}: the certificate ended ${-days} days ago`,
        "renew it, and see why that did not happen by itself",
      ),
    );
  else if (problem !== undefined)
    result.push(
      failure(
        `${url.host}: nobody trusts the certificate (${problem})`,
        "get one for this name from an authority that browsers know, with its chain",
      ),
    );
  else if (days < RENEWAL_DAYS)
    result.push(warning(`${url.host}: the certificate ends in ${days} days`, "see why it was not renewed by itself"));
  else result.push(ok(`${url.host}: ${protocol}, certificate good for ${days} days`));
  // The security level lets this side offer what is outdated.
  const outdated = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
  const spoken = await handshake(url, route, outdated, (socket) => socket.getProtocol()).catch(() => undefined);
  if (spoken) result.push(failure(`${url.host} still speaks ${spoken}`, "let the proxy speak TLS 1.2 and 1.3 only"));
  return result;
}

async function handshake<T>(
  url: URL,
  route: Route,
  options: ConnectionOptions,
  look: (socket: TLSSocket) => T,
): Promise<T> {
  const { hostname, port } = endpoint(url, route);
  const name = url.hostname.replace(/^\[|\]$/g, "");
  const trust = route.ca === undefined ? {} : { ca: [...rootCertificates, route.ca] };
  const servername = isIP(name) === 0 ? { servername: name } : {};
  return await new Promise<T>((resolve, reject) => {
    const socket = connect({
      host: hostname,
      port,
      rejectUnauthorized: false,
      timeout: ASK_DEADLINE,
      ...servername,
      ...trust,
      ...options,
    });
    socket.once("secureConnect", () => {
      resolve(look(socket));
      socket.destroy();
    });
    socket.once("timeout", () => socket.destroy(new Error(`it did not answer in ${ASK_DEADLINE / 1000} s`)));
    socket.once("error", reject);
    route.signal?.addEventListener("abort", () => socket.destroy(new Error("aborted")), { once: true });
  });
}
