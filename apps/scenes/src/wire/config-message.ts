import {
  create,
  Lifecycle,
  type OrchestratorConfig,
  OrchestratorConfigSchema,
  SceneSchema,
} from "@stream-control/proto/scenes";
import type { Rundown } from "../timeline/index.js";

/** A rundown as a message. */
export function configMessage(rundown: Rundown): OrchestratorConfig {
  return create(OrchestratorConfigSchema, {
    scenes: rundown.scenes.map(({ durationMs, metadata, ...scene }) =>
      create(SceneSchema, { ...scene, durationMs: BigInt(durationMs), metadata: { ...metadata } }),
    ),
    ...{ tickIntervalMs: rundown.tickIntervalMs, loop: rundown.loop, startOffsetMs: BigInt(rundown.startOffsetMs) },
    ...{ lookAheadMs: rundown.lookAheadMs, frameRate: rundown.frameRate },
    ...(rundown.startAtMs === null ? {} : { startAtMs: BigInt(rundown.startAtMs) }),
    ...(rundown.plannedEndMs === null ? {} : { plannedEndMs: BigInt(rundown.plannedEndMs) }),
    lifecycle: rundown.lifecycle === "subscribers" ? Lifecycle.SUBSCRIBERS : Lifecycle.INDEPENDENT,
  });
}
