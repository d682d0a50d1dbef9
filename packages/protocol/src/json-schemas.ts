import { z } from "zod";
import { configWarningSchema } from "./config/platform-warnings.js";
import { destinationPresetSchema } from "./config/platforms.js";
import { presetDestinationSchema } from "./config/presets.js";
import { shorthandConfigSchema } from "./config/shorthand.js";
import { streamConfigSchema } from "./config/stream-config.js";
import { messageSchema } from "./messages/envelope.js";
import { agentMessagePayloads } from "./messages/from-agent.js";
import { orchestratorMessagePayloads } from "./messages/to-agent.js";
import { uiMessagePayloads } from "./messages/to-ui.js";
import {
  dryRunReplySchema,
  orchestrateReplySchema,
  renderErrorSchema,
  renderStatusSchema,
  videoResultSchema,
} from "./renders/answers.js";
import { callbackEventSchema, callbackSecretSchema } from "./renders/callback.js";
import { renderRequestSchema } from "./renders/request.js";
import { renderJobConfigSchema } from "./renders/task.js";
import {
  agentTokenSchema,
  apiKeySchema,
  createAgentTokenSchema,
  createApiKeySchema,
  createUserSchema,
  newAgentTokenSchema,
  newApiKeySchema,
  sessionRecordSchema,
  signInSchema,
  ticketSchema,
  updateUserSchema,
  userRecordSchema,
} from "./resources/access.js";
import { agentRecordSchema } from "./resources/agent.js";
import { analyticsReplySchema } from "./resources/analytics.js";
import { auditEntrySchema, chainReportSchema, eraseReplySchema, eraseRequestSchema } from "./resources/audit.js";
import {
  broadcastMetadataSchema,
  broadcastRecordSchema,
  createBroadcastSchema,
  updateBroadcastSchema,
} from "./resources/broadcast.js";
import {
  configurationFileSchema,
  configurationReplySchema,
  updateConfigurationSchema,
} from "./resources/configuration.js";
import {
  circuitBreakerSchema,
  healthReplySchema,
  readyReplySchema,
  resetBreakerSchema,
  servicesReplySchema,
} from "./resources/health.js";
import {
  createJobSchema,
  jobDetailSchema,
  jobEventSchema,
  jobRecordSchema,
  submittedJobSchema,
} from "./resources/job.js";
import { jobScheduleInputSchema } from "./resources/job-schedule.js";
import { measurementsSchema } from "./resources/measurements.js";
import { modelsReplySchema } from "./resources/models.js";
import { agentProbeSchema, probeReplySchema, probeRequestSchema } from "./resources/probe.js";
import { progressSchema } from "./resources/progress.js";
import { publicStatusSchema } from "./resources/public-status.js";
import {
  addDestinationSchema,
  agentReplySchema,
  drainRequestSchema,
  errorBodySchema,
  jobReplySchema,
  metadataReplySchema,
  switchInputSchema,
} from "./resources/replies.js";
import { resourcesReplySchema, scalingAdviceSchema } from "./resources/resources.js";
import {
  sheetOverlaySchema,
  teamNamesSchema,
  updateSheetOverlaySchema,
  updateTeamNamesSchema,
} from "./resources/sheet.js";
import { metadataUpdateSchema, streamContextSchema, streamMetadataSchema } from "./resources/stream-metadata.js";
import { createTemplateSchema, templateRecordSchema, templateUpdateSchema } from "./resources/template.js";
import {
  createWebhookSchema,
  deliveryReplySchema,
  savedWebhookSchema,
  updateWebhookSchema,
  webhookDeliverySchema,
  webhookEventSchema,
  webhookFactSchema,
  webhookSchema,
  webhookTestSchema,
} from "./resources/webhook.js";
import { rerunWorkflowSchema, workflowDetailSchema, workflowSchema } from "./resources/workflow.js";
import { oauthCodeSchema, oauthStatusSchema, streamPrivacySchema } from "./resources/youtube.js";

const resources: Record<string, z.ZodType> = {
  "stream-config": streamConfigSchema,
  "shorthand-config": shorthandConfigSchema,
  "preset-destination": presetDestinationSchema,
  "destination-preset": destinationPresetSchema,
  "config-warning": configWarningSchema,
  agent: agentRecordSchema,
  job: jobRecordSchema,
  "job-detail": jobDetailSchema,
  "job-event": jobEventSchema,
  "create-job": createJobSchema,
  "submitted-job": submittedJobSchema,
  "job-reply": jobReplySchema,
  "job-schedule": jobScheduleInputSchema,
  "agent-reply": agentReplySchema,
  "metadata-reply": metadataReplySchema,
  "metadata-update": metadataUpdateSchema,
  "drain-request": drainRequestSchema,
  "add-destination": addDestinationSchema,
  "switch-input": switchInputSchema,
  "agent-probe": agentProbeSchema,
  "probe-request": probeRequestSchema,
  "probe-reply": probeReplySchema,
  "render-request": renderRequestSchema,
  "render-job-config": renderJobConfigSchema,
  "orchestrate-reply": orchestrateReplySchema,
  "render-status": renderStatusSchema,
  models: modelsReplySchema,
  "video-result": videoResultSchema,
  "render-dry-run": dryRunReplySchema,
  "render-error": renderErrorSchema,
  workflow: workflowSchema,
  "workflow-detail": workflowDetailSchema,
  "rerun-workflow": rerunWorkflowSchema,
  "callback-secret": callbackSecretSchema,
  "callback-event": callbackEventSchema,
  "error-body": errorBodySchema,
  progress: progressSchema,
  measurements: measurementsSchema,
  "stream-context": streamContextSchema,
  "stream-metadata": streamMetadataSchema,
  "audit-entry": auditEntrySchema,
  "chain-report": chainReportSchema,
  "erase-request": eraseRequestSchema,
  "erase-reply": eraseReplySchema,
  template: templateRecordSchema,
  "create-template": createTemplateSchema,
  "template-update": templateUpdateSchema,
  broadcast: broadcastRecordSchema,
  "create-broadcast": createBroadcastSchema,
  "update-broadcast": updateBroadcastSchema,
  "broadcast-metadata": broadcastMetadataSchema,
  "stream-privacy": streamPrivacySchema,
  "oauth-status": oauthStatusSchema,
  "oauth-code": oauthCodeSchema,
  configuration: configurationReplySchema,
  "configuration-file": configurationFileSchema,
  "update-configuration": updateConfigurationSchema,
  health: healthReplySchema,
  ready: readyReplySchema,
  services: servicesReplySchema,
  "circuit-breaker": circuitBreakerSchema,
  "reset-breaker": resetBreakerSchema,
  analytics: analyticsReplySchema,
  resources: resourcesReplySchema,
  "scaling-advice": scalingAdviceSchema,
  "public-status": publicStatusSchema,
  "sheet-overlay": sheetOverlaySchema,
  "update-sheet-overlay": updateSheetOverlaySchema,
  "team-names": teamNamesSchema,
  "update-team-names": updateTeamNamesSchema,
  webhook: webhookSchema,
  "create-webhook": createWebhookSchema,
  "update-webhook": updateWebhookSchema,
  "saved-webhook": savedWebhookSchema,
  "webhook-delivery": webhookDeliverySchema,
  "webhook-delivery-reply": deliveryReplySchema,
  "webhook-event": webhookEventSchema,
  "webhook-fact": webhookFactSchema,
  "webhook-test": webhookTestSchema,
  "api-key": apiKeySchema,
  "create-api-key": createApiKeySchema,
  "new-api-key": newApiKeySchema,
  user: userRecordSchema,
  "create-user": createUserSchema,
  "update-user": updateUserSchema,
  session: sessionRecordSchema,
  "sign-in": signInSchema,
  ticket: ticketSchema,
  "agent-token": agentTokenSchema,
  "create-agent-token": createAgentTokenSchema,
  "new-agent-token": newAgentTokenSchema,
};

/**
 * JSON Schemas (draft 2020-12) of every message and resource, by file name without its ending. Messages are named by
 * their type; they describe what a sender may write, so fields with defaults are optional.
 */
export function jsonSchemas(): Record<string, unknown> {
  const messages = { ...agentMessagePayloads, ...orchestratorMessagePayloads, ...uiMessagePayloads };
  const all = { ...resources };
  for (const [type, payload] of Object.entries(messages)) all[type] = messageSchema(type, payload);
  return Object.fromEntries(
    Object.entries(all).map(([name, schema]) => [
      name,
      z.toJSONSchema(schema, { io: "input", target: "draft-2020-12" }),
    ]),
  );
}
