export { ACCESS_MODES, Access, type AccessMode, type AccessOptions, type Caller, type Guesses } from "./access.js";
export { keyRoutes, userRoutes } from "./admin-routes.js";
export { ApiKeys } from "./api-keys.js";
export { authenticate } from "./authenticate.js";
export { gate, requireCallerFor, requireRoom } from "./gates.js";
export { type GuardedRoute, GuardedRoutes, type Handler, type Method } from "./guarded-routes.js";
export { holdsSomewhere, includes, type Principal, roleIn, roomByDefault, roomsWith } from "./principal.js";
export {
  type ClosedRule,
  describeRule,
  everywhere,
  inRoom,
  open,
  type RoomOf,
  type Rule,
  signedIn,
  somewhere,
} from "./rules.js";
export { hashSecret, matches, newToken, readToken, sameText } from "./secret-token.js";
export { sessionRoutes, ticketRoutes } from "./session-routes.js";
export { type AccessTables, accessMigration, oidcMigration } from "./tables.js";
