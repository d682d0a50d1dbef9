export * from "./bus.js";
export type { Lease } from "./leases/lease.js";
export { MemoryLeases } from "./leases/memory-leases.js";
export { MemoryBus } from "./memory.js";
export * from "./messages.js";
export { subjectWord } from "./subjects.js";
