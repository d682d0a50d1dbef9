export { asSystem, type Caller, currentCaller, runAs, SYSTEM, withCaller } from "./caller.js";
export {
  addressKey,
  ClientAddresses,
  isLoopback,
  plainAddress,
  type TrustProxy,
} from "./callers/client-addresses.js";
export { FailureLimiter, type FailureLimiterOptions } from "./callers/failure-limiter.js";
export { GuessLimiter, type GuessLimiterOptions } from "./callers/guess-limiter.js";
export { type LimitRequestsOptions, limitRequests, type RequestRates } from "./callers/limit-requests.js";
export { RateLimiter, type RateLimiterOptions } from "./callers/rate-limiter.js";
export * from "./cursor.js";
export { Door, type DoorOptions } from "./door/door.js";
export { type DoorLimits, doorLimits } from "./door/limits.js";
export { type PeerIdentity, peerIdentity } from "./door/peer-identity.js";
export type { Arrival, SocketRoute, TakeSocket } from "./door/sockets.js";
export type { TlsFiles } from "./door/tls-files.js";
export { DEFAULT_RATES, type DoorSettings, doorVariables, readDoor } from "./door-config.js";
export { asAppError, errorBody, errorHandler, retryAfterOf, routeNotFound, tooMany } from "./errors.js";
export { type GuardAppOptions, guardApp } from "./guard-app.js";
export { type JsonBodyOptions, jsonBody } from "./json-body.js";
export { crossOrigin, Origins } from "./origins.js";
export * from "./page-query.js";
export * from "./parse.js";
export { noStore, type PageSources, securityHeaders } from "./security-headers.js";
export { escapeHtml, smallPage } from "./small-page.js";
export * from "./stream.js";
