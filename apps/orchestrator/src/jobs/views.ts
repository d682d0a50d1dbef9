import type { JobDetail, JobRecord } from "@stream-control/protocol";
import type { Scheduler } from "../scheduling/scheduler.js";
import type { JobRow } from "../store/tables.js";
import { toJobRecord } from "./job-record.js";
import type { ProgressBoard } from "./progress-board.js";

/** Joins a job's row with what is known of it beside the row. */
export class JobViews {
  constructor(
    private readonly board: ProgressBoard,
    private readonly scheduler: Scheduler,
  ) {}

  record(row: JobRow): JobRecord {
    return this.view(row, row.status === "PENDING" ? this.scheduler.explain(row.id) : undefined);
  }

  /** With, for a waiting job, why each agent was passed over. */
  detail(row: JobRow): JobDetail {
    const explained = row.status === "PENDING" ? this.scheduler.explain(row.id) : undefined;
    const record = this.view(row, explained);
    return explained?.passedOver === undefined ? record : { ...record, passedOver: explained.passedOver };
  }

  private view(row: JobRow, explained: { pendingReason: string | null } | undefined): JobRecord {
    return toJobRecord(row, {
      progress: this.board.progress(row.id),
      viewers: this.board.viewers(row.id),
      pendingReason: explained?.pendingReason ?? null,
    });
  }
}
