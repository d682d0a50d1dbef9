export { AllowedNetworks } from "./allowed-networks.js";
export { canonicalHost } from "./host.js";
export { type AsideOptions, lookUpAside } from "./look-up-aside.js";
export { pinnedLookup } from "./pinned-lookup.js";
export * from "./resolve.js";
