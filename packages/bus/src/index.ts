export * from "./bus.js";
export { MemoryBus } from "./memory.js";
export { subjectWord } from "./subjects.js";
