export { Livestream, type RouteRule } from "./livestream.js";
export type { LiveKitAccess, LivestreamOptions } from "./options.js";
