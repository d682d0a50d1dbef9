import type { JobSchedule } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import { fromJson } from "../../jobs/job-record.js";
import type { Committed, Ledger } from "../../jobs/ledger.js";
import type { JobRow } from "../../store/tables.js";
import type { Book } from "../broadcasts/book.js";
import type { Conductor } from "../broadcasts/conductor.js";

/** Announces a job's own broadcast anew where the job is given another start. */
export function followStarts({ ledger, book, conductor, logger }: FollowStartsDeps): void {
  ledger.onCommit(({ job, before }: Committed) => {
    if (before === null || job.schedule === before.schedule) return;
    const startAt = startOf(job);
    const broadcast = book.ofJob(job.id)?.broadcast;
    if (startAt === null || startAt === startOf(before) || broadcast?.origin !== "job") return;
    asSystem(() => conductor.amend(broadcast.id, { scheduledStart: startAt })).catch((thrown: unknown) => {
      logger.error(
        { err: toError(thrown), broadcast: broadcast.id },
        "a broadcast keeps the time it was announced for",
      );
    });
  });
}

interface FollowStartsDeps {
  ledger: Ledger;
  book: Book;
  conductor: Conductor;
  logger: Logger;
}

const startOf = ({ schedule }: JobRow): string | null => fromJson<JobSchedule>(schedule)?.startAt ?? null;
