export { isProtected, OIDC_PATH, type OidcSettings, oidcVariables, readOidc } from "./config.js";
export { type GroupGrant, grantsOfClaim, parseGrantsMap } from "./grants-map.js";
export { type OidcRoutesOptions, oidcRoutes } from "./routes.js";
