import { statfs } from "node:fs/promises";
import {
  type CircuitBreaker,
  HEALTH_STATUSES,
  type HealthComponent,
  type HealthReply,
  type HealthStatus,
  RENDERS_FEATURE,
  type ReadyReply,
} from "@stream-control/protocol";
import { toError } from "@stream-control/service-kit";
import type { AgentRegistry } from "../agents/registry.js";

export interface HealthDeps {
  /** Rejects where the database cannot be read. */
  checkStore: () => Promise<void>;
  /** What lies on disk, by a name for people. */
  folders: Readonly<Record<string, string>>;
  /** Asks the store of results; undefined where nothing can be fetched from anywhere. */
  checkResults: (() => Promise<void>) | undefined;
  registry: AgentRegistry;
  breakers: () => CircuitBreaker[];
  version: string;
  now: () => Date;
}

const MIB = 1024 * 1024;
/** Free space below which a disk is a worry, and below which nothing can be promised any more. */
const FREE_MIB = { low: 1024, none: 64 } as const;

/**
 * How the service and what it needs fare. Looks are made now and then and kept, so that a probe of a platform costs nothing and
 * cannot be used to load a disk or a bucket.
 */
export class Health {
  private readonly startedMs: number;
  private looked: HealthComponent[] = [];
  private looking: Promise<void> | undefined;
  private isStopping = false;

  constructor(private readonly deps: HealthDeps) {
    this.startedMs = deps.now().getTime();
  }

  /** Looks at everything; whoever asks meanwhile is given the same look. Never rejects. */
  look(): Promise<void> {
    this.looking ??= this.lookAtAll().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  /** It takes no more work. */
  stopping(): void {
    this.isStopping = true;
  }

  /** @param isInsider whether the figures may be told, and which calls are refused. */
  reply(isInsider: boolean): HealthReply {
    const { now, version, breakers } = this.deps;
    const all = this.components();
    const overall = worst(all.map(({ status }) => status));
    const trouble = all.filter(({ status }) => status !== "healthy").map(({ component }) => component);
    return {
      ...{ status: overall, timestamp: now().toISOString(), version },
      uptime: Math.round((now().getTime() - this.startedMs) / 1000),
      health: {
        overall,
        components: isInsider ? all : all.map(({ component, status }) => ({ component, status, message: status })),
        summary: trouble.length === 0 ? "Everything is well." : `Look at: ${trouble.join(", ")}.`,
      },
      ...(isInsider ? { circuitBreakers: breakers() } : {}),
    };
  }

  /** Whether it can take work: without agents it can, since they come to it. */
  ready(): ReadyReply {
    const broken = this.components().filter(({ status }) => status === "unhealthy");
    const reasons = [
      ...(this.isStopping ? ["The service stops."] : []),
      ...broken.map(({ component }) => `${component} is unhealthy.`),
    ];
    const ready = reasons.length === 0;
    return { ready, status: ready ? "ready" : "not_ready", timestamp: this.deps.now().toISOString(), reasons };
  }

  private components(): HealthComponent[] {
    return [...this.looked, this.agents(), this.circuitBreakers()];
  }

  private async lookAtAll(): Promise<void> {
    const { folders, checkStore, checkResults } = this.deps;
    const disks = Object.entries(folders).map(([name, folder]) => disk(name, folder));
    const results =
      checkResults === undefined
        ? []
        : [checked("results", "degraded", "Results can be fetched.", "Results cannot be fetched", checkResults)];
    this.looked = await Promise.all([
      checked("store", "unhealthy", "The database answers.", "The database does not answer", checkStore),
      ...disks,
      ...results,
    ]);
  }

  private agents(): HealthComponent {
    const all = [...this.deps.registry.all()];
    const there = all.filter(({ connected }) => connected);
    const able = there.filter(({ faulty, draining }) => !faulty && !draining);
    const rendering = able.filter((agent) => agent.knows(RENDERS_FEATURE));
    const message = `${there.length} of ${all.length} agents are connected, ${able.length} take jobs, ${rendering.length} of them renders.`;
    return { component: "agents", status: able.length > 0 ? "healthy" : "degraded", message };
  }

  private circuitBreakers(): HealthComponent {
    const open = this.deps.breakers().filter(({ state }) => state !== "closed");
    return {
      component: "circuit_breakers",
      status: open.length === 0 ? "healthy" : "degraded",
      message: open.length === 0 ? "All are closed." : `Open: ${open.map(({ name }) => name).join(", ")}.`,
    };
  }
}

const worst = (statuses: readonly HealthStatus[]): HealthStatus =>
  HEALTH_STATUSES[Math.max(0, ...statuses.map((status) => HEALTH_STATUSES.indexOf(status)))] ?? "healthy";

async function checked(
  component: string,
  broken: HealthStatus,
  well: string,
  ill: string,
  check: () => Promise<void>,
): Promise<HealthComponent> {
  try {
    await check();
    return { component, status: "healthy", message: well };
  } catch (thrown) {
    return { component, status: broken, message: `${ill}: ${toError(thrown).message}` };
  }
}

async function disk(name: string, folder: string): Promise<HealthComponent> {
  const component = `disk_${name}`;
  try {
    const { bavail, bsize } = await statfs(folder);
    const free = Math.floor((bavail * bsize) / MIB);
    const status = free < FREE_MIB.none ? "unhealthy" : free < FREE_MIB.low ? "degraded" : "healthy";
    return { component, status, message: `${free} MiB are free.` };
  } catch (thrown) {
    const code = toError(thrown).message.split(":")[0] ?? "";
    return { component, status: "degraded", message: `Its free space cannot be told (${code}).` };
  }
}
