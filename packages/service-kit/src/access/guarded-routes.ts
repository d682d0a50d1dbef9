import { type Request, type RequestHandler, type Response, Router } from "express";
import type { Access } from "./access.js";
import { requireRole, requireRoom } from "./gates.js";
import type { Rule } from "./rules.js";

/** Names of a path's parameters: `/jobs/:id` has `id`. */
type Params<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? { [N in Name]: string } & Params<Rest>
  : Path extends `${string}:${infer Name}`
    ? { [N in Name]: string }
    : unknown;

export type Handler<Path extends string> = (
  request: Request<Params<Path> & Record<string, string>>,
  response: Response,
) => void | Promise<void>;

export type Method = "get" | "post" | "put" | "patch" | "delete";

/** A route and who may call it. */
export interface GuardedRoute {
  readonly method: Method;
  /** Below where its routes are mounted. */
  readonly path: string;
  readonly rule: Rule;
}

/**
 * Routes that cannot be added without a rule. In this order: the caller's role, then the body, then the room, then the
 * handler; so that a body is only read of somebody who may send one.
 */
export class GuardedRoutes {
  readonly router: Router = Router();
  readonly routes: GuardedRoute[] = [];

  constructor(
    readonly access: Access,
    private readonly readBody: RequestHandler,
  ) {}

  get<Path extends string>(path: Path, rule: Rule, handler: Handler<Path>): void {
    this.add("get", path, rule, handler);
  }
  post<Path extends string>(path: Path, rule: Rule, handler: Handler<Path>): void {
    this.add("post", path, rule, handler);
  }
  put<Path extends string>(path: Path, rule: Rule, handler: Handler<Path>): void {
    this.add("put", path, rule, handler);
  }
  patch<Path extends string>(path: Path, rule: Rule, handler: Handler<Path>): void {
    this.add("patch", path, rule, handler);
  }
  delete<Path extends string>(path: Path, rule: Rule, handler: Handler<Path>): void {
    this.add("delete", path, rule, handler);
  }

  private add<Path extends string>(method: Method, path: Path, rule: Rule, handler: Handler<Path>): void {
    const { access } = this;
    this.routes.push({ method, path, rule });
    const role: RequestHandler = (request, _response, next) => {
      requireRole(access, rule, request);
      next();
    };
    const room: RequestHandler = async (request, _response, next) => {
      if (rule.kind === "room") requireRoom(access, rule.role, await rule.roomOf(request), request);
      next();
    };
    const body = method === "get" ? [] : [this.readBody];
    const gates = rule.kind === "room" ? [role, ...body, room] : [role, ...body];
    // The path says which parameters there are; express cannot follow that through a variable.
    this.router[method](path, ...gates, handler as unknown as RequestHandler);
  }
}
