import type { RequestHandler } from "express";
import { toError } from "../errors.js";
import type { Logger } from "../logger.js";

/** What a service says of itself, and whether it can do its work. */
export type HealthReport = { ok: boolean } & Record<string, unknown>;

/** Answers with 200 while the service can do its work, and with 503 while it can't, or can't say. */
export const healthRoute =
  (logger: Logger, check: () => Promise<HealthReport>): RequestHandler =>
  async (_request, response) => {
    try {
      const { ok, ...more } = await check();
      response.status(ok ? 200 : 503).json({ ok, status: ok ? "ok" : "unavailable", ...more });
    } catch (thrown) {
      logger.error({ err: toError(thrown) }, "the health check failed");
      response.status(503).json({ ok: false, status: "unavailable" });
    }
  };
