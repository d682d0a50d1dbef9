import { streamPrivacySchema } from "@stream-control/protocol";
import { type Access, everywhere, GuardedRoutes, somewhere } from "@stream-control/service-kit/access";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import { parseBody } from "@stream-control/service-kit/http";
import type { RequestHandler } from "express";
import type { PrivacySetting } from "./privacy-setting.js";

export interface ConfigRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  audit: AuditRecorder;
  privacy: PrivacySetting;
}

/** `/v1/config`: what operators set for all streams. */
export function configRoutes({ access, readBody, audit, privacy }: ConfigRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/stream-privacy", somewhere("viewer"), async (_request, response) => {
    response.json({ privacy: await privacy.get() });
  });
  routes.put("/stream-privacy", everywhere("operator"), async (request, response) => {
    const wanted = parseBody(streamPrivacySchema, request.body);
    await privacy.set(wanted.privacy);
    const message = "Who sees new broadcasts was set.";
    await audit.record({ type: "youtube.privacy_set", subject: "youtube:settings", message, data: wanted });
    response.json(wanted);
  });
  return routes;
}
