import { createApiKeySchema, createUserSchema, updateUserSchema } from "@stream-control/protocol";
import type { RequestHandler } from "express";
import { parseBody } from "../http/parse.js";
import type { Access } from "./access.js";
import { GuardedRoutes } from "./guarded-routes.js";
import { grantsOf } from "./principal.js";
import { everywhere } from "./rules.js";

/** `/v1/keys`: API keys, for admins. */
export function keyRoutes(access: Access, readBody: RequestHandler): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/", everywhere("admin"), async (_request, response) => {
    response.json(await access.keys.list());
  });
  routes.post("/", everywhere("admin"), async (request, response) => {
    const { name, role, grants, expiresAt } = parseBody(createApiKeySchema, request.body);
    const createdBy = access.requireCaller(request).principal.id;
    const made = await access.keys.create({ name, grants: grantsOf({ role, grants }), expiresAt, createdBy });
    response.status(201).json(made);
  });
  routes.delete("/:id", everywhere("admin"), async (request, response) => {
    const key = await access.keys.revoke(request.params.id);
    await access.sessions.endAllOf(`key:${key.id}`);
    access.rightsChanged();
    response.json(key);
  });
  return routes;
}

/** `/v1/users`: people, for admins. */
export function userRoutes(access: Access, readBody: RequestHandler): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  routes.get("/", everywhere("admin"), async (_request, response) => {
    response.json(await access.users.list());
  });
  routes.post("/", everywhere("admin"), async (request, response) => {
    response.status(201).json(await access.users.create(parseBody(createUserSchema, request.body)));
  });
  routes.patch("/:id", everywhere("admin"), async (request, response) => {
    const change = parseBody(updateUserSchema, request.body);
    const user = await access.users.update(request.params.id, change);
    // Whoever changes a password wants those out who knew the old one.
    if (change.password !== undefined || change.disabled === true) await access.sessions.endAllOf(`user:${user.id}`);
    access.rightsChanged();
    response.json(user);
  });
  routes.delete("/:id", everywhere("admin"), async (request, response) => {
    await access.users.remove(request.params.id);
    await access.sessions.endAllOf(`user:${request.params.id}`);
    access.rightsChanged();
    response.status(204).end();
  });
  return routes;
}
