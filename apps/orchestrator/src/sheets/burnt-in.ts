import type { JsonObject, OverlayTexts, SheetOverlay, StreamContext } from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import { asSystem } from "@stream-control/service-kit/http";
import type { AgentRegistry } from "../agents/registry.js";
import { configOf, fromJson } from "../jobs/job-record.js";
import type { Ledger } from "../jobs/ledger.js";
import type { LiveChanges } from "../jobs/live-changes.js";
import type { JobRow } from "../store/tables.js";
import { type BurntLines, burntLines, textsOf, withTexts } from "./burnt-lines.js";
import type { Sheets } from "./sheets.js";

/** After an agent that did not answer, or a failure of ours, the newest texts are tried again. */
const RETRY_MS = 5000;
/** What comes back by itself: the job runs, or its agent is there again, and is told then. */
const LATER: ReadonlySet<string> = new Set(["AGENT_OFFLINE", "JOB_NOT_RUNNING", "JOB_NOT_FOUND", "SHUTTING_DOWN"]);
/** What the same texts would only meet again. */
const IN_VAIN: ReadonlySet<string> = new Set(["NOT_SUPPORTED", "AGENT_REFUSED"]);

export interface BurntInDeps {
  sheets: Sheets;
  ledger: Ledger;
  registry: AgentRegistry;
  changes: Pick<LiveChanges, "drawTexts">;
  logger: Logger;
}

/** A job whose picture tells of a sheet. */
interface Bound extends BurntLines {
  room: string;
  sheet: string;
  agentId: string | null;
  epoch: number;
  runs: boolean;
  /** The texts that its agent has for sure, or has refused; undefined where that is not known. */
  told: string | undefined;
  asking: boolean;
  retry: NodeJS.Timeout | undefined;
}

/**
 * Keeps what is burnt into pictures as their sheets say: an assignment goes out with the texts of its moment, and a running
 * stream is told each change. What could not be told is told as soon as it can be, the newest texts alone.
 */
export class BurntIn {
  private readonly jobs = new Map<string, Bound>();
  private stopped = false;

  constructor(private readonly deps: BurntInDeps) {}

  start(open: readonly JobRow[]): void {
    const { ledger, sheets, registry } = this.deps;
    for (const job of open) this.note(job);
    ledger.onCommit(({ job }) => {
      this.note(job);
      this.tell(job.id);
    });
    sheets.onChange(({ room, sheet }) => this.tellThose((bound) => bound.room === room && bound.sheet === sheet));
    registry.onChange((agent) => {
      if (agent.connected) this.tellThose(({ agentId }) => agentId === agent.id);
    });
  }

  stop(): void {
    this.stopped = true;
    for (const { retry } of this.jobs.values()) clearTimeout(retry);
  }

  /** What an agent is to be given for a job now. */
  configFor(job: JobRow): JsonObject {
    const config = configOf(job);
    const bound = this.jobs.get(job.id);
    if (bound === undefined) return config;
    const texts = this.textsOf(bound);
    if (bound.epoch === job.epoch) bound.told = JSON.stringify(texts);
    return withTexts(config, texts);
  }

  private note(job: JobRow): void {
    const known = this.jobs.get(job.id);
    const lines = job.ended_at === null ? linesOf(job) : undefined;
    if (lines?.sheet === undefined) {
      clearTimeout(known?.retry);
      this.jobs.delete(job.id);
      return;
    }
    const now = {
      ...lines,
      sheet: lines.sheet,
      agentId: job.agent_id,
      epoch: job.epoch,
      runs: job.status === "RUNNING",
    };
    if (known === undefined || known.epoch !== job.epoch) {
      clearTimeout(known?.retry);
      this.jobs.set(job.id, { ...now, room: job.room, told: undefined, asking: false, retry: undefined });
    } else Object.assign(known, now);
  }

  private tellThose(which: (bound: Bound) => boolean): void {
    for (const [jobId, bound] of this.jobs) if (which(bound)) this.tell(jobId);
  }

  /** Tells the job's agent what is new, one change after another: what comes meanwhile is told as one. */
  private tell(jobId: string): void {
    const bound = this.jobs.get(jobId);
    if (this.stopped || bound === undefined || !bound.runs || bound.asking) return;
    if (this.deps.registry.get(bound.agentId ?? "")?.connected !== true) return;
    const texts = this.textsOf(bound);
    const text = JSON.stringify(texts);
    if (text === bound.told) return;
    bound.asking = true;
    clearTimeout(bound.retry);
    asSystem(() => this.draw(jobId, bound, texts, text)).catch((error: unknown) => {
      this.deps.logger.error({ err: toError(error), jobId }, "that an overlay stays as it is could not be noted");
    });
  }

  private async draw(jobId: string, bound: Bound, texts: OverlayTexts, text: string): Promise<void> {
    let failure: unknown;
    try {
      await this.deps.changes.drawTexts(jobId, texts);
    } catch (thrown) {
      failure = thrown;
    }
    bound.asking = false;
    // The job may have gone to another agent meanwhile, which was told on its own.
    if (this.jobs.get(jobId) !== bound) return;
    const code = failure instanceof AppError ? failure.code : undefined;
    if (failure === undefined || (code !== undefined && IN_VAIN.has(code))) {
      bound.told = text;
      this.tell(jobId);
    } else if (code === undefined || !LATER.has(code)) {
      this.deps.logger.warn({ err: toError(failure), jobId }, "an overlay could not be changed; it is tried again");
      bound.retry = setTimeout(() => this.tell(jobId), RETRY_MS);
    }
    if (code !== undefined && IN_VAIN.has(code)) await this.noteRefusal(jobId, toError(failure).message);
  }

  private async noteRefusal(jobId: string, why: string): Promise<void> {
    const message = `The overlay stays as it is: ${why}`;
    await this.deps.ledger.note(jobId, { type: "job.overlay_refused", message, result: "failed" });
  }

  private textsOf(bound: Bound): OverlayTexts {
    const overlay: SheetOverlay = this.deps.sheets.get(bound.room, bound.sheet);
    return textsOf(bound, overlay);
  }
}

/** Most jobs have no such line, and are looked at with each of their changes: their configs are not even read. */
function linesOf(job: JobRow): BurntLines | undefined {
  if (!(job.config ?? job.inline_config ?? "").includes('"from"')) return undefined;
  return burntLines(configOf(job), fromJson<StreamContext>(job.stream_context));
}
