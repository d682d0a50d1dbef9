import { parseCookie, stringifySetCookie } from "cookie";

/**
 * The name of a session's cookie. On TLS the prefix makes browsers refuse one that was set by a subdomain or without
 * `Secure` (RFC 6265bis §4.1.3.2). Cookies know no ports, so services on one host differ in the name.
 */
const nameOf = (service: string, secure: boolean): string => `${secure ? "__Host-" : ""}sc_session_${service}`;

export function readSessionCookie(header: string | undefined, service: string, secure: boolean): string | undefined {
  return header === undefined ? undefined : parseCookie(header)[nameOf(service, secure)];
}

/** `Set-Cookie` of a session: no script reads it, no other site's page sends it. */
export function sessionCookie(id: string, service: string, secure: boolean, maxAgeSeconds: number): string {
  return stringifySetCookie({
    ...{ name: nameOf(service, secure), value: id, maxAge: maxAgeSeconds },
    ...{ httpOnly: true, sameSite: "strict", path: "/", secure },
  });
}

export const endedCookie = (service: string, secure: boolean): string => sessionCookie("", service, secure, 0);
