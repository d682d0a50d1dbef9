import type { ScalingAdvice } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Agent } from "../agents/agent.js";
import type { AgentRegistry } from "../agents/registry.js";
import type { Settings } from "../configuration/settings.js";
import type { WaitingJob } from "../scheduling/waiting-jobs.js";
import type { Announce } from "../webhooks/announcements.js";
import { advise } from "./scaling.js";

/** What is known of how much comes and how long it takes; undefined where that is too little. */
export interface WorkHistory {
  /** Milliseconds that a render of a room takes in the mean. */
  renderMs(room: string): number | undefined;
  /** Renders that are expected in a room within the hour. */
  rendersNextHour(room: string): number | undefined;
}

export interface ScalerDeps {
  registry: AgentRegistry;
  /** Jobs that would start if there were an agent for them. */
  lackAgents: () => Iterable<WaitingJob>;
  isRender: (jobId: string) => boolean;
  history: WorkHistory;
  settings: Settings;
  announce: Announce;
  logger: Logger;
  now: () => Date;
}

/** How long a render may wait for its begin. */
const WAIT_TARGET_MS = 60_000;
/** Smaller advice is told only once it has held for so long, so that a lull between two jobs sends nobody home. */
const SETTLE_MS = 60_000;

/** What was told of a room, and since when less would do. */
interface Told {
  desiredAgents: number;
  lessSinceMs: number | undefined;
}

/** Says how large the fleet ought to be, and tells webhooks when that changes. */
export class Scaler {
  private readonly told = new Map<string, Told>();

  constructor(private readonly deps: ScalerDeps) {}

  /** Advice for each room that has agents or waiting jobs. @param rooms those that are asked for; null for all. */
  byRoom(rooms: readonly string[] | null): ScalingAdvice[] {
    const waiting = Map.groupBy(this.deps.lackAgents(), ({ requirement }) => requirement.room);
    const agents = Map.groupBy(this.deps.registry.all(), ({ room }) => room);
    const known = [...new Set([...agents.keys(), ...waiting.keys()])].sort();
    return known
      .filter((room) => rooms === null || rooms.includes(room))
      .map((room) => this.advice(room, agents.get(room) ?? [], waiting.get(room) ?? []));
  }

  /** One advice for several rooms: no agent serves two, so that their needs add up. */
  inAll(rooms: readonly string[] | null): ScalingAdvice {
    const all = this.byRoom(rooms);
    const [only] = all;
    if (only !== undefined && all.length === 1) return only;
    const sum = (of: (advice: ScalingAdvice) => number) => all.reduce((total, advice) => total + of(advice), 0);
    return {
      room: null,
      desiredAgents: sum(({ desiredAgents }) => desiredAgents),
      currentAgents: sum(({ currentAgents }) => currentAgents),
      desiredSlots: sum(({ desiredSlots }) => desiredSlots),
      currentSlots: sum(({ currentSlots }) => currentSlots),
      waitingJobs: sum(({ waitingJobs }) => waitingJobs),
      runningJobs: sum(({ runningJobs }) => runningJobs),
      reason: all.map(({ room, reason }) => `${room}: ${reason}`).join(" ") || "There are no agents and no jobs.",
      timestamp: this.deps.now().toISOString(),
    };
  }

  /** Tells webhooks of advice that has changed, where that is wanted. */
  async look(): Promise<void> {
    if (!this.deps.settings.current.resources.autoScalingEnabled) return;
    for (const advice of this.byRoom(null)) if (this.isNews(advice)) await this.tell(advice);
  }

  private advice(room: string, agents: readonly Agent[], waiting: readonly WaitingJob[]): ScalingAdvice {
    const { history, isRender, now } = this.deps;
    const there = agents.filter(({ connected, draining, faulty }) => connected && !draining && !faulty);
    const running = agents.flatMap(({ jobs }) => [...jobs.keys()]);
    const runningRenders = running.filter(isRender).length;
    const waitingRenders = waiting.filter(({ requirement }) => requirement.feature !== undefined).length;
    const { desiredAgents, desiredSlots, reason } = advise({
      agents: there.map(({ capabilities, used }) => ({ slots: capabilities.slots, used })),
      ...{ runningRenders, waitingRenders, waitTargetMs: WAIT_TARGET_MS },
      runningStreams: running.length - runningRenders,
      waitingStreams: waiting.length - waitingRenders,
      renderMs: history.renderMs(room),
      rendersNextHour: history.rendersNextHour(room),
    });
    return {
      ...{ room, desiredAgents, desiredSlots, reason, waitingJobs: waiting.length, runningJobs: running.length },
      currentAgents: there.length,
      currentSlots: there.reduce((sum, { capabilities }) => sum + capabilities.slots, 0),
      timestamp: now().toISOString(),
    };
  }

  private isNews({ room, desiredAgents, currentAgents }: ScalingAdvice): boolean {
    const atMs = this.deps.now().getTime();
    const key = room ?? "";
    const before = this.told.get(key) ?? { desiredAgents: currentAgents, lessSinceMs: undefined };
    const lessSinceMs = desiredAgents < before.desiredAgents ? (before.lessSinceMs ?? atMs) : undefined;
    const isNews =
      desiredAgents > before.desiredAgents || (lessSinceMs !== undefined && atMs - lessSinceMs >= SETTLE_MS);
    this.told.set(key, isNews ? { desiredAgents, lessSinceMs: undefined } : { ...before, lessSinceMs });
    return isNews;
  }

  private async tell(advice: ScalingAdvice): Promise<void> {
    const { announce, logger } = this.deps;
    const room = advice.room ?? "";
    try {
      await announce({
        ...{ type: "scaling.advice_changed", room, subject: `room:${room}`, data: advice },
        message: `The room ought to have ${advice.desiredAgents} agents. ${advice.reason}`,
      });
    } catch (thrown) {
      // It is told anew as soon as it can be written.
      this.told.delete(room);
      logger.error({ err: toError(thrown), room }, "advice on the size of the fleet could not be written");
    }
  }
}
