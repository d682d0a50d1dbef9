import {
  type CreateJob,
  describeIssues,
  expandPresets,
  type JsonObject,
  parseStreamConfig,
  type StreamMetadata,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import { isRenderConfig } from "../scheduling/requirement.js";
import { burntLines } from "../sheets/burnt-lines.js";
import type { TemplateCatalogue } from "../templates/catalogue.js";
import { mergeConfig } from "../templates/merge-config.js";
import type { NewJobRow } from "./job-queries.js";
import { requireFuture, toSchedule } from "./schedule.js";
import type { TitleMaker } from "./titles.js";

export interface SubmissionDeps {
  templates: TemplateCatalogue;
  titles: TitleMaker;
  newId: () => string;
  now: () => Date;
}

/** Whoever submits a job. */
export interface Submitter {
  /** Who they are, where they had to say. */
  name: string | null;
  /** The room that the job is for. */
  room: string;
  /** It is the service itself, which knows whose files the parts of a render are. */
  isService?: boolean;
}

/**
 * Makes the row of a new job out of what a client asked for: the template is resolved now, so that editing it later
 * does not change a job that is already under way.
 *
 * @throws AppError `TEMPLATE_NOT_FOUND`; `VALIDATION_FAILED` where a stream config is wrong. A config of another kind
 * belongs to an agent that knows it and is passed on unread.
 */
export async function toNewJob(
  body: CreateJob,
  by: Submitter,
  { templates, titles, newId, now }: SubmissionDeps,
): Promise<NewJobRow> {
  const templateConfig = body.templateId == null ? null : await resolveTemplate(body, body.templateId, templates);
  const written = templateConfig ?? body.inlineConfig ?? {};
  const config = templateConfig !== null || "source" in written ? requireStreamConfig(written) : written;
  requireSheet(config, body.streamContext);
  if (by.isService !== true) requireWhole(config);
  const at = now();
  const schedule = toSchedule(body.schedule);
  requireFuture(schedule, at);
  // What is muted or paused is what the agent says it is, not what a client wishes.
  const { isMuted: _muted, isPaused: _paused, ...given } = body.streamMetadata ?? {};
  const streamMetadata: StreamMetadata = {
    title: titles.title(body.streamContext, at),
    description: titles.description(body.streamContext),
    isMuted: false,
    ...given,
  };
  return {
    id: newId(),
    room: by.room,
    template_id: body.templateId ?? null,
    inline_config: toJson(body.inlineConfig),
    config: config === body.inlineConfig ? null : toJson(config),
    own_source: null,
    status: "PENDING",
    wanted_status: "RUNNING",
    agent_id: null,
    epoch: 0,
    restarts: 0,
    not_before: null,
    created_at: at.toISOString(),
    updated_at: at.toISOString(),
    started_at: null,
    running_since: null,
    ended_at: null,
    error: null,
    reason: null,
    requested_by: body.requestedBy ?? by.name,
    idempotency_key: body.idempotencyKey ?? null,
    priority: body.priority,
    placement: body.placement ?? null,
    restart_policy: body.restartPolicy,
    restart_limits: null,
    on_disconnect: body.onDisconnect ?? (body.restartPolicy === "onFailure" ? "fence" : "continue"),
    fenced: 0,
    moving: 0,
    stream_context: toJson(body.streamContext),
    stream_metadata: JSON.stringify(streamMetadata),
    metadata: toJson(body.metadata),
    progress: null,
    dismissed_at: null,
    schedule: toJson(schedule),
  };
}

async function resolveTemplate(body: CreateJob, id: string, templates: TemplateCatalogue): Promise<JsonObject> {
  const template = await templates.get(id);
  if (template === undefined)
    throw new AppError("TEMPLATE_NOT_FOUND", `There is no template "${id}". GET /v1/templates lists those there are.`);
  return body.configOverrides == null ? template.config : mergeConfig(template.config, body.configOverrides);
}

/** @returns the config with those of its destinations in full that were named by a preset. */
function requireStreamConfig(config: JsonObject): JsonObject {
  const parsed = parseStreamConfig(config);
  const expanded = parsed.ok ? expandPresets(config) : parsed;
  if (expanded.ok) return expanded.value;
  throw new AppError("VALIDATION_FAILED", `The stream config is wrong: ${describeIssues(expanded.issues)}.`, {
    details: expanded.issues,
  });
}

/** Lines that tell of a sheet need one. */
function requireSheet(config: JsonObject, context: CreateJob["streamContext"]): void {
  const burnt = burntLines(config, context);
  if (burnt !== undefined && burnt.sheet === undefined)
    throw new AppError(
      "VALIDATION_FAILED",
      `The overlay's line ${burnt.lines[0]?.id} says what a sheet says; name it in overlay.sheet or streamContext.sheet.`,
    );
}

/** A task names files by their keys, and so could name those of other rooms. */
function requireWhole(config: JsonObject): void {
  if (isRenderConfig(config) && config.task !== undefined)
    throw new AppError("VALIDATION_FAILED", "A render is cut into tasks by the service itself: leave out config.task.");
}

const toJson = (value: unknown): string | null => (value == null ? null : JSON.stringify(value));
