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
  const { audit } = access.options;
  routes.get("/", everywhere("admin"), async (_request, response) => {
    response.json(await access.keys.list());
  });
  routes.post("/", everywhere("admin"), async (request, response) => {
    const { name, role, grants, expiresAt } = parseBody(createApiKeySchema, request.body);
    const createdBy = access.requireCaller(request).principal.id;
    const made = await access.keys.create({ name, grants: grantsOf({ role, grants }), expiresAt, createdBy });
    const { key: _shownOnce, ...entry } = made;
    await audit.record({
      ...{ type: "key.issued", subject: `key:${made.id}`, message: "An API key was issued." },
      data: { grants: entry.grants, expiresAt: entry.expiresAt },
    });
    response.status(201).json(made);
  });
  routes.delete("/:id", everywhere("admin"), async (request, response) => {
    const key = await access.keys.revoke(request.params.id);
    await access.sessions.endAllOf(`key:${key.id}`);
    access.rightsChanged();
    await audit.record({ type: "key.revoked", subject: `key:${key.id}`, message: "An API key was revoked." });
    response.json(key);
  });
  return routes;
}

/** `/v1/users`: people, for admins. */
export function userRoutes(access: Access, readBody: RequestHandler): GuardedRoutes {
  const routes = new GuardedRoutes(access, readBody);
  const { audit } = access.options;
  routes.get("/", everywhere("admin"), async (_request, response) => {
    response.json(await access.users.list());
  });
  routes.post("/", everywhere("admin"), async (request, response) => {
    const user = await access.users.create(parseBody(createUserSchema, request.body));
    const { grants } = user;
    await audit.record({
      type: "user.created",
      subject: `user:${user.id}`,
      message: "A user was made.",
      data: { grants },
    });
    response.status(201).json(user);
  });
  routes.patch("/:id", everywhere("admin"), async (request, response) => {
    const change = parseBody(updateUserSchema, request.body);
    const user = await access.users.update(request.params.id, change);
    // Whoever changes a password wants those out who knew the old one.
    if (change.password !== undefined || change.disabled === true) await access.sessions.endAllOf(`user:${user.id}`);
    access.rightsChanged();
    await audit.record({
      ...{ type: "user.changed", subject: `user:${user.id}`, message: "A user was changed." },
      data: { fields: Object.keys(change), grants: user.grants },
    });
    response.json(user);
  });
  routes.delete("/:id", everywhere("admin"), async (request, response) => {
    await access.users.remove(request.params.id);
    await access.sessions.endAllOf(`user:${request.params.id}`);
    access.rightsChanged();
    await audit.record({ type: "user.removed", subject: `user:${request.params.id}`, message: "A user was removed." });
    response.status(204).end();
  });
  return routes;
}
