export type { RouteRule } from "@stream-control/service-kit/app";
export { Livestream } from "./livestream.js";
export type { LiveKitAccess, LivestreamOptions } from "./options.js";
