import type { ErrorInfo } from "@stream-control/protocol";
import { toError } from "@stream-control/service-kit";
import { type AgentContext, errorInfo, inBackground } from "./context.js";
import { withDeadline } from "./deadline.js";
import type { LiveJob } from "./job-table.js";
import type { Lease } from "./lease.js";
import type { Assignment, Decision, JobRef, StopOptions } from "./types.js";
import { accept, CommandError, decline } from "./types.js";

/** Reason of a stop: the orchestrator has given the job to another agent, or knows nothing of it. */
const NOT_YOURS = "NOT_YOURS";
/** Copies of one undecided assignment that are answered; an orchestrator that sends more is not well. */
const MAX_COPIES = 16;
/** Stops of one job that are with the handler at the same time. */
const MAX_STOPS = 16;
/** Handlers that missed their deadline and are still at it. */
const MAX_OVERDUE = 100;

/** Answers assignments, each exactly once carried out, and brings stops to the jobs that they started. */
export class Assigning {
  /** Jobs whose handler missed its deadline and has not settled: whether they run, nobody knows. */
  private readonly overdue = new Set<string>();

  constructor(private readonly context: AgentContext) {}

  /**
   * @param notBefore a moment before the orchestrator sent the assignment, by the clock of the leases.
   */
  assign(assignment: Assignment, msgId: string | undefined, notBefore: number): void {
    inBackground(this.context.logger, "assignment", () => this.answer(assignment, msgId, notBefore));
  }

  stop(jobId: string, kill: boolean, options: StopOptions): void {
    const { jobs, send, logger } = this.context;
    const job = jobs.get(jobId);
    if (options.reason === NOT_YOURS) jobs.disown(jobId);
    if (job !== undefined) {
      if (job.accepted) this.stopJob(job, kill, options);
      else job.stop = { kill, options };
      return;
    }
    logger.info({ jobId }, "a job is to be stopped that is not running here");
    if (jobs.unsettled(jobId).length > 0) this.context.resendEnds(jobId);
    else send("agent.job.stopped", { jobId, status: "STOPPED" });
  }

  private async answer(assignment: Assignment, msgId: string | undefined, notBefore: number): Promise<void> {
    const { jobs, logger } = this.context;
    const { jobId, epoch } = assignment;
    const known = jobs.get(jobId);
    if (known !== undefined && known.epoch === epoch) {
      logger.info({ jobId, epoch }, "assignment came again, the job is not started twice");
      known.copies = known.accepted ? 0 : (known.copies ?? 0) + 1;
      if (known.copies > MAX_COPIES) return;
      this.acknowledge(assignment, await known.decision, msgId);
      return;
    }
    if (jobs.unsettled(jobId).some((ended) => ended.epoch === epoch)) {
      logger.info({ jobId, epoch }, "assignment came again after the job's end, its end is sent again");
      this.acknowledge(assignment, accept(), msgId);
      this.context.resendEnds(jobId);
      return;
    }
    const lease = this.leaseOf(assignment, notBefore);
    const refusal = this.refusal(jobId, known, lease);
    if (refusal !== undefined) {
      this.acknowledge(assignment, decline(refusal), msgId);
      return;
    }
    const decision = Promise.withResolvers<Decision>();
    const job: LiveJob = { jobId, epoch, accepted: false, status: "ACCEPTED", decision: decision.promise, lease };
    // In the table before the handler runs: it may report at once.
    jobs.add(job);
    const answer = await this.decide(assignment, lease);
    decision.resolve(answer);
    if (!answer.accepted) this.context.forget(job);
    job.accepted = answer.accepted;
    this.acknowledge(assignment, answer, msgId);
    if (!answer.accepted) return;
    this.context.onAccepted(job);
    if (job.stop !== undefined && jobs.get(jobId) === job) this.stopJob(job, job.stop.kill, job.stop.options);
  }

  private leaseOf({ leaseMs, onDisconnect }: Assignment, notBefore: number): Lease | undefined {
    return leaseMs === undefined || onDisconnect === "continue"
      ? undefined
      : this.context.leases.begin(leaseMs, notBefore);
  }

  private refusal(jobId: string, running: JobRef | undefined, lease: Lease | undefined): ErrorInfo | undefined {
    if (running !== undefined || this.overdue.has(jobId))
      return { code: "JOB_STILL_RUNNING", message: "An earlier assignment of this job is still running here." };
    if (this.context.isDraining())
      return { code: "AGENT_DRAINING", message: "This agent is draining and takes no more jobs." };
    if (this.context.jobs.used >= this.context.slots)
      return { code: "NO_FREE_SLOT", message: `All ${this.context.slots} slots of this agent are in use.` };
    if (this.overdue.size >= MAX_OVERDUE)
      return { code: "AGENT_BUSY", message: "Too many jobs that this agent should have started are still starting." };
    if (lease !== undefined && lease.leftMs <= 0)
      return { code: "LEASE_EXPIRED", message: "The assignment was on its way for longer than its lease lasts." };
    return undefined;
  }

  private async decide(assignment: Assignment, lease: Lease | undefined): Promise<Decision> {
    const { handlers, assignTimeoutMs, logger } = this.context;
    const { jobId } = assignment;
    const late = new CommandError({
      code: "ASSIGN_TIMEOUT",
      message: `The agent did not start the job within ${assignTimeoutMs} ms.`,
    });
    const abort = new AbortController();
    const context = { signal: abort.signal, ...(lease === undefined ? {} : { lease }) };
    const decision = (async () => handlers.onAssign(assignment, context))();
    try {
      return await withDeadline(() => decision, assignTimeoutMs, late);
    } catch (thrown) {
      logger.error({ err: toError(thrown), jobId }, "the assignment's handler failed");
      if (thrown === late) this.abandon(assignment, decision, () => abort.abort(late));
      return decline(errorInfo(thrown, "ASSIGN_FAILED"));
    }
  }

  /** The job counts as declined: should its handler still start it, it is ended at once. */
  private abandon({ jobId, epoch }: JobRef, decision: Promise<Decision>, abort: () => void): void {
    this.overdue.add(jobId);
    abort();
    const clearUp = async () => {
      const answer = await decision.catch(() => undefined);
      this.overdue.delete(jobId);
      if (answer?.accepted) await this.end({ jobId, epoch }, true, { reason: "ASSIGN_TIMEOUT", deadlineMs: 0 });
    };
    inBackground(this.context.logger, "late assignment", clearUp);
  }

  private acknowledge({ jobId, epoch }: JobRef, decision: Decision, msgId: string | undefined): void {
    const refused = decision.accepted ? {} : { reason: decision.error.message, error: decision.error };
    this.context.send("agent.assign.ack", { jobId, accepted: decision.accepted, epoch, ...refused }, msgId);
  }

  private stopJob(job: LiveJob, kill: boolean, { reason, deadlineMs }: StopOptions): void {
    const { send, logger, commandTimeoutMs } = this.context;
    const { jobId } = job;
    if ((job.stops ?? 0) >= MAX_STOPS) return;
    job.stops = (job.stops ?? 0) + 1;
    const late = new CommandError({
      code: "STOP_TIMEOUT",
      message: `The agent did not begin to stop the job within ${commandTimeoutMs} ms.`,
    });
    const end = async () => {
      const work = this.end(job, kill, { reason, deadlineMs }).finally(() => {
        job.stops = (job.stops ?? 1) - 1;
      });
      await withDeadline(() => work, commandTimeoutMs, late);
    };
    inBackground(logger, "stop", end, (thrown) => {
      send("agent.error", { ...errorInfo(thrown, "STOP_FAILED"), jobId });
    });
  }

  private async end({ jobId, epoch }: JobRef, kill: boolean, options: StopOptions): Promise<void> {
    const { handlers } = this.context;
    if (kill && handlers.onKill !== undefined) await handlers.onKill({ jobId, epoch }, options);
    else await handlers.onStop({ jobId, epoch }, options);
  }
}
