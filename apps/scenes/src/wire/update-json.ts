import { type StateUpdate, UpdateKind, Mode as WireMode } from "@stream-control/proto/scenes";

const number = (value: bigint | undefined): number | null => (value === undefined ? null : Number(value));
const modeName = (mode: WireMode): string => (WireMode[mode] ?? "UNSPECIFIED").toLowerCase();

/** An update as JSON: the same names, times as numbers, null for what is absent. */
export function updateJson(update: StateUpdate) {
  const { scene, next, status } = update;
  return {
    stream_id: update.streamId,
    ...{ kind: (UpdateKind[update.kind] ?? "UNSPECIFIED").toLowerCase(), at_ms: Number(update.atMs) },
    ...{ epoch: Number(update.epoch), sequence: Number(update.sequence), revision: Number(update.revision) },
    ...{ mode: modeName(update.mode), stop_reason: update.stopReason === "" ? null : update.stopReason },
    current_scene: scene?.name ?? null,
    scene:
      scene === undefined
        ? null
        : {
            ...{ id: scene.id, name: scene.name, index: scene.index ?? null, instance: scene.instance },
            ...{ started_at_ms: Number(scene.startedAtMs), ends_at_ms: number(scene.endsAtMs) },
            zero_at_ms: update.mode === WireMode.RUNNING ? Number(scene.zeroAtMs) : null,
            ...{ duration_ms: Number(scene.durationMs), adjusted_ms: Number(scene.adjustedMs), held: scene.held },
            ...{ elapsed_ms: Number(scene.elapsedMs), remaining_ms: Number(scene.remainingMs) },
            ...{ over_ms: Number(scene.overMs), progress: scene.progress, metadata: scene.metadata },
          },
    next:
      next === undefined
        ? null
        : {
            ...{ id: next.id, name: next.name, duration_ms: Number(next.durationMs), cued: next.cued },
            ...{ starts_at_ms: number(next.startsAtMs), metadata: next.metadata },
          },
    ...{ upcoming: update.upcoming, round: update.round, elapsed_ms: Number(update.elapsedMs) },
    ...{ remaining_ms: Number(update.remainingMs), progress: update.progress, timecode: update.timecode },
    ...{ start_at_ms: number(update.startAtMs), run: update.run, run_started_at_ms: number(update.runStartedAtMs) },
    ...{ ended_at_ms: number(update.endedAtMs), planned_end_ms: number(update.plannedEndMs) },
    ...{ predicted_end_ms: number(update.predictedEndMs), over_under_ms: number(update.overUnderMs) },
    status:
      status === undefined
        ? null
        : { status: status.status, message: status.message, updated_at_ms: Number(status.updatedAtMs) },
  };
}
