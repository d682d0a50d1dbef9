import type { Progress } from "@stream-control/protocol";

/** How far the parts of renders are, all together. */
export class PartsBoard {
  private readonly runs = new Map<string, Progress>();

  /** @returns undefined where no parts of the run are made, or were since the service began. */
  of(runId: string): Progress | undefined {
    return this.runs.get(runId);
  }

  set(runId: string, progress: Progress): void {
    this.runs.set(runId, progress);
  }

  forget(runId: string): void {
    this.runs.delete(runId);
  }
}
