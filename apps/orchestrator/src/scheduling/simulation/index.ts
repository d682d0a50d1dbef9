export { type DecisionTimes, measureDecisions } from "./decisions.js";
export { type SimulationOptions, type SimulationResult, simulate } from "./simulate.js";
