export { Orchestrator, type OrchestratorOptions } from "./orchestrator.js";
