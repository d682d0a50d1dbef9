import type { Filter, StateUpdate } from "@stream-control/proto/scenes";
import { UpdateKind } from "@stream-control/proto/scenes";

/** What of an update decides whether a subscriber gets it. */
export type Filtered = Pick<StateUpdate, "kind" | "atMs" | "scene" | "progress">;

/**
 * Which ticks one subscriber gets. What happens (a scene, a command, an announcement) is always told, so that nobody who
 * wants few updates is ever wrong.
 */
export class UpdateGate {
  private lastAtMs = Number.NEGATIVE_INFINITY;
  private lastProgress = 0;
  private lastInstance: number | undefined;

  constructor(readonly filter: Filter) {}

  wants({ kind, atMs, scene }: Filtered): boolean {
    const now = Number(atMs);
    const wanted = kind !== UpdateKind.TICK || this.wantsTick(now, scene);
    if (wanted) {
      this.lastAtMs = now;
      this.lastProgress = scene?.progress ?? 0;
      this.lastInstance = scene?.instance;
    }
    return wanted;
  }

  private wantsTick(atMs: number, scene: Filtered["scene"]): boolean {
    const { scenes, progressStep, progressFrom, maxUpdatesPerSecond, eventsOnly } = this.filter;
    if (eventsOnly) return false;
    // Ticks come on a grid of whole milliseconds; one that is a moment early is not one too many.
    if (maxUpdatesPerSecond > 0 && atMs - this.lastAtMs < 1000 / maxUpdatesPerSecond - 1) return false;
    if (scenes.length > 0 && (scene === undefined || !(scenes.includes(scene.id) || scenes.includes(scene.name))))
      return false;
    const progress = scene?.progress ?? 0;
    if (progress < progressFrom) return false;
    const isSame = scene?.instance === this.lastInstance;
    return !(progressStep > 0 && isSame && progress - this.lastProgress < progressStep && progress < 1);
  }
}

/** Whether a filter lets everything through, so that it need not be asked. */
export const isOpen = ({ scenes, progressStep, progressFrom, maxUpdatesPerSecond, eventsOnly }: Filter): boolean =>
  scenes.length === 0 && progressStep === 0 && progressFrom === 0 && maxUpdatesPerSecond === 0 && !eventsOnly;
