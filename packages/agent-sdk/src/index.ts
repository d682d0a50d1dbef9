export { AgentClient } from "./agent-client.js";
export { type Clock, machineClock } from "./clock.js";
export type { Lease } from "./lease.js";
export * from "./types.js";
