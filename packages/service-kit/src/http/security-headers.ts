import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";
import type { RequestHandler } from "express";
import helmet, { type HelmetOptions } from "helmet";
import type { ClientAddresses } from "./callers/client-addresses.js";

/** Sources that a service's pages need beyond their own origin, by directive of the content security policy. */
export type PageSources = Partial<Record<"connectSrc" | "imgSrc" | "mediaSrc" | "frameSrc", readonly string[]>>;

/** A year, as browsers' preload lists ask for. */
const HSTS_SECONDS = 31_536_000;

/** What pages here never use, so that nothing that is put into one can. */
const PERMISSIONS = ["camera", "microphone", "geolocation", "payment", "usb", "serial", "midi", "hid"]
  .map((feature) => `${feature}=()`)
  .join(", ");

/**
 * Headers that make a browser careful with every answer. Scripts and styles come from files of the service alone;
 * `blob:` is there for hls.js, which plays through a media source and decodes in a worker.
 *
 * HSTS and what only works on https is sent on https alone, to us or to a named proxy.
 */
export function securityHeaders(addresses: ClientAddresses, pages: PageSources = {}): RequestHandler {
  // They are the same for every request, so helmet runs once for each of the two kinds instead of once per answer.
  const plain = headersOf(options(pages, false));
  const secure = headersOf(options(pages, true));
  return (request, response, next) => {
    for (const [name, value] of addresses.isSecure(request) ? secure : plain) response.setHeader(name, value);
    next();
  };
}

function options(pages: PageSources, secure: boolean): HelmetOptions {
  const own = (directive: keyof PageSources, ...more: string[]) => ["'self'", ...more, ...(pages[directive] ?? [])];
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'"],
        scriptSrcAttr: ["'none'"],
        styleSrc: ["'self'"],
        imgSrc: own("imgSrc", "data:", "blob:"),
        mediaSrc: own("mediaSrc", "blob:"),
        connectSrc: own("connectSrc"),
        workerSrc: ["'self'", "blob:"],
        frameSrc: pages.frameSrc === undefined ? ["'none'"] : [...pages.frameSrc],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        ...(secure ? { upgradeInsecureRequests: [] } : {}),
      },
    },
    frameguard: { action: "deny" },
    referrerPolicy: { policy: "no-referrer" },
    crossOriginResourcePolicy: { policy: "same-origin" },
    // Browsers ignore it on http and complain about it on the console.
    crossOriginOpenerPolicy: secure ? { policy: "same-origin" } : false,
    originAgentCluster: secure,
    // Without subdomains: other hosts of a domain are not ours to speak for.
    strictTransportSecurity: secure ? { maxAge: HSTS_SECONDS, includeSubDomains: false } : false,
  };
}

function headersOf(chosen: HelmetOptions): [string, string][] {
  const request = new IncomingMessage(new Socket());
  const response = new ServerResponse(request);
  helmet(chosen)(request, response, (thrown) => {
    if (thrown !== undefined) throw thrown;
  });
  response.setHeader("Permissions-Policy", PERMISSIONS);
  return response.getHeaderNames().map((name) => [name, String(response.getHeader(name))]);
}

/** For answers that tell a state of now, and may tell secrets: nothing between us and the caller keeps them. */
export const noStore: RequestHandler = (_request, response, next) => {
  response.setHeader("Cache-Control", "no-store");
  next();
};
