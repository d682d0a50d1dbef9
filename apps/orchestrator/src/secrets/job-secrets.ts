import { createRedactor, type Redactor, redactText, redactValue, secretsOf } from "@stream-control/protocol";
import type { JobChange, LogEntry } from "../jobs/changes.js";
import type { JobRow } from "../store/tables.js";

interface Known {
  job: JobRow;
  /** Rows whose configs were not looked into yet. */
  unread: JobRow[];
  /** Also those of configs that the job had before: a key stays secret when its destination is taken away. */
  secrets: Set<string>;
  redactor: Redactor;
}

const CONFIGS = ["inline_config", "config", "own_source", "stream_metadata", "metadata"] as const;

/**
 * What every open job keeps secret, to take it out of all that agents say of the job: agents of others may repeat an address
 * with its key in any message. Looked for only once an agent says something in its own words.
 */
export class JobSecrets {
  private readonly open = new Map<string, Known>();

  /** A job is there, or was changed. */
  learn(job: JobRow): void {
    const known = this.open.get(job.id);
    if (job.ended_at !== null) this.open.delete(job.id);
    else if (known === undefined)
      this.open.set(job.id, { job, unread: [job], secrets: new Set(), redactor: redactText });
    else {
      if (CONFIGS.some((column) => job[column] !== known.job[column])) known.unread.push(job);
      known.job = job;
    }
  }

  /** For texts about a job; one that is not open has its addresses redacted alone. */
  redactor(jobId: string): Redactor {
    const known = this.open.get(jobId);
    if (known === undefined) return redactText;
    if (known.unread.length === 0) return known.redactor;
    for (const job of known.unread) for (const secret of secretsIn(job)) known.secrets.add(secret);
    known.unread = [];
    known.redactor = createRedactor([...known.secrets]);
    return known.redactor;
  }

  /** A change as it may be written: without secrets in what the agent said of it. */
  cleanChange(job: JobRow, change: JobChange): JobChange {
    const { error, progress } = { error: undefined, progress: undefined, ...change };
    // Every other reason is in the orchestrator's own words.
    const reason = change.type === "unassigned" ? change.reason : undefined;
    if (error === undefined && reason === undefined && progress === undefined) return change;
    const said = { ...(error && { error }), ...(reason && { reason }), ...(progress && { progress }) };
    return { ...change, ...redactValue(said, this.redactorOf(job)) } as JobChange;
  }

  /** An entry of the log as it may be written. */
  cleanEntry(job: JobRow, { type, message, data }: LogEntry): LogEntry {
    const redact = this.redactorOf(job);
    const said = { type, message: redact(message) };
    return data === undefined ? said : { ...said, data: redactValue(data, redact) };
  }

  private redactorOf(job: JobRow): Redactor {
    if (!this.open.has(job.id)) this.learn(job);
    return this.redactor(job.id);
  }
}

const secretsIn = (job: JobRow): string[] =>
  CONFIGS.flatMap((column) => {
    const text = job[column];
    return text === null ? [] : secretsOf(JSON.parse(text));
  });
