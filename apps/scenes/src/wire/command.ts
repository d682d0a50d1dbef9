import type {
  OrchestratorCommand,
  OrchestratorConfig,
  Start,
  Action as WireAction,
} from "@stream-control/proto/scenes";
import { Lifecycle } from "@stream-control/proto/scenes";
import { describeIssues, parseWith } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { Action, Condition, Rundown, TimelineCommand } from "../timeline/index.js";
import { rundownSchema } from "./rundown-schema.js";

/** A wish to change a timeline, or to make one. */
export type Asked =
  | { readonly kind: "create"; readonly rundown: Rundown; readonly room: string; readonly startAtMs: number | null }
  | { readonly kind: "remove" }
  | { readonly kind: "change"; readonly actions: readonly Action[] };

type WireCommand = OrchestratorCommand["command"] | WireAction["command"];

/**
 * What a command asks for.
 *
 * @throws AppError `VALIDATION_FAILED` that names every mistake.
 */
export function askedOf({ command }: OrchestratorCommand, nowMs: number): Asked {
  switch (command.case) {
    case undefined:
      throw new AppError(
        "VALIDATION_FAILED",
        "The command says nothing that this service knows; set one of its commands.",
      );
    case "remove":
      return { kind: "remove" };
    case "start":
      if (command.value.config !== undefined) return created(command.value, command.value.config, nowMs);
      return { kind: "change", actions: [actionOf(command, nowMs)] };
    case "batch": {
      const { actions } = command.value;
      if (actions.length === 0 || actions.length > MAX_ACTIONS)
        throw new AppError("VALIDATION_FAILED", `A batch has 1 to ${MAX_ACTIONS} actions.`);
      return { kind: "change", actions: actions.map((action) => actionOf(action.command, nowMs)) };
    }
    default:
      return { kind: "change", actions: [actionOf(command, nowMs)] };
  }
}

const MAX_ACTIONS = 50;
/** Texts of a command: names, ids, what a stream is said to be doing. */
const MAX_TEXT = 2000;

function created({ room, startAtMs }: Start, config: OrchestratorConfig, nowMs: number): Asked {
  const rundown = rundownOf(config, nowMs);
  const start = startAtMs === undefined ? rundown.startAtMs : Number(startAtMs);
  return { kind: "create", rundown: { ...rundown, startAtMs: start }, room, startAtMs: start };
}

function actionOf(command: WireCommand, nowMs: number): Action {
  switch (command.case) {
    case "start":
      if (command.value.config !== undefined)
        throw new AppError(
          "VALIDATION_FAILED",
          "A start with a config makes a timeline, so it cannot be part of a batch.",
        );
      return command.value.startAtMs === undefined
        ? { kind: "start" }
        : { kind: "start", startAtMs: Number(command.value.startAtMs) };
    case "stop":
    case "pause":
    case "resume":
    case "reset":
    case "take":
    case "hold":
    case "release":
      return { kind: command.case };
    case "skipScene":
      return { kind: "skip" };
    case "forceScene":
      return { kind: "force", scene: text(command.value.scene, "scene") };
    case "cue":
      return { kind: "cue", scene: command.value.scene === "" ? null : text(command.value.scene, "scene") };
    case "updateStreamStatus":
      return {
        kind: "status",
        status: text(command.value.status, "status"),
        message: command.value.message.slice(0, MAX_TEXT),
      };
    case "reconfigure":
      if (command.value.config === undefined) throw new AppError("VALIDATION_FAILED", "Reconfigure needs a config.");
      return { kind: "reconfigure", rundown: rundownOf(command.value.config, nowMs) };
    case "adjustTime": {
      const deltaMs = Number(command.value.deltaMs);
      if (!Number.isSafeInteger(deltaMs)) throw new AppError("VALIDATION_FAILED", "delta_ms is out of range.");
      return { kind: "adjust", deltaMs };
    }
    default:
      throw new AppError("VALIDATION_FAILED", "The batch has an action that this service does not know.");
  }
}

function text(value: string, name: string): string {
  if (value === "" || value.length > MAX_TEXT)
    throw new AppError("VALIDATION_FAILED", `${name} must have 1 to ${MAX_TEXT} characters.`);
  return value;
}

/** A config out of a message, by the same rules as one out of JSON. */
function rundownOf(config: OrchestratorConfig, nowMs: number): Rundown {
  const result = parseWith(rundownSchema(nowMs), {
    scenes: config.scenes.map(({ id, name, durationMs, hold, metadata }) => ({
      ...{ id: id === "" ? undefined : id, name, duration_ms: Number(durationMs), hold, metadata },
    })),
    tick_interval_ms: config.tickIntervalMs === 0 ? undefined : config.tickIntervalMs,
    ...{ loop: config.loop, start_offset_ms: Number(config.startOffsetMs), look_ahead_ms: config.lookAheadMs },
    frame_rate: config.frameRate === "" ? undefined : config.frameRate,
    start_at_ms: config.startAtMs === undefined ? undefined : Number(config.startAtMs),
    planned_end_ms: config.plannedEndMs === undefined ? undefined : Number(config.plannedEndMs),
    lifecycle:
      config.lifecycle === Lifecycle.SUBSCRIBERS
        ? "subscribers"
        : config.lifecycle === Lifecycle.INDEPENDENT
          ? "independent"
          : undefined,
  });
  if (result.ok) return result.value;
  throw new AppError("VALIDATION_FAILED", `The config is wrong: ${describeIssues(result.issues)}.`, {
    details: result.issues,
  });
}

/** What the engine is given. */
export function timelineCommand(command: OrchestratorCommand, actions: readonly Action[]): TimelineCommand {
  const { condition } = command;
  const wanted: Condition | undefined = condition && {
    ...(condition.onAir === "" ? {} : { onAir: condition.onAir }),
    ...(condition.revision === undefined ? {} : { revision: Number(condition.revision) }),
  };
  return { commandId: command.commandId, actions, ...(wanted === undefined ? {} : { condition: wanted }) };
}
