import {
  type AgentCapabilities,
  type AgentLoad,
  type AgentRecord,
  type AgentState,
  DEFAULT_ROOM,
  type ErrorInfo,
  type JobStatus,
  type JsonObject,
} from "@stream-control/protocol";
import { AgentResources } from "../resources/agent-resources.js";
import type { Candidate } from "../scheduling/placement.js";
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
  room: string = DEFAULT_ROOM;
  selfDrain = false;
  operatorDrain = false;
  /** When a drain ends what still runs; null where it lets it finish. */
  drainDeadlineAt: string | null = null;
  /** The drain moves what may move to other agents. */
  drainMigrate = false;
  /** As it said last. */
  load: AgentLoad | null = null;
  error: ErrorInfo | null = null;
  faulty = false;
  assigned = 0;
  /** Slots that are kept free for something that is to come, by its name. */
  readonly reservations = new Set<string>();
  /** What its machine has, and what of it is kept for its jobs. */
  readonly resources = new AgentResources();
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
    return this.jobs.size + this.reservations.size;
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
    return this.used > 0 ? "RESERVED" : "IDLE";
  }

  record(): AgentRecord {
    return {
      id: this.id,
      name: this.name,
      version: this.version,
      room: this.room,
      state: this.state,
      currentJobId: this.jobs.keys().next().value ?? null,
      currentJobIds: [...this.jobs.keys()],
      lastSeenAt: new Date(this.session?.lastHeardMs ?? this.lastSeenMs).toISOString(),
      drain: this.draining,
      drainDeadlineAt: this.drainDeadlineAt,
      capabilities: this.capabilities,
      meta: this.meta,
      load: this.connected ? this.load : null,
      error: this.error,
    };
  }
}
