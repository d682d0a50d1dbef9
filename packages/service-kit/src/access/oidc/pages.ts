import type { Response } from "express";
import type { AppError } from "../../errors.js";
import { retryAfterOf } from "../../http/errors.js";
import { escapeHtml as escaped, smallPage as page } from "../../http/small-page.js";

/**
 * Leads to the service's own page. A redirect would not do: the browser would count it to the journey that the provider's
 * page began, and leave out the session's `SameSite=Strict` cookie. What a page of ours leads to is ours again.
 */
export function sendOnwards(response: Response, path: string): void {
  const to = escaped(path);
  const refresh = `<meta http-equiv="refresh" content="0;url=${to}">`;
  response.type("html").send(page("Signed in", refresh, `<p>You are signed in. <a href="${to}">Go on</a>.</p>`));
}

/** Says to a person why they are not signed in. */
export function sendRefusal(response: Response, error: AppError, tryAgain: string): void {
  const body = `<h1>You are not signed in</h1><p>${escaped(error.message)}</p><p><a href="${escaped(tryAgain)}">Try again</a></p>`;
  const seconds = retryAfterOf(error);
  if (seconds !== undefined) response.set("Retry-After", String(seconds));
  response
    .status(error.status)
    .type("html")
    .send(page("Not signed in", "", body));
}
