import type { JsonObject } from "@stream-control/protocol";
import { isRenderConfig } from "../scheduling/requirement.js";

/**
 * A job's config with the time that a render may take, where its request says none. It is filled in when the job is given to an
 * agent, so that what is configured then counts, and the request stays as its client wrote it.
 */
export function withDefaultTimeout(config: JsonObject, timeoutMs: number): JsonObject {
  const { request } = config;
  if (!isRenderConfig(config) || typeof request !== "object" || request === null || "timeout" in request) return config;
  return { ...config, request: { ...request, timeout: timeoutMs } };
}
