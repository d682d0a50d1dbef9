import type { JobRecord, JobStatus } from "@stream-control/protocol";

const ENDED: ReadonlySet<JobStatus> = new Set<JobStatus>(["STOPPED", "FAILED", "CANCELED"]);

/** Whether a stream has ended for good. */
export const hasEnded = ({ status }: Pick<JobRecord, "status">): boolean => ENDED.has(status);

/** Whether a job makes a file out of a composition, instead of sending a stream. */
export const isRender = ({ inlineConfig }: Pick<JobRecord, "inlineConfig">): boolean => inlineConfig?.kind === "render";

/** What it is called: its title, or what it is of. */
export const titleOf = ({ id, streamMetadata, streamContext, templateId }: JobRecord): string =>
  streamMetadata?.title ?? streamContext?.context ?? templateId ?? id;

/** Who plays, and where: `Team Alpha vs Team Beta · Sheet A`. */
export function teamsOf({ streamContext }: JobRecord): string | undefined {
  if (streamContext === null) return undefined;
  const { team1, team2, sheet } = streamContext;
  const teams = [team1, team2].filter((team) => team !== undefined && team !== "").join(" vs ");
  return [teams, sheet === undefined || sheet === "" ? "" : `Sheet ${sheet}`].filter(Boolean).join(" · ") || undefined;
}

/** The states of streams in words that an operator would use. */
export const STATUS_WORDS: Record<JobStatus, string> = {
  CREATED: "New",
  PENDING: "Waiting",
  ASSIGNED: "Assigned",
  ACCEPTED: "Accepted",
  STARTING: "Starting",
  RUNNING: "On air",
  STOPPING: "Stopping",
  STOPPED: "Stopped",
  FAILED: "Failed",
  CANCELED: "Canceled",
  UNKNOWN: "Unknown",
};

/** The state of a job in a word. */
export const statusWord = (job: JobRecord): string => {
  if (!isRender(job)) return STATUS_WORDS[job.status];
  if (job.status === "RUNNING") return "Rendering";
  return job.status === "STOPPED" && job.progress?.render?.step === "done" ? "Finished" : STATUS_WORDS[job.status];
};

/** How much of a render is done, 0 to 1; undefined where that is not known. */
export function renderedShare({ progress }: JobRecord): number | undefined {
  const total = progress?.render?.totalFrames;
  return total === undefined ? undefined : Math.min(1, (progress?.frame ?? 0) / total);
}
