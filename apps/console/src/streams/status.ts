import type { JobRecord, JobStatus } from "@stream-control/protocol";

const ENDED: ReadonlySet<JobStatus> = new Set<JobStatus>(["STOPPED", "FAILED", "CANCELED"]);

/** Whether a stream has ended for good. */
export const hasEnded = ({ status }: Pick<JobRecord, "status">): boolean => ENDED.has(status);

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

/** The status in a word that an operator would use. */
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
