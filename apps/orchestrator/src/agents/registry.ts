import type { AgentPayload, ErrorInfo } from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Amounts } from "../resources/amounts.js";
import { Agent, type DrainOrder, type Held } from "./agent.js";
import type { AgentRows } from "./agent-rows.js";
import type { AgentSession } from "./session.js";

const NONE: ReadonlySet<Agent> = new Set();

/**
 * Every agent that ever said hello, and which jobs hold its slots. Kept in memory for the scheduler; what must outlive a
 * restart is written to the `agents` table. The holds follow the ledger, whose rows are the truth.
 */
export class AgentRegistry {
  private readonly agents = new Map<string, Agent>();
  /** Agents that could take a job now, by their rooms, so that a full fleet costs the scheduler nothing. */
  private readonly withRoom = new Map<string, Set<Agent>>();
  private readonly listeners = new Set<(agent: Agent) => void>();

  constructor(
    private readonly rows: AgentRows,
    private readonly logger: Logger,
  ) {}

  /** Reads what was known before the last stop; nobody is connected yet. */
  async load(): Promise<void> {
    for (const agent of await this.rows.load()) this.agents.set(agent.id, agent);
  }

  onChange(listener: (agent: Agent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get(id: string): Agent | undefined {
    return this.agents.get(id);
  }
  all(): Iterable<Agent> {
    return this.agents.values();
  }
  /** The agents of a room that could take a job now. */
  freeIn(room: string): ReadonlySet<Agent> {
    return this.withRoom.get(room) ?? NONE;
  }

  /**
   * @param room the one that the agent was let in for.
   * @returns the session that the new one takes the place of, if there was one.
   */
  connect(
    hello: AgentPayload<"agent.hello">,
    room: string,
    session: AgentSession,
    now: Date,
  ): AgentSession | undefined {
    const agent =
      this.agents.get(hello.agentId) ??
      new Agent(hello.agentId, "", "", hello.capabilities, {}, null, now.toISOString(), now.getTime());
    this.agents.set(agent.id, agent);
    const replaced = agent.session;
    agent.session = session;
    agent.name = hello.name;
    this.withRoom.get(agent.room)?.delete(agent);
    agent.room = room;
    agent.version = hello.version;
    agent.capabilities = hello.capabilities;
    agent.resources.report(hello.capabilities.resources);
    agent.meta = hello.meta ?? {};
    agent.protocolVersion = hello.protocolVersion ?? null;
    agent.selfDrain = hello.drain;
    agent.error = null;
    agent.faulty = false;
    this.changed(agent);
    this.persist(agent);
    return replaced;
  }

  /** @returns false where the agent has another session by now, so that it is not away at all. */
  disconnect(session: AgentSession): boolean {
    const agent = this.agents.get(session.agentId);
    if (agent?.session !== session) return false;
    agent.lastSeenMs = session.lastHeardMs;
    agent.session = undefined;
    this.changed(agent);
    this.persist(agent);
    return true;
  }

  /** Resolves when the operator's wish is on disk. */
  async setDrain(agent: Agent, { drain, deadlineAt, migrate }: DrainOrder): Promise<void> {
    const { operatorDrain, drainDeadlineAt, drainMigrate, selfDrain } = agent;
    Object.assign(agent, {
      operatorDrain: drain,
      drainDeadlineAt: drain ? deadlineAt : null,
      drainMigrate: drain && migrate,
      // An operator who ends a drain means it: what the agent said in its hello no longer counts either.
      selfDrain: drain && selfDrain,
    });
    this.changed(agent);
    try {
      await this.rows.write(
        agent,
        drain
          ? { type: "agent.drained", message: "The agent takes nothing new.", data: { deadlineAt, migrate } }
          : { type: "agent.undrained", message: "The agent takes jobs again." },
      );
    } catch (error) {
      // What was answered with an error must not be in force until the next restart.
      Object.assign(agent, { operatorDrain, drainDeadlineAt, drainMigrate, selfDrain });
      this.changed(agent);
      throw error;
    }
  }

  setError(agent: Agent, error: ErrorInfo): void {
    agent.error = error;
    agent.faulty = true;
    this.changed(agent);
    this.persist(agent);
  }

  /** The agent was heard well: what it reported stays readable, but no longer keeps jobs from it. */
  recover(agent: Agent): void {
    agent.faulty = false;
    this.changed(agent);
  }

  /**
   * A job takes a slot, or changes its status in it.
   *
   * @param needsOf what it needs of the machine, where that is known; asked once for each assignment.
   */
  hold(agentId: string, jobId: string, held: Held, needsOf: () => Amounts | undefined = () => undefined): void {
    const agent = this.agents.get(agentId);
    if (agent === undefined) return;
    const before = agent.jobs.get(jobId);
    if (before?.status === held.status && before.epoch === held.epoch) return;
    if (before === undefined) {
      agent.assigned += 1;
      const needs = needsOf();
      if (needs !== undefined) agent.resources.reserve(jobId, needs);
    }
    agent.jobs.set(jobId, held);
    this.changed(agent);
  }

  /** A job gives its slot back. */
  release(agentId: string, jobId: string): void {
    const agent = this.agents.get(agentId);
    if (agent?.jobs.delete(jobId) !== true) return;
    agent.resources.release(jobId);
    this.changed(agent);
  }

  /** Keeps a slot free for something that is to come. @returns false for an agent that is not known. */
  reserve(agentId: string, name: string): boolean {
    const agent = this.agents.get(agentId);
    if (agent === undefined) return false;
    agent.reservations.add(name);
    this.changed(agent);
    return true;
  }

  unreserve(agentId: string, name: string): void {
    const agent = this.agents.get(agentId);
    if (agent?.reservations.delete(name)) this.changed(agent);
  }

  private changed(agent: Agent): void {
    const those = this.withRoom.get(agent.room);
    if (!agent.hasRoom) those?.delete(agent);
    else if (those === undefined) this.withRoom.set(agent.room, new Set([agent]));
    else those.add(agent);
    for (const listener of this.listeners) listener(agent);
  }

  private persist(agent: Agent): void {
    this.rows.write(agent).catch((error: unknown) => {
      this.logger.error({ err: toError(error), agentId: agent.id }, "the agent could not be stored");
    });
  }
}
