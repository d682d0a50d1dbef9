import { type ConfigurationReply, type JsonObject, updateConfigurationSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { type Access, everywhere, GuardedRoutes, somewhere } from "@stream-control/service-kit/access";
import { parseBody } from "@stream-control/service-kit/http";
import type { Request, RequestHandler, Response } from "express";
import type { ConfigurationDesk, Expected } from "./desk.js";

export interface ConfigurationRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  desk: ConfigurationDesk;
}

/** `/api/v1/config`: what operators may set while the service runs. */
export function configurationRoutes({ access, readBody, desk }: ConfigurationRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/config", somewhere("viewer"), (_request, response) => {
    answer(response, desk.show());
  });
  routes.put("/config", everywhere("admin"), async (request, response) => {
    const { version, updatedAt, sources, overridden, ...sections } = parseBody(updateConfigurationSchema, request.body);
    const expected: Expected | undefined =
      expectedByHeader(request) ?? (version === undefined ? undefined : { version, code: "VERSION_CONFLICT" });
    answer(response, await desk.update(sections as JsonObject, expected));
  });
  return routes;
}

function answer(response: Response, reply: ConfigurationReply): void {
  response.set("ETag", `"${reply.version}"`);
  response.json(reply);
}

/** `If-Match` (RFC 9110, 13.1.1) with the version that an answer had as its `ETag`; `*` is any. */
function expectedByHeader(request: Request): Expected | undefined {
  const given = request.get("If-Match")?.trim();
  if (given === undefined || given === "*") return undefined;
  const version = /^"(\d{1,15})"$/.exec(given)?.[1];
  if (version === undefined)
    throw new AppError("INVALID_REQUEST", 'If-Match must be the ETag of an answer, such as "3".');
  return { version: Number(version), code: "PRECONDITION_FAILED" };
}
