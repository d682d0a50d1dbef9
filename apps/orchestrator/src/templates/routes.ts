import { createTemplateSchema, templateUpdateSchema } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { parseBody } from "@stream-control/service-kit/http";
import { Router } from "express";
import type { TemplateCatalogue } from "./catalogue.js";

/** `/v1/templates`: the job configs that `templateId` refers to. */
export function templateRoutes(templates: TemplateCatalogue): Router {
  const router = Router();
  router.get("/", async (_request, response) => {
    response.json(await templates.list());
  });
  router.post("/", async (request, response) => {
    response.status(201).json(await templates.create(parseBody(createTemplateSchema, request.body)));
  });
  router.get("/:id", async (request, response) => {
    const template = await templates.get(request.params.id);
    if (template === undefined)
      throw new AppError("TEMPLATE_NOT_FOUND", `There is no template "${request.params.id}".`);
    response.json(template);
  });
  router.put("/:id", async (request, response) => {
    response.json(await templates.update(request.params.id, parseBody(templateUpdateSchema, request.body)));
  });
  router.delete("/:id", async (request, response) => {
    await templates.remove(request.params.id);
    response.status(204).end();
  });
  return router;
}
