import type { JobDetail, JobEvent, JobRecord } from "@stream-control/protocol";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useApi } from "../api/context.js";
import { useJob, useJobEvents } from "../live/hooks.js";

/** A line that the agent logged for a job. */
export interface LogLine {
  level: string;
  message: string;
  ts: string;
}

/** Log lines that the page keeps; the orchestrator keeps fewer. */
const MAX_LINES = 1000;

const path = (id: string, rest = "") => `/v1/jobs/${encodeURIComponent(id)}${rest}`;

/** The job as it is: told by the socket, or asked for where it ended long ago. */
export function useJobRecord(id: string): { job: JobRecord | undefined; error: Error | null } {
  const api = useApi();
  const live = useJob(id);
  const { data, error } = useQuery({
    queryKey: ["job", id],
    queryFn: ({ signal }) => api.get<JobDetail>(path(id), {}, signal),
  });
  return { job: live ?? data, error: live === undefined ? error : null };
}

/** Everything that happened to a job, in order; what happens now is added as it does. */
export function useJobEventLog(id: string) {
  const api = useApi();
  const queries = useQueryClient();
  const queryKey = ["job", id, "events"];
  useJobEvents(id, (events) => {
    const stored = events.filter(({ seq }) => seq !== undefined);
    if (stored.length > 0)
      queries.setQueryData<JobEvent[]>(queryKey, (known) => (known === undefined ? known : merged(known, stored)));
  });
  return useQuery({ queryKey, queryFn: () => api.all<JobEvent>(path(id, "/events")) });
}

/** The last lines that the agent logged for a job; new ones are added as they come. */
export function useJobLog(id: string) {
  const api = useApi();
  const queries = useQueryClient();
  const queryKey = ["job", id, "logs"];
  useJobEvents(id, (events) => {
    const lines = events.flatMap(({ type, message, data, ts }) =>
      type === "job.log" ? [{ level: String(data?.level ?? "info"), message, ts }] : [],
    );
    if (lines.length > 0)
      queries.setQueryData<LogLine[]>(queryKey, (known) => [...(known ?? []), ...lines].slice(-MAX_LINES));
  });
  return useQuery({ queryKey, queryFn: ({ signal }) => api.get<LogLine[]>(path(id, "/logs"), {}, signal) });
}

/** Two lists of events as one, each event once. */
function merged(known: readonly JobEvent[], added: readonly JobEvent[]): JobEvent[] {
  const newest = known.at(-1)?.seq ?? 0;
  return [...known, ...added.filter(({ seq = 0 }) => seq > newest)];
}
