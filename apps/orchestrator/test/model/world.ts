import { jest } from "@jest/globals";
import { isActiveStatus, isFinalStatus } from "@stream-control/protocol";
import { silentLogger } from "@stream-control/service-kit";
import { AuditRecorder, EventLog, verifyLog } from "@stream-control/service-kit/audit";
import { ownKeyRing } from "@stream-control/service-kit/secrets";
import { temporaryFolder } from "@stream-control/test-kit";
import type { WebSocket } from "ws";
import { AgentAdmission } from "../../src/agents/admission.js";
import { AgentRows } from "../../src/agents/agent-rows.js";
import { AgentTokens } from "../../src/agents/agent-tokens.js";
import { CommandReplies } from "../../src/agents/command-replies.js";
import { Drains } from "../../src/agents/drains.js";
import { EventBudget } from "../../src/agents/event-budget.js";
import { AgentGateway } from "../../src/agents/gateway.js";
import { Homecoming } from "../../src/agents/homecoming.js";
import { Leases } from "../../src/agents/leases.js";
import { AgentRegistry } from "../../src/agents/registry.js";
import { AgentReports } from "../../src/agents/reports.js";
import { DEFAULT_CONFIGURATION } from "../../src/configuration/catalogue.js";
import { JobControl } from "../../src/jobs/control.js";
import type { NewJobRow } from "../../src/jobs/job-queries.js";
import { JobReader } from "../../src/jobs/job-reader.js";
import { Ledger } from "../../src/jobs/ledger.js";
import { ProgressBoard } from "../../src/jobs/progress-board.js";
import { SnapshotBoard } from "../../src/jobs/snapshot-board.js";
import { Watchdog } from "../../src/jobs/watchdog.js";
import { FleetHistory } from "../../src/scheduling/history/fleet-history.js";
import { Scheduler } from "../../src/scheduling/scheduler.js";
import { schedulingOf } from "../../src/scheduling/settings.js";
import { JobSecrets } from "../../src/secrets/job-secrets.js";
import { type Database, openDatabase } from "../../src/store/open.js";
import type { JobRow } from "../../src/store/tables.js";
import { VirtualAgent } from "./virtual-agent.js";

const TIMES = {
  heartbeatIntervalMs: 1000,
  heartbeatTimeoutMs: 3000,
  stopGraceMs: 2000,
  killAfterMs: 1000,
  ackTimeoutMs: 2000,
  unknownTimeoutMs: 15_000,
  leaseMs: 9000,
};
const RESTART = { maxRestarts: 3, baseMs: 200, maxMs: 1000, goodRunMs: 5000 };
const STEP_MS = 250;
const QUIET = {
  progressed: () => undefined,
  said: () => undefined,
  pictured: () => undefined,
  loaded: () => undefined,
};

type Core = Awaited<ReturnType<typeof buildCore>>;

const openWorld = (dataDir: string) => openDatabase({ dataDir, ring: ownKeyRing(dataDir), logger: silentLogger() });

/** The orchestrator without HTTP and without a network, on the clocks of the test. */
async function buildCore({ store, sealed }: Database) {
  const logger = silentLogger();
  const now = () => new Date();
  const monotonic = () => performance.now();
  const reader = new JobReader(store.db, sealed);
  const secrets = new JobSecrets();
  const log = new EventLog({ store, now });
  const audit = new AuditRecorder({ store, log, logger });
  const ledger = new Ledger({ store, sealed, secrets, log, logger, restart: RESTART, now });
  const registry = new AgentRegistry(new AgentRows(store, log), logger);
  const leases = new Leases({ registry, leaseMs: TIMES.leaseMs, monotonic });
  const scheduler = new Scheduler({
    ...{ ledger, registry, leases, logger, now, monotonic },
    settings: () => schedulingOf(DEFAULT_CONFIGURATION),
    history: new FleetHistory(),
    ...{ ackTimeoutMs: () => TIMES.ackTimeoutMs, longestPauseMs: RESTART.maxMs },
  });
  const control = new JobControl({ ledger, reader, registry, audit, stopGraceMs: TIMES.stopGraceMs });
  const watchdog = new Watchdog({
    ...TIMES,
    ackTimeoutMs: () => TIMES.ackTimeoutMs,
    ledger,
    registry,
    leases,
    scheduler,
    logger,
  });
  const settle = { settleMs: TIMES.heartbeatIntervalMs, awayMs: TIMES.heartbeatTimeoutMs };
  const homecoming = new Homecoming({ ledger, registry, control, leases, logger, ...settle });
  const drains = new Drains({ ledger, registry, reader, control, logger, now });
  const [board, replies, budget] = [new ProgressBoard(), new CommandReplies(), new EventBudget(monotonic)];
  const reports = new AgentReports({
    ...{ ledger, registry, scheduler, leases, replies, budget, board, secrets, logger },
    ...{ news: QUIET, snapshots: new SnapshotBoard(monotonic) },
  });
  const tokens = new AgentTokens(store, logger, now);
  const admission = new AgentAdmission({ mode: "token", sharedToken: "secret", tokens });
  const gateway = new AgentGateway({
    ...{ ...TIMES, admission, registry, reports, homecoming, leases, audit, logger },
  });
  await registry.load();
  const open = await reader.open();
  scheduler.start(open);
  watchdog.start(open);
  homecoming.start();
  drains.start();
  gateway.start();
  const stop = async () => {
    for (const part of [scheduler, watchdog, homecoming, drains]) part.stop();
    await gateway.stop();
    await audit.stop();
  };
  return { ledger, registry, control, drains, gateway, reader, stop };
}

/** What the model knows: what was acknowledged, and how it ended. */
interface Known {
  key: string | null;
  stopAsked: boolean;
  fenced: boolean;
  final?: JobRow;
}

export class World {
  readonly agents: VirtualAgent[];
  readonly jobs = new Map<string, Known>();
  private lastSeq = 0;
  private readonly finalEvents = new Map<string, number>();
  private sinceBeatMs = 0;

  private constructor(
    private readonly folder: Awaited<ReturnType<typeof temporaryFolder>>,
    private database: Database,
    private core: Core,
    slots: readonly number[],
  ) {
    this.agents = slots.map((count, n) => {
      return new VirtualAgent(`agent-${n}`, count, (socket) => {
        this.core.gateway.accept(socket as unknown as WebSocket, {
          address: "127.0.0.1",
          certifiedNames: [],
          settle: () => undefined,
        });
      });
    });
  }

  static async open(slots: readonly number[]): Promise<World> {
    const folder = await temporaryFolder();
    const database = await openWorld(folder.path);
    return new World(folder, database, await buildCore(database), slots);
  }

  async submit(key: string | null, policy: JobRow["restart_policy"]): Promise<void> {
    const id = `job-${this.jobs.size + 1}`;
    const { job, created } = await this.core.ledger.submit(newJob(id, key, policy));
    const known = [...this.jobs].find(([, { key: other }]) => key !== null && other === key)?.[0];
    if (created !== (known === undefined)) throw new Error(`The key ${key} made a second job.`);
    if (!created && job.id !== known) throw new Error(`The key ${key} gave ${job.id} instead of ${known}.`);
    if (created) this.jobs.set(id, { key, stopAsked: false, fenced: policy === "onFailure" });
  }

  async stopJob(index: number): Promise<void> {
    const [id, known] = [...this.jobs][index % Math.max(1, this.jobs.size)] ?? [];
    if (id === undefined || known === undefined) return;
    await this.core.control.stop(id);
    known.stopAsked = true;
  }

  async drain(agent: VirtualAgent, drain: boolean, deadlineMs: number | null, migrate: boolean): Promise<void> {
    const known = this.core.registry.get(agent.id);
    if (known !== undefined) await this.core.drains.set(known, { drain, deadlineMs, migrate });
  }

  /** Ends the orchestrator and starts it anew on the same database. */
  async restart(): Promise<void> {
    await this.core.stop();
    await this.database.store.close();
    this.database = await openWorld(this.folder.path);
    this.core = await buildCore(this.database);
    for (const agent of this.agents) agent.cut(false);
  }

  /** Lets time go by, and messages with it. */
  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      await jest.advanceTimersByTimeAsync(STEP_MS);
      this.sinceBeatMs += STEP_MS;
      const beats = this.sinceBeatMs >= TIMES.heartbeatIntervalMs;
      if (beats) this.sinceBeatMs = 0;
      for (const agent of this.agents) {
        agent.fence();
        if (beats) agent.heartbeat();
      }
      await this.exchange();
      this.noDoubles();
    }
  }

  /** Delivers what is to be delivered, and lets the orchestrator work on it. */
  async exchange(): Promise<void> {
    for (let round = 0; round < 3; round += 1) {
      for (const agent of this.agents) agent.deliver();
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** @throws when something is not as it must always be. */
  async check(): Promise<void> {
    await this.exchange();
    this.noDoubles();
    const rows = new Map(
      (await this.core.reader.page({ limit: 1000, order: "asc" })).items.map((row) => [row.id, row]),
    );
    await this.checkLog();
    for (const [id, known] of this.jobs) {
      const row = rows.get(id);
      if (row === undefined) throw new Error(`${id} was acknowledged and is gone.`);
      if (known.final !== undefined && JSON.stringify(known.final) !== JSON.stringify(row))
        throw new Error(`${id} changed after its end: ${JSON.stringify([known.final, row])}`);
      if (isFinalStatus(row.status)) known.final = row;
      const ends = this.finalEvents.get(id) ?? 0;
      if (ends !== (isFinalStatus(row.status) ? 1 : 0)) throw new Error(`${id} is ${row.status} after ${ends} ends.`);
      if (known.stopAsked && !isFinalStatus(row.status) && row.status !== "STOPPING")
        throw new Error(`${id} was to stop and is ${row.status}.`);
    }
    if (rows.size !== this.jobs.size) throw new Error(`There are ${rows.size} jobs, ${this.jobs.size} were submitted.`);
    for (const agent of this.agents) {
      const onDisk = [...rows.values()].filter((row) => row.agent_id === agent.id && isActiveStatus(row.status)).length;
      const held = this.core.registry.get(agent.id)?.used ?? 0;
      if (onDisk > agent.slots || held !== onDisk)
        throw new Error(`${agent.id} holds ${held}, on disk ${onDisk}, of ${agent.slots} slots.`);
    }
  }

  /** With every agent there and well-behaved, everything comes to rest. @throws where a job is stuck. */
  async settle(): Promise<void> {
    for (const agent of this.agents) {
      agent.manners = { assign: "run", obeys: true };
      if (!agent.connected || agent.held) agent.cut(true);
    }
    for (let round = 0; round < 30; round += 1) {
      for (const agent of this.agents) {
        if (!agent.connected) agent.connect();
        await this.exchange();
        await this.drain(agent, false, null, false);
      }
      await this.pass(1000);
      await this.check();
    }
    const running = new Map(this.agents.flatMap((agent) => [...agent.running.keys()].map((id) => [id, agent.id])));
    const room = this.agents.some((agent) => agent.running.size < agent.slots);
    for (const row of (await this.core.reader.page({ limit: 1000, order: "asc" })).items) {
      const ok =
        isFinalStatus(row.status) ||
        (row.status === "RUNNING" && running.get(row.id) === row.agent_id) ||
        (row.status === "PENDING" && !room);
      if (!ok) throw new Error(`${row.id} is stuck: ${JSON.stringify(row)}, run by ${running.get(row.id)}`);
      if (isFinalStatus(row.status) && running.has(row.id)) throw new Error(`${row.id} has ended and still runs.`);
    }
  }

  async close(): Promise<void> {
    await this.core.stop();
    await this.database.store.close();
    await this.folder.remove();
  }

  /** A job that may move is never run by two at once. */
  private noDoubles(): void {
    for (const [id, { fenced }] of this.jobs) {
      if (!fenced) continue;
      const by = this.agents.filter((agent) => (agent.running.get(id)?.untilMs ?? 0) > performance.now());
      if (by.length > 1) throw new Error(`${id} runs on ${by.map((agent) => agent.id).join(" and ")}.`);
    }
  }

  private async checkLog(): Promise<void> {
    const { problems, head } = await verifyLog(this.database.store.db);
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    const filter = { rooms: null, afterSeq: this.lastSeq, limit: 100_000 };
    const events = await this.core.reader.eventsOf(filter);
    this.lastSeq = head.seq;
    for (const { jobId, type } of events) {
      if (/^job\.(stopped|failed|canceled)$|^stream\.restart_exhausted$/.test(type))
        this.finalEvents.set(jobId, (this.finalEvents.get(jobId) ?? 0) + 1);
    }
  }
}

function newJob(id: string, key: string | null, policy: JobRow["restart_policy"]): NewJobRow {
  const at = new Date().toISOString();
  return {
    ...{ id, room: "default" },
    ...{ template_id: null, inline_config: "{}", config: null, own_source: null },
    ...{ status: "PENDING", wanted_status: "RUNNING", agent_id: null, epoch: 0, restarts: 0, not_before: null },
    ...{ created_at: at, updated_at: at, started_at: null, running_since: null, ended_at: null },
    ...{
      error: null,
      reason: null,
      requested_by: null,
      idempotency_key: key,
      priority: "normal",
      placement: null,
      restart_policy: policy,
      restart_limits: null,
    },
    ...{ on_disconnect: policy === "onFailure" ? "fence" : "continue", fenced: 0, moving: 0 },
    ...{
      stream_context: null,
      stream_metadata: null,
      metadata: null,
      progress: null,
      dismissed_at: null,
      schedule: null,
    },
  } as const;
}
