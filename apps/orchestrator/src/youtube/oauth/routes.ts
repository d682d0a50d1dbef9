import { type OAuthStatus, oauthCodeSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { type Access, everywhere, GuardedRoutes, open } from "@stream-control/service-kit/access";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import {
  addressKey,
  asAppError,
  currentCaller,
  escapeHtml,
  parseBody,
  parseQuery,
  RateLimiter,
  retryAfterOf,
  smallPage,
  tooMany,
  withCaller,
} from "@stream-control/service-kit/http";
import type { RequestHandler, Response } from "express";
import { z } from "zod";
import { YouTubeError } from "../api/errors.js";
import type { YouTube } from "../youtube.js";
import { notConfigured, toAppError } from "./refusals.js";
import { statusOf } from "./status.js";

/** What Google's answer has (RFC 6749 §4.1.2). */
const callbackQuery = z.object({
  state: z.string().min(1).max(512),
  code: z.string().min(1).max(4096).optional(),
  error: z.string().max(200).optional(),
});

/** What one address may ask of the token endpoint; nobody needs more than a few. */
const PER_MINUTE = 30;

export interface OAuthRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  audit: AuditRecorder;
  /** Undefined where YouTube is not configured. */
  youtube: YouTube | undefined;
}

/** `/oauth`: connects the YouTube channel that broadcasts are made on. */
export function oauthRoutes({ access, readBody, audit, youtube }: OAuthRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const { addressOf } = access.options;
  const pace = new RateLimiter({ perMinute: PER_MINUTE });
  const admin = everywhere("admin");

  const configured = (): YouTube => {
    if (youtube === undefined) throw notConfigured();
    return youtube;
  };
  const status = (): OAuthStatus => statusOf(youtube);

  const connect = async (code: string): Promise<void> => {
    const { connection } = configured();
    try {
      await connection.connect(code);
    } catch (thrown) {
      const reason = thrown instanceof YouTubeError ? thrown.reason : asAppError(thrown).code;
      const message = "The YouTube channel could not be connected.";
      await audit.record({
        type: "youtube.connected",
        subject: "youtube:account",
        result: "failed",
        message,
        data: { reason },
      });
      throw toAppError(thrown);
    }
    const { channel } = connection.view();
    const message = "A YouTube channel was connected.";
    const data = { channelId: channel?.id ?? null };
    await audit.record({ type: "youtube.connected", subject: "youtube:account", message, data });
  };

  routes.get("/status", admin, (_request, response) => {
    response.json(status());
  });

  routes.get("/auth-url", admin, async (request, response) => {
    const { connection, states } = configured();
    const { state, expiresAt } = await states.begin(access.requireCaller(request).principal.id);
    response.json({ authUrl: await connection.authorizationUrl(state), expiresAt });
  });

  routes.get("/callback", open, async (request, response) => {
    try {
      const waitMs = pace.take(addressKey(addressOf(request)));
      if (waitMs > 0) throw tooMany(waitMs, "Too many authorizations came from this address.");
      const { states } = configured();
      const { state, code, error } = parseQuery(callbackQuery, request.query);
      const actor = await states.finish(state);
      if (actor === undefined)
        throw new AppError(
          "UNAUTHENTICATED",
          "This authorization was not begun here, is over already, or took longer than ten minutes. Begin again with GET /oauth/auth-url.",
        );
      if (code === undefined)
        throw new AppError(
          "YOUTUBE_REFUSED",
          error === "access_denied"
            ? "The access was not granted, so nothing has changed."
            : "Google did not grant the access; begin again with GET /oauth/auth-url.",
        );
      await withCaller({ ...currentCaller(), actor }, () => connect(code));
      sendConnected(response, status());
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.code === "INTERNAL_ERROR" || request.accepts(["json", "html"]) !== "html") throw thrown;
      sendRefusal(response, error);
    }
  });

  routes.post("/token", admin, async (request, response) => {
    const { code } = parseBody(oauthCodeSchema, request.body);
    await connect(codeIn(code));
    response.json({ ok: true, ...status() });
  });

  routes.delete("/token", admin, async (_request, response) => {
    await configured().connection.disconnect();
    const message = "The YouTube channel was disconnected.";
    await audit.record({ type: "youtube.disconnected", subject: "youtube:account", message });
    response.json({ ok: true, ...status() });
  });

  return routes;
}

/** Where nobody listens at the redirect address, the code stands in the browser's address bar; the whole of it will do. */
const codeIn = (given: string): string => URL.parse(given)?.searchParams.get("code") ?? given;

function sendConnected(response: Response, { channel }: OAuthStatus): void {
  const name = channel === null ? "The channel" : `The channel “${escapeHtml(channel.title)}”`;
  const body = `<h1>Connected</h1><p>${name} is connected. This page can be closed.</p>`;
  response
    .set("Cache-Control", "no-store")
    .type("html")
    .send(smallPage("Connected", "", body));
}

function sendRefusal(response: Response, error: AppError): void {
  const seconds = retryAfterOf(error);
  if (seconds !== undefined) response.set("Retry-After", String(seconds));
  const body = `<h1>Not connected</h1><p>${escapeHtml(error.message)}</p>`;
  response
    .status(error.status)
    .type("html")
    .send(smallPage("Not connected", "", body));
}
