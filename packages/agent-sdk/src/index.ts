export { AgentClient } from "./agent-client.js";
export * from "./types.js";
