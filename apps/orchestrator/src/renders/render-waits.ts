import type { WorkflowEngine } from "../workflows/engine.js";
import type { WorkflowRun } from "../workflows/run.js";

/** Requests that wait until it is known what came of a render. */
export class RenderWaits {
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(engine: Pick<WorkflowEngine, "onChange">) {
    engine.onChange(({ id, state }) => {
      if (state.outcome !== null) this.wake(id);
    });
  }

  /**
   * Settles when the outcome is known and on disk, the time is over, or the signal says so.
   *
   * @param read gives the run as it is on disk; asked after the wait has begun, so that no outcome is missed.
   */
  async forOutcome(
    runId: string,
    ms: number,
    signal: AbortSignal,
    read: () => Promise<WorkflowRun | undefined>,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const those = this.waiting.get(runId) ?? new Set();
    this.waiting.set(runId, those.add(resolve));
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => resolve(), { once: true });
    try {
      const run = await read();
      if (run === undefined || run.state.outcome !== null || signal.aborted) return;
      await promise;
    } finally {
      clearTimeout(timer);
      those.delete(resolve);
      if (those.size === 0) this.waiting.delete(runId);
    }
  }

  /** Answers all who wait with what there is. */
  stop(): void {
    for (const runId of [...this.waiting.keys()]) this.wake(runId);
  }

  private wake(runId: string): void {
    for (const resolve of this.waiting.get(runId) ?? []) resolve();
  }
}
