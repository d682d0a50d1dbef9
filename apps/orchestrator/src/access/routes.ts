import { type Access, keyRoutes, sessionRoutes, ticketRoutes, userRoutes } from "@stream-control/service-kit/access";
import type { Routes } from "@stream-control/service-kit/app";
import { auditRoutes, type LocalDesk } from "@stream-control/service-kit/audit";
import { OIDC_PATH, type OidcSettings, oidcRoutes } from "@stream-control/service-kit/oidc";
import type { RequestHandler } from "express";

export interface AccessRoutesDeps {
  access: Access;
  readBody: RequestHandler;
  desk: LocalDesk;
  /** Where people may sign in beside with a password; nowhere unless given. */
  oidc: OidcSettings | undefined;
}

/** How people and programs get in, and who did what. */
export const accessRoutes = ({ access, readBody, desk, oidc }: AccessRoutesDeps): Routes => [
  ["/v1/session", sessionRoutes(access, readBody)],
  ...(oidc === undefined ? [] : [[OIDC_PATH, oidcRoutes({ access, readBody, settings: oidc })] as const]),
  ["/v1/tickets", ticketRoutes(access, readBody)],
  ["/v1/keys", keyRoutes(access, readBody)],
  ["/v1/users", userRoutes(access, readBody)],
  ["/v1/audit", auditRoutes({ access, readBody, desk })],
];
