import { join } from "node:path";
import { noStore } from "@stream-control/service-kit/http";
import express, { Router } from "express";

/** Addresses of the console's pages; what is there is decided in the browser. */
const PAGES = ["/", "/jobs/:id", "/agents", "/new", "/sheets", "/history", "/settings"];

/**
 * The console: its pages, and the files that they are made of. The files are named after their content, so that a browser
 * keeps them; the page itself is asked for each time, so that it names the newest ones.
 *
 * @param folder the console's build.
 */
export function consolePages(folder: string): Router {
  const router = Router();
  const page = join(folder, "index.html");
  router.get(PAGES, noStore, (_request, response, next) => {
    response.sendFile(page, { cacheControl: false }, (error) => {
      if (error !== undefined) next(error);
    });
  });
  router.use("/assets", express.static(join(folder, "assets"), { immutable: true, maxAge: "1y", index: false }));
  router.get("/icon.svg", (_request, response) => response.sendFile(join(folder, "icon.svg"), { maxAge: "1d" }));
  return router;
}
