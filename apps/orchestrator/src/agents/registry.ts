import type {
  AgentCapabilities,
  AgentPayload,
  AgentRecord,
  AgentState,
  ErrorInfo,
  JobStatus,
  JsonObject,
} from "@stream-control/protocol";
import { type Logger, toError } from "@stream-control/service-kit";
import type { Selectable, Store } from "@stream-control/store";
import { fromJson } from "../jobs/job-record.js";
import type { Candidate } from "../scheduling/placement.js";
import type { AgentTable, Tables } from "../store/tables.js";
import type { AgentSession } from "./session.js";

/** A job in a slot: its status, and which assignment it is. */
export interface Held {
  readonly status: JobStatus;
  readonly epoch: number;
  /** It may go on only while its lease is renewed. */
  readonly fenced: boolean;
}

/** What an operator wants of an agent. */
export interface DrainOrder {
  drain: boolean;
  deadlineAt: string | null;
  migrate: boolean;
}

/** An agent that is known, connected or not. */
export class Agent implements Candidate {
  session: AgentSession | undefined;
  selfDrain = false;
  operatorDrain = false;
  /** When a drain ends what still runs; null where it lets it finish. */
  drainDeadlineAt: string | null = null;
  /** The drain moves what may move to other agents. */
  drainMigrate = false;
  error: ErrorInfo | null = null;
  faulty = false;
  assigned = 0;
  /** Jobs that hold a slot, in the order in which they were given. */
  readonly jobs = new Map<string, Held>();

  constructor(
    readonly id: string,
    public name: string,
    public version: string,
    public capabilities: AgentCapabilities,
    public meta: JsonObject,
    public protocolVersion: number | null,
    readonly firstSeenAt: string,
    public lastSeenMs: number,
  ) {}

  get connected(): boolean {
    return this.session?.open === true;
  }
  get draining(): boolean {
    return this.operatorDrain || this.selfDrain;
  }
  get used(): number {
    return this.jobs.size;
  }
  /** Whether it knows an optional command. */
  knows(feature: string): boolean {
    return this.capabilities.features?.includes(feature) ?? false;
  }
  get hasRoom(): boolean {
    return this.connected && !this.draining && !this.faulty && this.used < this.capabilities.slots;
  }

  /** What operators see: the most telling state of its jobs, unless the agent itself is the news. */
  get state(): AgentState {
    if (!this.connected) return "OFFLINE";
    if (this.draining) return "DRAINING";
    if (this.faulty) return "ERROR";
    const statuses = new Set([...this.jobs.values()].map(({ status }) => status));
    if (statuses.has("RUNNING")) return "RUNNING";
    if (statuses.has("STARTING")) return "STARTING";
    if (statuses.has("STOPPING")) return "STOPPING";
    return statuses.size > 0 ? "RESERVED" : "IDLE";
  }

  record(): AgentRecord {
    return {
      id: this.id,
      name: this.name,
      version: this.version,
      state: this.state,
      currentJobId: this.jobs.keys().next().value ?? null,
      currentJobIds: [...this.jobs.keys()],
      lastSeenAt: new Date(this.session?.lastHeardMs ?? this.lastSeenMs).toISOString(),
      drain: this.draining,
      drainDeadlineAt: this.drainDeadlineAt,
      capabilities: this.capabilities,
      meta: this.meta,
      error: this.error,
    };
  }
}

/**
 * Every agent that ever said hello, and which jobs hold its slots. Kept in memory for the scheduler; what must outlive a
 * restart is written to the `agents` table. The holds follow the ledger, whose rows are the truth.
 */
export class AgentRegistry {
  private readonly agents = new Map<string, Agent>();
  /** Agents that could take a job now, so that a full fleet costs the scheduler nothing. */
  private readonly withRoom = new Set<Agent>();
  private readonly listeners = new Set<(agent: Agent) => void>();

  constructor(
    private readonly store: Store<Tables>,
    private readonly logger: Logger,
  ) {}

  /** Reads what was known before the last stop; nobody is connected yet. */
  async load(): Promise<void> {
    for (const row of await this.store.db.selectFrom("agents").selectAll().execute())
      this.agents.set(row.id, fromRow(row));
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
  free(): ReadonlySet<Agent> {
    return this.withRoom;
  }

  /** @returns the session that the new one takes the place of, if there was one. */
  connect(hello: AgentPayload<"agent.hello">, session: AgentSession, now: Date): AgentSession | undefined {
    const agent =
      this.agents.get(hello.agentId) ??
      new Agent(hello.agentId, "", "", hello.capabilities, {}, null, now.toISOString(), now.getTime());
    this.agents.set(agent.id, agent);
    const replaced = agent.session;
    agent.session = session;
    agent.name = hello.name;
    agent.version = hello.version;
    agent.capabilities = hello.capabilities;
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
      await this.write(agent);
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

  /** A job takes a slot, or changes its status in it. */
  hold(agentId: string, jobId: string, held: Held): void {
    const agent = this.agents.get(agentId);
    if (agent === undefined) return;
    const before = agent.jobs.get(jobId);
    if (before?.status === held.status && before.epoch === held.epoch) return;
    if (before === undefined) agent.assigned += 1;
    agent.jobs.set(jobId, held);
    this.changed(agent);
  }

  /** A job gives its slot back. */
  release(agentId: string, jobId: string): void {
    const agent = this.agents.get(agentId);
    if (agent?.jobs.delete(jobId)) this.changed(agent);
  }

  private changed(agent: Agent): void {
    if (agent.hasRoom) this.withRoom.add(agent);
    else this.withRoom.delete(agent);
    for (const listener of this.listeners) listener(agent);
  }

  private persist(agent: Agent): void {
    this.write(agent).catch((error: unknown) => {
      this.logger.error({ err: toError(error), agentId: agent.id }, "the agent could not be stored");
    });
  }

  private async write(agent: Agent): Promise<void> {
    const values = {
      name: agent.name,
      version: agent.version,
      capabilities: JSON.stringify(agent.capabilities),
      meta: JSON.stringify(agent.meta),
      protocol_version: agent.protocolVersion,
      operator_drain: agent.operatorDrain ? 1 : 0,
      drain_deadline_at: agent.drainDeadlineAt,
      drain_migrate: agent.drainMigrate ? 1 : 0,
      error: agent.error === null ? null : JSON.stringify(agent.error),
      last_seen_at: agent.record().lastSeenAt,
    };
    await this.store.write((tx) =>
      tx
        .insertInto("agents")
        .values({ id: agent.id, first_seen_at: agent.firstSeenAt, ...values })
        .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
        .execute(),
    );
  }
}

function fromRow(row: Selectable<AgentTable>): Agent {
  const agent = new Agent(
    row.id,
    row.name,
    row.version,
    fromJson<AgentCapabilities>(row.capabilities) ?? { slots: 1 },
    fromJson<JsonObject>(row.meta) ?? {},
    row.protocol_version,
    row.first_seen_at,
    Date.parse(row.last_seen_at),
  );
  agent.operatorDrain = row.operator_drain === 1;
  agent.drainDeadlineAt = row.drain_deadline_at;
  agent.drainMigrate = row.drain_migrate === 1;
  agent.error = fromJson<ErrorInfo>(row.error);
  return agent;
}
