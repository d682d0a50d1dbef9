export type { OrchestratorOptions } from "./options.js";
export { Orchestrator } from "./orchestrator.js";
