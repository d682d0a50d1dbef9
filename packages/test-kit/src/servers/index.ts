export * from "./brokers.js";
export * from "./postgres.js";
export type { TestServer } from "./server-process.js";
