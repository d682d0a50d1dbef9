import type { JobRow } from "../store/tables.js";

/** What a render counts that has just ended beside those before it. */
const NEWEST_WEIGHT = 0.1;
/** Fewer say nothing. */
const LEAST = 5;

/** How long renders take in each room, newer ones counting more than older ones. */
export class RenderPace {
  private readonly byRoom = new Map<string, { renders: number; meanMs: number }>();

  /** A render has ended. */
  note({ room, started_at: startedAt, ended_at: endedAt }: Pick<JobRow, "room" | "started_at" | "ended_at">): void {
    if (startedAt === null || endedAt === null) return;
    const ms = Math.max(0, Date.parse(endedAt) - Date.parse(startedAt));
    const before = this.byRoom.get(room) ?? { renders: 0, meanMs: ms };
    const weight = Math.max(NEWEST_WEIGHT, 1 / (before.renders + 1));
    this.byRoom.set(room, { renders: before.renders + 1, meanMs: before.meanMs * (1 - weight) + ms * weight });
  }

  /** Milliseconds; undefined where too few are known. */
  meanMs(room: string): number | undefined {
    const known = this.byRoom.get(room);
    return known !== undefined && known.renders >= LEAST ? known.meanMs : undefined;
  }
}
