import type { AgentPayload, JobEvent, Progress } from "@stream-control/protocol";

/** Log lines of a job that are kept while it runs. */
const MAX_LINES = 200;

/** A line that an agent logged for a job. */
export interface JobLogLine {
  level: AgentPayload<"agent.job.log">["level"];
  message: string;
  ts: string;
}

/**
 * What running jobs measure and say of themselves: the newest progress and the last log lines. It is not stored, since
 * it is told again about every second; the last measurement of a run is written with its end.
 */
export class ProgressBoard {
  private readonly byJob = new Map<string, { progress: Progress | null; lines: JobLogLine[] }>();

  setProgress(jobId: string, progress: Progress): void {
    this.entry(jobId).progress = progress;
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

  private entry(jobId: string) {
    const known = this.byJob.get(jobId);
    if (known !== undefined) return known;
    const fresh = { progress: null, lines: [] };
    this.byJob.set(jobId, fresh);
    return fresh;
  }
}
