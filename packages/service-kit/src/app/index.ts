export { type HealthReport, healthRoute } from "./health.js";
export { callerOf, identify, inTurn, rateKey } from "./identify.js";
export { type RouteRule, type Routes, rulesOf } from "./routes.js";
export { storeErrors } from "./store-errors.js";
