import {
  createRedactor,
  type LookedAtSource,
  type ProbedSource,
  RENDER_SOURCES_FEATURE,
  RENDERS_FEATURE,
  secretsOf,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { AuditRecorder } from "@stream-control/service-kit/audit";
import type { GuardFamily, Guards } from "../resilience/guards.js";
import type { Agent } from "./agent.js";
import type { CommandReplies } from "./command-replies.js";
import type { AgentRegistry } from "./registry.js";

const FEATURE = "probe";

/** How much longer than the agent we wait: its own words about its deadline are better than ours. */
const GRACE_MS = 3000;

/** A look that failed after this part of its time did so because nothing came. */
const HUNG_PART = 0.9;

/** A look into a source that no job uses yet. */
export interface Look {
  source: LookedAtSource;
  /** It is to be shown as an image by a render. */
  image?: boolean;
  /** Milliseconds that the agent may take. */
  deadlineMs: number;
}

/** Lets agents look into sources, each into one at a time. */
export class Probes {
  private readonly busy = new Set<Agent>();

  private readonly guards: GuardFamily;
  /** What was thrown when an agent waited for a source in vain. */
  private readonly hung = new WeakSet<AppError>();

  constructor(
    private readonly deps: { registry: AgentRegistry; replies: CommandReplies; audit: AuditRecorder; guards: Guards },
  ) {
    // A source that can't be used is told at once; one that hangs holds an agent up, each time to the end.
    this.guards = deps.guards.family("sources", {
      isFailure: (thrown) => thrown instanceof AppError && this.hung.has(thrown),
    });
  }

  /**
   * The agent of a room that may best look into a source: one that speaks its protocol, serves jobs, and has the least to do.
   *
   * @throws AppError `NO_AGENT_TO_PROBE`, `AGENT_BUSY`.
   */
  choose(room: string, source: LookedAtSource, image = false): Agent {
    const able = [...this.deps.registry.all()].filter(
      (agent) => agent.room === room && agent.connected && looksInto(agent, source, image),
    );
    if (able.length === 0)
      throw new AppError(
        "NO_AGENT_TO_PROBE",
        `No agent of the room "${room}" is connected that can look into such a source; start or update one.`,
      );
    const free = able.filter((agent) => !this.busy.has(agent)).sort((a, b) => reluctance(a) - reluctance(b));
    if (free[0] === undefined) throw busy("Every agent of the room is");
    return free[0];
  }

  /** Whether a room has an agent that looks into images and buckets, too. */
  seesRenderSources(room: string): boolean {
    return [...this.deps.registry.all()].some(
      (agent) => agent.room === room && agent.connected && agent.knows(FEATURE) && agent.knows(RENDER_SOURCES_FEATURE),
    );
  }

  /** Whether a room has an agent that may draw text; those that don't say may, and so may whoever is still to come. */
  mayDrawText(room: string): boolean {
    const able = [...this.deps.registry.all()].filter(
      (agent) => agent.room === room && agent.connected && agent.knows(RENDERS_FEATURE),
    );
    return able.length === 0 || able.some(({ capabilities }) => capabilities.drawsText !== false);
  }

  /**
   * Asks an agent what a source holds.
   *
   * @throws AppError `AGENT_OFFLINE`, `NOT_SUPPORTED`, `AGENT_BUSY`; `SOURCE_UNREADABLE` with the agent's reason;
   * `AGENT_TIMEOUT`; `CIRCUIT_OPEN` where the source's host has kept agents waiting again and again.
   */
  look(agent: Agent, look: Look): Promise<ProbedSource> {
    const host = "url" in look.source ? URL.parse(look.source.url)?.host : undefined;
    return host === undefined ? this.lookNow(agent, look) : this.guards.of(host).run(() => this.lookNow(agent, look));
  }

  private async lookNow(agent: Agent, { source, image = false, deadlineMs }: Look): Promise<ProbedSource> {
    const { replies, audit } = this.deps;
    const { session } = agent;
    if (session === undefined || !agent.connected)
      throw new AppError("AGENT_OFFLINE", `The agent "${agent.id}" is offline; try again when it is back.`);
    if (!looksInto(agent, source, image))
      throw new AppError("NOT_SUPPORTED", `The agent "${agent.id}" cannot look into sources; update it.`);
    if (this.busy.has(agent)) throw busy(`The agent "${agent.id}" is`);
    this.busy.add(agent);
    try {
      await audit.record({
        type: "agent.probe_requested",
        subject: `agent:${agent.id}`,
        message: "A look into a source was asked for.",
        data: { source: source.type },
      });
      const begun = performance.now();
      const answer = replies.ask(agent.id, {
        send: (probeId) =>
          session.send("orchestrator.probe", { probeId, source, deadlineMs, ...(image ? { image } : {}) }),
        deadlineMs: deadlineMs + GRACE_MS,
        redact: createRedactor(secretsOf(source)),
        refusedAs: (error) => (error?.code === "AGENT_BUSY" ? "AGENT_BUSY" : "SOURCE_UNREADABLE"),
        late: "try again, or ask another agent",
      });
      const { probe } = await answer.catch((thrown: unknown) => {
        if (thrown instanceof AppError && performance.now() - begun > deadlineMs * HUNG_PART) this.hung.add(thrown);
        throw thrown;
      });
      if (probe === undefined) throw new Error("An agent saw a source and did not say what.");
      return probe;
    } finally {
      this.busy.delete(agent);
    }
  }
}

const looksInto = (agent: Agent, source: LookedAtSource, image: boolean): boolean =>
  agent.knows(FEATURE) &&
  ((source.type !== "s3" && !image) || agent.knows(RENDER_SOURCES_FEATURE)) &&
  speaks(agent, source);

/** Agents that do not say which protocols they speak may speak any. */
function speaks({ capabilities: { protocols } }: Agent, source: LookedAtSource): boolean {
  if (source.type === "s3") return true;
  const protocol = "url" in source ? source.url.slice(0, source.url.indexOf(":")).toLowerCase() : source.type;
  return protocols?.includes(protocol) ?? true;
}

/** Agents that drain or are in trouble are asked last. */
const reluctance = (agent: Agent): number =>
  (agent.draining || agent.faulty ? 1_000_000 : 0) + agent.used / Math.max(1, agent.capabilities.slots);

const busy = (who: string): AppError =>
  new AppError("AGENT_BUSY", `${who} looking into another source; try again in a few seconds.`);
