import { isDeepStrictEqual } from "node:util";
import { CLOSE_CODES, isFinalStatus } from "@stream-control/protocol";
import { AppError, type Logger, toError } from "@stream-control/service-kit";
import type { Access, Caller } from "@stream-control/service-kit/access";
import type { WebSocket } from "ws";
import type { Agent } from "../agents/agent.js";
import type { CommandReplies } from "../agents/command-replies.js";
import type { AgentRegistry } from "../agents/registry.js";
import { closeSocket } from "../agents/session.js";
import type { JobReader } from "../jobs/job-reader.js";
import type { Committed, Ledger } from "../jobs/ledger.js";
import type { JobSecrets } from "../secrets/job-secrets.js";
import type { JobRow } from "../store/tables.js";
import { Preview } from "./preview.js";
import { PreviewTickets, TICKET_MS } from "./tickets.js";
import { PreviewViewer } from "./viewer.js";

/** How much is watched at once, and for how long an agent sends on; 0 switches previews off. */
export interface PreviewLimits {
  viewersPerJob: number;
  /** Jobs of one agent. */
  previewsPerAgent: number;
  lingerMs: number;
  /** For how long a page may take nothing at all of what waits for it. */
  stuckMs: number;
  /** More than this for long no encoder sends; an agent that does is broken. */
  bytesPerMs: number;
}

export const DEFAULT_PREVIEWS: PreviewLimits = {
  ...{ viewersPerJob: 20, previewsPerAgent: 4 },
  ...{ lingerMs: 5000, stuckMs: 10_000, bytesPerMs: 16_000 },
};

export interface PreviewsDeps {
  access: Access;
  reader: JobReader;
  registry: AgentRegistry;
  replies: CommandReplies;
  secrets: JobSecrets;
  limits: PreviewLimits;
  logger: Logger;
  monotonic: () => number;
}

/** A place where nobody may watch, in words; `code` says whether coming back may help. */
class Refusal extends Error {
  constructor(
    readonly code: number,
    reason: string,
  ) {
    super(reason);
  }
}

/** How often it is looked whether those who watch still may: another instance may have changed that. */
const RIGHTS_PERIOD_MS = 5000;
/** Statuses in which a job sends something. */
const RUNS: ReadonlySet<string> = new Set(["STARTING", "RUNNING", "STOPPING", "UNKNOWN"]);

/** Brings what jobs send out to those who watch. An agent is asked for it when the first one comes, and no longer needed some seconds after the last one left. */
export class Previews {
  private readonly byJob = new Map<string, Preview>();
  private readonly tickets: PreviewTickets<Preview>;
  private rights: NodeJS.Timeout | undefined;
  private stopping = false;

  constructor(private readonly deps: PreviewsDeps) {
    this.tickets = new PreviewTickets(deps.monotonic);
  }

  start(ledger: Ledger): void {
    ledger.onCommit((committed) => this.onCommit(committed));
    this.deps.registry.onChange((agent) => this.onAgent(agent));
    this.deps.access.onRightsChanged(() => this.checkRights());
    this.rights = setInterval(() => this.checkRights(), RIGHTS_PERIOD_MS);
  }

  async stop(): Promise<void> {
    this.stopping = true;
    clearInterval(this.rights);
    const viewers = [...this.byJob.values()].flatMap((preview) => [...preview.viewers]);
    const closed = viewers.map(({ socket }) => new Promise<void>((resolve) => socket.once("close", () => resolve())));
    for (const preview of [...this.byJob.values()])
      preview.end(CLOSE_CODES.goingAway, "the orchestrator is stopping; come back");
    await Promise.all(closed);
  }

  /** Takes over a page's socket; whoever opened it may see the job. */
  watch(socket: WebSocket, caller: Caller, jobId: string): void {
    socket.on("error", (error) => this.deps.logger.warn({ err: error, jobId }, "a viewer's socket failed"));
    if (this.stopping) {
      closeSocket(socket, CLOSE_CODES.goingAway, "the orchestrator is stopping; come back");
      return;
    }
    const { viewersPerJob, previewsPerAgent } = this.deps.limits;
    if (viewersPerJob === 0 || previewsPerAgent === 0) {
      closeSocket(socket, CLOSE_CODES.nothingToWatch, "previews are switched off here");
      return;
    }
    const known = this.byJob.get(jobId);
    if ((known?.viewers.size ?? 0) >= viewersPerJob) {
      closeSocket(socket, CLOSE_CODES.tryAgainLater, `${viewersPerJob} watch this job already; come back later`);
      return;
    }
    const preview = known ?? this.begin(jobId);
    const { limits, monotonic } = this.deps;
    preview.add(new PreviewViewer(socket, caller, { stuckMs: limits.stuckMs, monotonic }));
  }

  /**
   * The preview that an agent's ticket was issued for. A ticket counts once.
   *
   * @returns undefined where it does not count any more.
   */
  redeem(ticket: string): Preview | undefined {
    return this.tickets.redeem(ticket);
  }

  private begin(jobId: string): Preview {
    const { limits, monotonic, logger } = this.deps;
    const preview: Preview = new Preview({
      ...{ jobId, lingerMs: limits.lingerMs, bytesPerMs: limits.bytesPerMs, monotonic },
      onOver: () => {
        this.byJob.delete(jobId);
        logger.info({ jobId, agentId: preview.from?.agentId }, "a preview ended");
      },
    });
    this.byJob.set(jobId, preview);
    this.ask(preview).catch((thrown: unknown) => {
      if (thrown instanceof Refusal) preview.end(thrown.code, thrown.message);
      else {
        logger.error({ err: toError(thrown), jobId }, "a preview could not be begun");
        preview.end(CLOSE_CODES.tryAgainLater, "the preview could not be begun; come back later");
      }
    });
    return preview;
  }

  /** Has the job's agent send. @throws Refusal */
  private async ask(preview: Preview): Promise<void> {
    const { reader, replies, secrets, logger } = this.deps;
    const { jobId } = preview.options;
    const job = await reader.byId(jobId);
    const agent = this.agentOf(job);
    preview.from = { agentId: agent.id, epoch: job?.epoch ?? 0 };
    if (preview.isOver) return;
    this.requireRoomOn(agent);
    const ticket = this.tickets.issue(preview);
    const send = (commandId: string) =>
      agent.session?.send("orchestrator.job.preview", { jobId, commandId, epoch: job?.epoch, ticket }) === true;
    try {
      await replies.ask(agent.id, { send, deadlineMs: TICKET_MS, redact: secrets.redactor(jobId) });
    } catch (thrown) {
      this.tickets.redeem(ticket);
      throw refusalOf(thrown);
    }
    logger.info({ jobId, agentId: agent.id }, "a preview began");
    preview.confirm();
  }

  /** The agent that could send what the job sends out. @throws Refusal */
  private agentOf(job: JobRow | undefined): Agent {
    const { nothingToWatch, tryAgainLater } = CLOSE_CODES;
    if (job === undefined || isFinalStatus(job.status)) throw new Refusal(nothingToWatch, "the job has ended");
    if (!RUNS.has(job.status) || job.agent_id === null)
      throw new Refusal(nothingToWatch, `the job does not run yet, it is ${job.status}; watch it when it is RUNNING`);
    const agent = this.deps.registry.get(job.agent_id);
    if (agent?.connected !== true)
      throw new Refusal(tryAgainLater, "the job's agent is away; come back when it is connected");
    if (!agent.knows("preview"))
      throw new Refusal(nothingToWatch, "the job's agent can't show what it sends; its newest picture is all there is");
    return agent;
  }

  /** @throws Refusal where the agent sends as many previews as it may. */
  private requireRoomOn({ id }: Agent): void {
    const { previewsPerAgent } = this.deps.limits;
    const others = [...this.byJob.values()].filter(({ from }) => from?.agentId === id).length - 1;
    if (others >= previewsPerAgent)
      throw new Refusal(
        CLOSE_CODES.tryAgainLater,
        `${previewsPerAgent} other jobs of this agent are watched; leave one of them, then come back`,
      );
  }

  private onCommit({ job }: Committed): void {
    const preview = this.byJob.get(job.id);
    if (preview?.from === undefined) return;
    if (isFinalStatus(job.status)) preview.end(1000, "the job has ended");
    else if (job.agent_id !== preview.from.agentId || job.epoch !== preview.from.epoch)
      preview.end(CLOSE_CODES.tryAgainLater, "the job starts anew; come back when it is RUNNING");
  }

  private onAgent(agent: Agent): void {
    if (agent.connected || this.byJob.size === 0) return;
    for (const preview of [...this.byJob.values()])
      if (preview.from?.agentId === agent.id)
        preview.end(CLOSE_CODES.tryAgainLater, "the job's agent is away; come back when it is connected");
  }

  /** Whoever may not see anything any more is sent away; one whose rights changed comes back with the new ones. */
  private checkRights(): void {
    for (const { viewers } of this.byJob.values())
      for (const viewer of viewers)
        this.deps.access.stillIn(viewer.caller).then(
          (principal) => {
            if (principal === undefined)
              viewer.close(CLOSE_CODES.unauthorized, "signed out, or the key does not count any more");
            else if (!isDeepStrictEqual(principal.grants, viewer.caller.principal.grants))
              viewer.close(CLOSE_CODES.tryAgainLater, "the rights have changed; come back");
          },
          (error: unknown) => this.deps.logger.warn({ err: toError(error) }, "a viewer's rights could not be read"),
        );
  }
}

/** What an agent's answer, or its silence, means to those who want to watch. */
function refusalOf(thrown: unknown): unknown {
  if (!(thrown instanceof AppError)) return thrown;
  const { code, message, details } = thrown;
  if (code !== "AGENT_REFUSED") return new Refusal(CLOSE_CODES.tryAgainLater, message);
  const isForGood = (details as { code?: string } | undefined)?.code === "NOT_SUPPORTED";
  return new Refusal(isForGood ? CLOSE_CODES.nothingToWatch : CLOSE_CODES.tryAgainLater, message);
}
