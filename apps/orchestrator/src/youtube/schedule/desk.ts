import type { CreateBroadcast, UpdateBroadcast } from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { AgentRegistry } from "../../agents/registry.js";
import type { TitleMaker } from "../../jobs/titles.js";
import { explain, refusalOf } from "../../scheduling/placement.js";
import type { TemplateCatalogue } from "../../templates/catalogue.js";
import type { Broadcast } from "../broadcasts/broadcast.js";
import { broadcastNotFound } from "../broadcasts/job-broadcasts.js";
import { newBroadcast } from "../broadcasts/new-broadcast.js";
import { toAppError } from "../oauth/refusals.js";
import type { YouTubeBroadcasts } from "../youtube.js";
import type { Clockwork } from "./clockwork.js";

export interface DeskOptions {
  youtube: YouTubeBroadcasts;
  clockwork: Clockwork;
  registry: AgentRegistry;
  templates: TemplateCatalogue;
  titles: TitleMaker;
  /** So long before its start an agent is kept free. */
  reserveMs: number;
  /** How long an answer waits for YouTube. */
  answerMs: number;
  newId: () => string;
  now: () => Date;
}

/** Announced broadcasts, as operators make and change them. */
export class BroadcastDesk {
  constructor(private readonly options: DeskOptions) {}

  list(): Broadcast[] {
    const all = [...this.options.youtube.book.broadcasts()];
    return all.sort((a, b) => Date.parse(a.scheduledStart) - Date.parse(b.scheduledStart));
  }

  /** @throws AppError `BROADCAST_NOT_FOUND`. */
  get(id: string): Broadcast {
    const found = this.options.youtube.book.find(id);
    if (found === undefined) throw broadcastNotFound(id);
    return found;
  }

  /**
   * Makes a broadcast. Resolves when YouTube has it, or when that takes too long: it is gone on with then.
   *
   * @throws AppError `YOUTUBE_NOT_CONNECTED`, `YOUTUBE_REFUSED`; `NO_AGENT_TO_RESERVE`; `TEMPLATE_NOT_FOUND`.
   */
  async create(wanted: CreateBroadcast, room: string): Promise<Broadcast> {
    const { youtube, clockwork, titles, newId, now } = this.options;
    const { connection, book, conductor, privacy } = youtube;
    if (!connection.usable)
      throw new AppError(
        "YOUTUBE_NOT_CONNECTED",
        connection.view().problem?.message ?? "No YouTube channel is connected.",
      );
    const at = now();
    const sheetKey = wanted.sheetKey ?? null;
    const broadcast = newBroadcast({
      ...{ id: newId(), origin: "schedule", room, createdAt: at.toISOString(), sheetKey },
      title: wanted.title ?? titles.title(wanted.streamContext, dateOf(wanted.scheduledStartTime) ?? at),
      description: wanted.description ?? titles.description(wanted.streamContext),
      privacy: wanted.privacy ?? (await privacy.get()),
      keepsStream: wanted.keepStream && sheetKey !== null && !book.isKeyInUse(sheetKey),
      scheduledStart: (dateOf(wanted.scheduledStartTime) ?? at).toISOString(),
      autoStart: wanted.autoStart,
      ...(wanted.autoStopEnabled && {
        autoStopMinutes: wanted.autoStopMinutes ?? null,
        autoStopAt: dateOf(wanted.autoStopAt)?.toISOString() ?? null,
      }),
      startRequest: await this.startRequest(wanted),
    });
    if (wanted.autoStart) await this.requireAgent(broadcast);
    if (this.isSoon(broadcast)) {
      const reservedAgentId = await clockwork.reserve(broadcast);
      if (reservedAgentId === undefined) throw this.noAgent();
      broadcast.options = { ...broadcast.options, reservedAgentId };
    }
    try {
      await book.add(broadcast);
    } catch (thrown) {
      clockwork.unreserve(broadcast);
      throw thrown;
    }
    conductor.kick(broadcast.id);
    return this.answer(broadcast);
  }

  /** @throws AppError `BROADCAST_NOT_FOUND`, `BROADCAST_IN_USE`, `NO_AGENT_TO_RESERVE`. */
  async update(id: string, wanted: UpdateBroadcast): Promise<Broadcast> {
    const broadcast = this.get(id);
    const { title, description, autoStart, autoStopEnabled, autoStopMinutes, autoStopAt } = wanted;
    const start = dateOf(wanted.scheduledStartTime)?.toISOString();
    if (start !== undefined && broadcast.jobId !== null)
      throw new AppError("BROADCAST_IN_USE", "The broadcast has a job; its start cannot be moved any more.");
    if (autoStart === true && broadcast.sheetKey === null)
      throw new AppError("VALIDATION_FAILED", "The body is wrong: autoStart: takes a broadcast with a sheetKey.");
    const next = {
      ...broadcast,
      ...(autoStart !== undefined && { autoStart }),
      ...(start && { scheduledStart: start }),
    };
    if (next.autoStart && (autoStart === true || start !== undefined)) await this.requireAgent(next);
    const { reservedAgentId: _, ...kept } = broadcast.options;
    // Whoever gives it another time has heard what was wrong with the last one.
    const moved =
      start === undefined && autoStart === undefined
        ? {}
        : { problem: null, options: this.isSoon(next) ? broadcast.options : kept };
    if (!this.isSoon(next)) this.options.clockwork.unreserve(broadcast);
    await this.options.youtube.conductor.amend(broadcast.id, {
      ...{ ...(title !== undefined && { title }), ...(description !== undefined && { description }) },
      ...{ autoStart: next.autoStart, scheduledStart: next.scheduledStart, ...moved },
      ...(autoStopEnabled === false
        ? { autoStopMinutes: null, autoStopAt: null }
        : {
            ...(autoStopMinutes !== undefined && { autoStopMinutes }),
            ...(autoStopAt !== undefined && { autoStopAt: dateOf(autoStopAt)?.toISOString() ?? null }),
          }),
    });
    return broadcast;
  }

  /**
   * Takes a broadcast away that has no job; at YouTube too, by and by.
   *
   * @throws AppError `BROADCAST_NOT_FOUND`, `BROADCAST_IN_USE`.
   */
  async remove(id: string): Promise<void> {
    const broadcast = this.get(id);
    if (broadcast.jobId !== null)
      throw new AppError("BROADCAST_IN_USE", "The broadcast has a job; stop that, which ends the broadcast too.");
    await this.options.youtube.conductor.amend(broadcast.id, {
      ...{ autoStart: false, retryAt: null },
      options: { ...broadcast.options, discard: true },
    });
  }

  /** Asks YouTube how broadcasts stand. @throws AppError as YouTube's refusals. */
  async refresh(ids: readonly string[]): Promise<void> {
    try {
      await this.options.youtube.conductor.refresh(ids);
    } catch (thrown) {
      throw toAppError(thrown);
    }
  }

  /** What is submitted at its time: what was asked for, or the template that is named like the sheet, if there is one. */
  private async startRequest({ job, sheetKey, streamContext }: CreateBroadcast): Promise<Record<string, unknown>> {
    const { templates } = this.options;
    const context = streamContext === undefined ? {} : { streamContext };
    if (job?.templateId !== undefined && (await templates.get(job.templateId)) === undefined)
      throw new AppError(
        "TEMPLATE_NOT_FOUND",
        `There is no template "${job.templateId}". GET /v1/templates lists those there are.`,
      );
    if (job?.templateId !== undefined || job?.inlineConfig !== undefined) return { ...job, ...context };
    const named = sheetKey != null && (await templates.get(sheetKey)) !== undefined ? { templateId: sheetKey } : {};
    return { ...job, ...named, ...context };
  }

  /** @throws AppError `NO_AGENT_TO_RESERVE` where none is there that could have it when it is free. */
  private async requireAgent(broadcast: Broadcast): Promise<void> {
    const { registry, clockwork } = this.options;
    const demand = await clockwork.demandOf(broadcast);
    const could = [...registry.all()].some((agent) => {
      const refusal = refusalOf(agent, demand);
      return (
        refusal === undefined ||
        (refusal.code === "BUSY" && !this.isSoon(broadcast)) ||
        agent.id === broadcast.options.reservedAgentId
      );
    });
    if (could) return;
    throw this.noAgent(explain(registry.all(), demand).pendingReason);
  }

  private noAgent(why = "Every agent that could take it is busy."): AppError {
    return new AppError("NO_AGENT_TO_RESERVE", `No agent can be reserved for the start: ${why}`);
  }

  private isSoon({ scheduledStart, autoStart }: Broadcast): boolean {
    return autoStart && Date.parse(scheduledStart) - this.options.now().getTime() <= this.options.reserveMs;
  }

  /** @throws AppError where YouTube does not take it. */
  private async answer(broadcast: Broadcast): Promise<Broadcast> {
    const { book } = this.options.youtube;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.options.answerMs);
    const look = () => {
      const { state, options, problem } = broadcast;
      // What waits for another try may be through in a moment; a quota or a connection is not.
      const waits = problem !== null && problem.kind !== "retry" && problem.kind !== "schedule";
      if (state !== "preparing" || options.givenUp === true || waits) resolve();
    };
    const stop = book.onChange(look);
    look();
    await promise;
    clearTimeout(timer);
    stop();
    const { problem, options } = broadcast;
    if (options.givenUp === true && problem !== null)
      throw new AppError("YOUTUBE_REFUSED", problem.message, { details: { reason: problem.reason } });
    return broadcast;
  }
}

const dateOf = (time: string | null | undefined): Date | undefined => (time == null ? undefined : new Date(time));
