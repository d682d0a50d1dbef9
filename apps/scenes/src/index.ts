export type { ScenesOptions } from "./options.js";
export { type RouteRule, Scenes } from "./scenes.js";
export type { ServiceSettings } from "./service/settings.js";
export * from "./timeline/index.js";
