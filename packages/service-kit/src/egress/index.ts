export { AllowedNetworks } from "./allowed-networks.js";
export { canonicalHost } from "./host.js";
export { pinnedLookup } from "./pinned-lookup.js";
export * from "./resolve.js";
