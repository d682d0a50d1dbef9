import type { AgentPayload, JobEvent, Progress } from "@stream-control/protocol";

/** Log lines of a job that are kept while it runs. */
const MAX_LINES = 200;

/** A line that an agent logged for a job. */
export interface JobLogLine {
  level: AgentPayload<"agent.job.log">["level"];
  message: string;
  ts: string;
}

interface Entry {
  progress: Progress | null;
  lines: JobLogLine[];
  viewers: number | null;
}

/**
 * What running jobs measure and say of themselves, and how many watch them: the newest progress and number of viewers, the
 * last log lines. It is not stored, since it is told again before long; the last measurement of a run is written with its
 * end.
 */
export class ProgressBoard {
  private readonly byJob = new Map<string, Entry>();

  private readonly listeners: ((jobId: string, progress: Progress, viewers: number | null) => void)[] = [];

  /** Tells the listener of every measurement. */
  onProgress(listener: (jobId: string, progress: Progress, viewers: number | null) => void): void {
    this.listeners.push(listener);
  }

  setProgress(jobId: string, progress: Progress): void {
    const entry = this.entry(jobId);
    entry.progress = progress;
    for (const listener of this.listeners) listener(jobId, progress, entry.viewers);
  }

  /** @returns whether it is another number than before. */
  setViewers(jobId: string, viewers: number): boolean {
    const entry = this.entry(jobId);
    if (entry.viewers === viewers) return false;
    entry.viewers = viewers;
    return true;
  }

  viewers(jobId: string): number | null {
    return this.byJob.get(jobId)?.viewers ?? null;
  }

  addLine(jobId: string, line: JobLogLine): JobEvent {
    const { lines } = this.entry(jobId);
    lines.push(line);
    if (lines.length > MAX_LINES) lines.shift();
    return { jobId, type: "job.log", message: line.message, data: { level: line.level }, ts: line.ts };
  }

  progress(jobId: string): Progress | null {
    return this.byJob.get(jobId)?.progress ?? null;
  }

  lines(jobId: string): readonly JobLogLine[] {
    return this.byJob.get(jobId)?.lines ?? [];
  }

  forget(jobId: string): void {
    this.byJob.delete(jobId);
  }

  private entry(jobId: string): Entry {
    const known = this.byJob.get(jobId);
    if (known !== undefined) return known;
    const fresh: Entry = { progress: null, lines: [], viewers: null };
    this.byJob.set(jobId, fresh);
    return fresh;
  }
}
