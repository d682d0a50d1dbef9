import type { RequestHandler } from "express";
import type { Access } from "./access.js";

/** First of an app's middlewares: finds out who is asking. Whether they may is each route's own rule. */
export function authenticate(access: Access): RequestHandler {
  return (request, _response, next) => {
    const caller = access.authenticate(request);
    // Most callers are known at once; a promise for each of them would cost more than the look-up.
    if (caller instanceof Promise) caller.then(() => next(), next);
    else next();
  };
}
