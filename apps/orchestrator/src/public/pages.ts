import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Request, RequestHandler, Response } from "express";

/** A page that other sites may show in a frame, and that may do nothing but show what comes from here. */
const POLICY = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src data:"],
  ...["base-uri 'none'", "form-action 'none'", "frame-ancestors *"],
].join("; ");

/** Files of pages that may be embedded. In a sandboxed frame these pages have no origin, not even that of their own files. */
const EMBEDDED_FILES: ReadonlySet<string> = new Set(
  ["embed.js", "embed.css", "overlay.js", "overlay.css", "live.js"].map((file) => `/${file}`),
);

/** Before the public folder is served: lets embedded pages load their files wherever they are. */
export const embeddedFiles: RequestHandler = (request, response, next) => {
  if (EMBEDDED_FILES.has(request.path)) allowEveryPage(response);
  next();
};

/**
 * Serves a page of the public folder that any site may embed. Nothing can be clicked in it that acts for whoever looks at
 * it, so that a frame around it gains nobody anything.
 *
 * @throws Error where the file is not there.
 */
export function embeddablePage(folder: string, file: string): (request: Request, response: Response) => void {
  const html = readFileSync(join(folder, file), "utf8");
  return (_request, response) => {
    response.removeHeader("X-Frame-Options");
    response.set({
      "Content-Security-Policy": POLICY,
      "Cross-Origin-Resource-Policy": "cross-origin",
      "Cache-Control": "no-cache",
    });
    response.type("html").send(html);
  };
}

/** Lets pages of every origin read an answer, without credentials, unless more has been allowed already. */
export function allowEveryPage(response: Response): void {
  if (response.getHeader("Access-Control-Allow-Origin") === undefined)
    response.setHeader("Access-Control-Allow-Origin", "*");
  response.setHeader("Cross-Origin-Resource-Policy", "cross-origin");
}
