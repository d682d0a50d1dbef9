import type { LoadBalancingStrategy } from "@stream-control/protocol";
import type { AgentPerformance, JobKind } from "../history/agent-performance.js";
import type { RenderFeatures } from "../model/render-features.js";
import type { RenderTimeModel } from "../model/render-time-model.js";
import { leastConnections, leastLoaded } from "./by-load.js";
import { type Credits, roundRobin, weighted } from "./in-turn.js";
import { performanceBased } from "./performance-based.js";
import type { Picked, Rated, Some, Unknown } from "./picked.js";
import { type Option, soonestDone } from "./soonest-done.js";
import { WorkUnderWay } from "./work-under-way.js";

/** What of a job counts for the choice of its agent. */
export interface Placeable {
  readonly id: string;
  readonly kind: JobKind;
  readonly room: string;
  /** Of a render. */
  readonly features?: RenderFeatures | undefined;
}

/** How an agent was chosen: what the job's event says. */
export interface PlacementNote {
  strategy: LoadBalancingStrategy;
  why: string;
  /** Jobs that the agent had already. */
  beside: number;
  predictedMs?: number;
  errorPercent?: number;
  /** The strategy that was asked for, and those that would have taken its place, and why none of them could choose. */
  insteadOf?: { strategy: LoadBalancingStrategy; reason: string }[];
}

/** Who gets a job, or for whom it had better wait. */
export type Choice<Agent extends Rated> =
  | { agent: Agent; note: PlacementNote }
  | { waitFor: Agent; sentence: string; untilMs: number };

/** Agents whose failures are held against them. */
export interface FailoverSettings {
  readonly enabled: boolean;
  /** The part of the last assignments that ended by the agent's fault. */
  readonly threshold: number;
}

export interface ChooserOptions {
  performance: Pick<AgentPerformance, "of" | "faultsOf">;
  model: Pick<RenderTimeModel, "predict" | "state">;
  /** A monotonic clock in milliseconds. */
  monotonic: () => number;
}

/** An agent that was never seen: the model takes it for an average one. */
const ANYBODY = "";
/** For so long a fleet is taken to be worth what it was. */
const WORTH_MS = 1000;
/** Fewer ends say nothing of an agent. */
const LEAST_ENDS = 3;

/** Chooses agents by the strategies, and remembers what those need from one choice to the next. */
export class Chooser<Agent extends Rated> {
  private readonly lastInTurn = new Map<string, string>();
  private readonly credits = new Map<string, Credits>();
  private readonly underWay: WorkUnderWay;
  private readonly worth = new Map<string, { worth: number; untilMs: number }>();
  /** How long a job waits for an agent at most; set once, when it begins to. */
  private readonly patience = new Map<string, number>();

  constructor(private readonly options: ChooserOptions) {
    this.underWay = new WorkUnderWay(options.monotonic);
  }

  /** A round of choices begins: what jobs waited for in the last one is open again. */
  begin(): void {
    this.underWay.dropClaims();
  }

  /** The job has an agent, or waits no more. */
  forget(jobId: string): void {
    this.patience.delete(jobId);
  }

  started(jobId: string, agentId: string, predictedMs: number | undefined): void {
    this.forget(jobId);
    this.underWay.started(jobId, agentId, predictedMs);
  }

  ended(jobId: string): void {
    this.underWay.ended(jobId);
  }

  /**
   * @param free agents that may have the job.
   * @param busy gives those that could have it but for their slots.
   * @param queued jobs that wait in its room, itself included.
   */
  choose(
    job: Placeable,
    wanted: LoadBalancingStrategy,
    agents: { free: Some<Agent>; busy: () => Iterable<Agent>; queued: number },
    failover: FailoverSettings,
  ): Choice<Agent> {
    const free = this.reliable(agents.free, failover);
    if (wanted !== "ai_driven") return this.byStrategy(job, wanted, free);
    const predicted = this.byModel(job, { ...agents, free });
    if (!("unknown" in predicted)) return predicted;
    const other = this.byStrategy(job, "performance_based", free);
    const insteadOf = [{ strategy: wanted, reason: predicted.unknown }, ...(other.note.insteadOf ?? [])];
    return { ...other, note: { ...other.note, insteadOf } };
  }

  private byStrategy(job: Placeable, strategy: Exclude<LoadBalancingStrategy, "ai_driven">, free: Some<Agent>) {
    const picked = this.pick(job, strategy, free);
    const note = ({ agent, why }: Picked<Agent>, by: LoadBalancingStrategy): PlacementNote => ({
      ...{ strategy: by, why, beside: agent.used },
    });
    if (!("unknown" in picked)) return { agent: picked.agent, note: note(picked, strategy) };
    const fallback = leastLoaded(free);
    const insteadOf = [{ strategy, reason: picked.unknown }];
    return { agent: fallback.agent, note: { ...note(fallback, "least_loaded"), insteadOf } };
  }

  private pick(
    { room, kind }: Placeable,
    strategy: Exclude<LoadBalancingStrategy, "ai_driven">,
    free: Some<Agent>,
  ): Picked<Agent> | Unknown {
    switch (strategy) {
      case "least_loaded":
        return leastLoaded(free);
      case "least_connections":
        return leastConnections(free);
      case "performance_based":
        return performanceBased(free, kind, this.options.performance);
      case "round_robin": {
        const picked = roundRobin(free, this.lastInTurn.get(room));
        this.lastInTurn.set(room, picked.agent.id);
        return picked;
      }
      case "weighted": {
        const picked = weighted(free, this.credits.get(room) ?? new Map());
        this.credits.set(room, picked.credits);
        return picked;
      }
    }
  }

  private byModel(
    job: Placeable,
    { free, busy, queued }: { free: Some<Agent>; busy: () => Iterable<Agent>; queued: number },
  ): Choice<Agent> | Unknown {
    const { model } = this.options;
    const { features } = job;
    if (features === undefined)
      return {
        unknown:
          job.kind === "stream"
            ? "it predicts how long renders take; a stream lasts until it is stopped"
            : "the request is none that it knows",
      };
    const { state } = model;
    const predict = model.predict(features);
    if (!state.ready || predict === undefined) return { unknown: state.ready ? "it has no prediction" : state.reason };
    const option = (agent: Agent, freeInMs: number, beside: number): Option<Agent> => ({
      ...{ agent, freeInMs, predictedMs: predict(agent.id, beside).ms },
    });
    const now = free.map((agent) => option(agent, 0, agent.used)) as unknown as Some<Option<Agent>>;
    const atOnce = soonestDone(now, [], state.errorPercent);
    const later: Option<Agent>[] = [];
    const plainMs = predict(ANYBODY, 0).ms;
    // The model's factors are the same for every job, so that any job tells them.
    const worth = () =>
      this.knownWorth(job.room) ??
      this.worthOf(job.room, [...free, ...busy()], (id, beside) => plainMs / predict(id, beside).ms);
    // While there is more to do than this job takes, an agent that idles would cost the others more than this one gains.
    if (this.mayWait(job.id) && atOnce.option.predictedMs > this.underWay.drainMs(queued, worth()))
      for (const agent of busy()) {
        const freeInMs = this.underWay.freeInMs(agent);
        if (Number.isFinite(freeInMs)) later.push(option(agent, freeInMs, Math.max(0, agent.used - 1)));
      }
    const best = later.length === 0 ? atOnce : soonestDone(now, later, state.errorPercent);
    if (best.insteadOf !== undefined) return this.wait(job, best.option, best.insteadOf, best.why);
    const { agent, predictedMs } = best.option;
    this.underWay.sized(plainMs);
    const figures = { predictedMs: Math.round(predictedMs), errorPercent: state.errorPercent };
    return { agent, note: { strategy: "ai_driven", why: best.why, beside: agent.used, ...figures } };
  }

  private knownWorth(room: string): number | undefined {
    const known = this.worth.get(room);
    return known !== undefined && this.options.monotonic() < known.untilMs ? known.worth : undefined;
  }

  /** As many plain agents as those of a room are worth when all their slots are in use; looked at once a second. */
  private worthOf(room: string, agents: readonly Agent[], timesAsFast: (id: string, beside: number) => number): number {
    let worth = 0;
    for (const { id, capabilities } of agents) worth += capabilities.slots * timesAsFast(id, capabilities.slots - 1);
    this.worth.set(room, { worth, untilMs: this.options.monotonic() + WORTH_MS });
    return worth;
  }

  private wait(job: Placeable, later: Option<Agent>, now: Option<Agent>, why: string): Choice<Agent> {
    const { agent, freeInMs, predictedMs } = later;
    this.underWay.claim(agent, predictedMs);
    // It waits for as long as that can be a gain, and is not put off again.
    const gainMs = now.predictedMs - predictedMs - freeInMs;
    const untilMs = this.patience.get(job.id) ?? this.options.monotonic() + freeInMs + Math.max(0, gainMs);
    this.patience.set(job.id, untilMs);
    return { waitFor: agent, sentence: `The job waits for ${agent.id}: ${why}.`, untilMs };
  }

  /** Whether a job may still wait for a busy agent although it could start elsewhere. */
  private mayWait(jobId: string): boolean {
    const untilMs = this.patience.get(jobId);
    return untilMs === undefined || this.options.monotonic() < untilMs;
  }

  /** Without the agents by whose fault too many of their last jobs ended, unless there are no others. */
  private reliable(free: Some<Agent>, { enabled, threshold }: FailoverSettings): Some<Agent> {
    if (!enabled || free.length === 1) return free;
    const rest = free.filter(({ id }) => {
      const { part, of } = this.options.performance.faultsOf(id);
      return of < LEAST_ENDS || part < threshold;
    });
    const [first, ...others] = rest;
    return first === undefined ? free : [first, ...others];
  }
}
