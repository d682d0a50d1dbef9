import type { GuardedRoutes } from "../access/guarded-routes.js";
import type { Rule } from "../access/rules.js";

/** What is answered below each path. */
export type Routes = readonly (readonly [path: string, routes: GuardedRoutes])[];

/** A route and who may call it. */
export interface RouteRule {
  readonly method: string;
  readonly path: string;
  readonly rule: Rule;
}

/** Every route of a service, and who may call it. */
export const rulesOf = (routes: Routes): RouteRule[] =>
  routes.flatMap(([prefix, guarded]) =>
    guarded.routes.map(({ method, path, rule }) => ({
      method: method.toUpperCase(),
      path: path === "/" ? prefix : (prefix === "/" ? "" : prefix) + path,
      rule,
    })),
  );
