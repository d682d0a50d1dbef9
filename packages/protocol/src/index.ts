export * from "./config/destination.js";
export * from "./config/monitoring.js";
export * from "./config/on-air.js";
export * from "./config/overlay.js";
export {
  type ConfigWarning,
  configWarningSchema,
  platformWarnings,
} from "./config/platform-warnings.js";
export {
  DESTINATION_PRESETS,
  type DestinationPreset,
  destinationPresetSchema,
} from "./config/platforms.js";
export {
  expandPresets,
  parseDestination,
  presetDestinationSchema,
} from "./config/presets.js";
export {
  parseStreamConfig,
  type ResolvedStreamConfig,
  type ShorthandConfig,
  shorthandConfigSchema,
} from "./config/shorthand.js";
export { type Source, sourceSchema, TEST_PATTERNS } from "./config/source.js";
export * from "./config/stream-config.js";
export { jsonSchemas } from "./json-schemas.js";
export * from "./json-shape.js";
export { buildMessage } from "./messages/build.js";
export type { Envelope } from "./messages/envelope.js";
export * from "./messages/from-agent.js";
export * from "./messages/parse.js";
export * from "./messages/to-agent.js";
export * from "./messages/to-ui.js";
export * from "./parse-result.js";
export * from "./primitives.js";
export * from "./renders/answers.js";
export * from "./renders/callback.js";
export * from "./renders/chunks.js";
export * from "./renders/element.js";
export * from "./renders/length.js";
export * from "./renders/request.js";
export * from "./renders/task.js";
export * from "./renders/timeline.js";
export * from "./resources/access.js";
export * from "./resources/agent.js";
export * from "./resources/analytics.js";
export * from "./resources/audit.js";
export * from "./resources/broadcast.js";
export * from "./resources/configuration.js";
export * from "./resources/health.js";
export * from "./resources/job.js";
export * from "./resources/job-schedule.js";
export * from "./resources/measurements.js";
export * from "./resources/models.js";
export * from "./resources/priority.js";
export * from "./resources/probe.js";
export * from "./resources/progress.js";
export * from "./resources/public-status.js";
export * from "./resources/replies.js";
export * from "./resources/resources.js";
export * from "./resources/sheet.js";
export * from "./resources/stream-metadata.js";
export * from "./resources/template.js";
export * from "./resources/webhook.js";
export * from "./resources/workflow.js";
export * from "./resources/youtube.js";
export * from "./secrets/index.js";
export * from "./states.js";
export * from "./version.js";
