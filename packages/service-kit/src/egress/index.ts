export { AllowedNetworks } from "./allowed-networks.js";
export { canonicalHost } from "./host.js";
export * from "./resolve.js";
