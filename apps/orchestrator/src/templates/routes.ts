import { createTemplateSchema, maskSecrets, type TemplateRecord, templateUpdateSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { type Access, everywhere, GuardedRoutes, holdsSomewhere, somewhere } from "@stream-control/service-kit/access";
import { parseBody } from "@stream-control/service-kit/http";
import type { Request, RequestHandler } from "express";
import type { TemplateCatalogue } from "./catalogue.js";

export interface TemplateRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  templates: TemplateCatalogue;
}

/** `/v1/templates`: the job configs that `templateId` refers to. They belong to no room. */
export function templateRoutes({ access, readBody, templates }: TemplateRoutesDeps): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  /** A template as whoever asks may see it; it may hold a stream key. */
  const shown = (request: Request, template: TemplateRecord): TemplateRecord =>
    holdsSomewhere(access.requireCaller(request).principal.grants, "operator")
      ? template
      : { ...template, config: maskSecrets(template.config) };

  routes.get("/", somewhere("viewer"), async (request, response) => {
    response.json((await templates.list()).map((template) => shown(request, template)));
  });
  routes.post("/", everywhere("operator"), async (request, response) => {
    response.status(201).json(await templates.create(parseBody(createTemplateSchema, request.body)));
  });
  routes.get("/:id", somewhere("viewer"), async (request, response) => {
    const template = await templates.get(request.params.id);
    if (template === undefined)
      throw new AppError("TEMPLATE_NOT_FOUND", `There is no template "${request.params.id}".`);
    response.json(shown(request, template));
  });
  routes.put("/:id", everywhere("operator"), async (request, response) => {
    response.json(await templates.update(request.params.id, parseBody(templateUpdateSchema, request.body)));
  });
  routes.delete("/:id", everywhere("operator"), async (request, response) => {
    await templates.remove(request.params.id);
    response.status(204).end();
  });
  return routes;
}
