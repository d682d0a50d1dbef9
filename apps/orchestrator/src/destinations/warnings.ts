import { type ConfigWarning, parseStreamConfig, platformWarnings } from "@stream-control/protocol";
import { configOf } from "../jobs/job-record.js";
import type { Ledger } from "../jobs/ledger.js";
import type { JobRow } from "../store/tables.js";

/** What of a job's config its platforms may not take well; nothing of a config that is no stream's. */
export function warningsOf(job: JobRow): ConfigWarning[] {
  const config = configOf(job);
  if (!("source" in config)) return [];
  const parsed = parseStreamConfig(config);
  return parsed.ok ? platformWarnings(parsed.value.config) : [];
}

/** Writes warnings into a job's log. */
export async function noteWarnings(ledger: Ledger, jobId: string, warnings: readonly ConfigWarning[]): Promise<void> {
  await Promise.all(
    warnings.map(({ message, ...data }) => ledger.note(jobId, { type: "job.config_warning", message, data })),
  );
}
