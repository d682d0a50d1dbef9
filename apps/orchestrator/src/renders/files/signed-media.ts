import { AppError } from "@stream-control/service-kit";
import type { RequestHandler } from "express";
import { isLink, type MediaLinks } from "./media-links.js";

/**
 * Serves what a link is good for, whoever has it; what comes without one is for the next, who asks for a key.
 *
 * @param serve hands the file out, or passes on where there is none.
 */
export function signedMedia(links: MediaLinks, serve: RequestHandler): RequestHandler {
  return (request, response, next) => {
    if (!isLink(request.query)) {
      next();
      return;
    }
    links.check(request.path, request.query);
    serve(request, response, (thrown?: unknown) =>
      next(thrown ?? new AppError("NOT_FOUND", "The file of this link is not there any more.")),
    );
  };
}
