export type { RouteRule } from "@stream-control/service-kit/app";
export type { ScenesOptions } from "./options.js";
export { Scenes } from "./scenes.js";
export type { ServiceSettings } from "./service/settings.js";
export * from "./timeline/index.js";
