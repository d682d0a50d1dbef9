import type { AgentCapabilities, ErrorInfo, JsonObject } from "@stream-control/protocol";
import type { EventLog } from "@stream-control/service-kit/audit";
import { currentCaller } from "@stream-control/service-kit/http";
import type { Selectable, Store } from "@stream-control/store";
import { fromJson } from "../jobs/job-record.js";
import type { AgentTable, Tables } from "../store/tables.js";
import { Agent } from "./agent.js";

/** What of the agents outlives a restart. */
export class AgentRows {
  constructor(
    private readonly store: Store<Tables>,
    private readonly log: EventLog,
  ) {}

  /** Every agent that was known before the last stop; nobody is connected yet. */
  async load(): Promise<Agent[]> {
    return (await this.store.db.selectFrom("agents").selectAll().execute()).map(fromRow);
  }

  /** Resolves when the agent is on disk as it is now, and in the log what was done to it. */
  async write(agent: Agent, done?: { type: string; message: string; data?: JsonObject }): Promise<void> {
    const by = currentCaller();
    const values = {
      name: agent.name,
      room: agent.room,
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
    await this.store.write(async (tx) => {
      await tx
        .insertInto("agents")
        .values({ id: agent.id, first_seen_at: agent.firstSeenAt, ...values })
        .onConflict((conflict) => conflict.column("id").doUpdateSet(values))
        .execute();
      if (done !== undefined) await this.log.append(tx, { by, subject: `agent:${agent.id}`, ...done });
    });
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
  agent.room = row.room;
  agent.operatorDrain = row.operator_drain === 1;
  agent.drainDeadlineAt = row.drain_deadline_at;
  agent.drainMigrate = row.drain_migrate === 1;
  agent.error = fromJson<ErrorInfo>(row.error);
  return agent;
}
