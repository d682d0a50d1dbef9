import { realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import express, { type RequestHandler } from "express";

/** Nothing but media is handed out of the folder. */
const MEDIA_FILE = /\.(m3u8|ts|m4s|mp4|mov|mkv|avi|webm|gif|flv|jpg)$/i;

/**
 * Serves recordings and previews. Playlists change all the time, segments never. Pictures and players of other pages ask
 * without CORS, so that only a header keeps them out: in production it lets in those of the same site.
 *
 * @param cache what may be kept of all but playlists, as the header says it.
 *
 * Links are followed, but not out of the folder: others than this service write to it.
 */
export function media(
  folder: string,
  { forAllPages, cache = "public, max-age=3600" }: { forAllPages: boolean; cache?: string },
): RequestHandler {
  const files = express.static(folder, {
    dotfiles: "deny",
    index: false,
    setHeaders: (response, path) => {
      response.setHeader("Cache-Control", path.endsWith(".m3u8") ? "no-cache" : cache);
      response.setHeader("Cross-Origin-Resource-Policy", forAllPages ? "cross-origin" : "same-site");
    },
  });
  return async (request, response, next) => {
    if (MEDIA_FILE.test(request.path) && (await isInside(folder, request.path))) files(request, response, next);
    else next();
  };
}

/** Whether that is a file below the folder once its links are followed; not so for one that is not there. */
async function isInside(folder: string, path: string): Promise<boolean> {
  try {
    const [root, file] = await Promise.all([realpath(folder), realpath(join(folder, decodeURIComponent(path)))]);
    return file.startsWith(root + sep);
  } catch {
    return false;
  }
}
