import { isActiveStatus, type StreamContext, sheetLabelSchema } from "@stream-control/protocol";
import { fromJson } from "../jobs/job-record.js";
import type { JobRow } from "../store/tables.js";
import { NO_NAMES, type TeamNamesShown } from "./sheet.js";

/** Where a sheet is: labels of two rooms are two sheets. A room's name has no slash. */
export const keyOf = (room: string, sheet: string): string => `${room}/${sheet}`;

/**
 * The teams that jobs were submitted with, by the sheet they run on. They are shown while nobody has set other names, and go
 * with the job: were they stored, the next game would begin with the names of the last one.
 */
export class JobTeams {
  private readonly bySheet = new Map<string, Map<string, { seq: number; names: TeamNamesShown }>>();

  /** The names of the job that was submitted last of those that run on the sheet. */
  of(key: string): TeamNamesShown {
    const jobs = [...(this.bySheet.get(key)?.values() ?? [])];
    return jobs.reduce((last, job) => (job.seq > last.seq ? job : last), { seq: -1, names: NO_NAMES }).names;
  }

  /** Labels of the sheets of a room on which a job runs. */
  sheetsOf(room: string): string[] {
    const prefix = keyOf(room, "");
    return [...this.bySheet.keys()].flatMap((key) => (key.startsWith(prefix) ? [key.slice(prefix.length)] : []));
  }

  /** Takes in a job as it is now. @returns its sheet, and whether other names are its now; undefined where it has none. */
  note(job: JobRow): { room: string; sheet: string; isNews: boolean } | undefined {
    if (job.stream_context === null) return undefined;
    const context = fromJson<StreamContext>(job.stream_context);
    const sheet = sheetOf(context);
    if (sheet === undefined) return undefined;
    const key = keyOf(job.room, sheet);
    const before = this.of(key);
    const jobs = this.bySheet.get(key) ?? new Map<string, { seq: number; names: TeamNamesShown }>();
    if (isActiveStatus(job.status)) {
      jobs.set(job.id, { seq: job.seq, names: { red: plain(context?.team1), yellow: plain(context?.team2) } });
      this.bySheet.set(key, jobs);
    } else {
      jobs.delete(job.id);
      if (jobs.size === 0) this.bySheet.delete(key);
    }
    const now = this.of(key);
    return { room: job.room, sheet, isNews: now.red !== before.red || now.yellow !== before.yellow };
  }
}

/** The sheet that a stream context names, where it is a label. */
export function sheetOf(context: StreamContext | null | undefined): string | undefined {
  const label = sheetLabelSchema.safeParse(context?.sheet);
  return label.success ? label.data : undefined;
}

/** A stream context may have any text; what is drawn into a picture may not. */
const plain = (name: string | undefined): string => (name ?? "").replace(/\p{Cc}+/gu, " ").trim();
