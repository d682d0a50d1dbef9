import { setTimeout as delay } from "node:timers/promises";
import { runnersIn, signal } from "@stream-control/test-kit";
import type { Fleet, Member } from "./fleet/fleet.js";
import type { ManagedProcess } from "./fleet/managed-process.js";
import type { Fault, FaultKind } from "./plan/faults.js";
import { pointedAt } from "./random.js";

/** A fault that ends jobs which may not be restarted: their failure is no loss then. */
export interface Harm {
  /** Unix milliseconds, until when it can have been the cause. */
  from: number;
  to: number;
  /** The agents whose jobs it may end. */
  agentIds: readonly string[];
}

/** How long after a fault a job may fail of it: stall timers, tries of a destination, an agent that comes back. */
const AFTERMATH_MS = 45_000;

/** Carries out faults, each on a victim that is not broken already, and undoes them when their time is over. */
export class Breaker {
  readonly counts = new Map<FaultKind, number>();
  readonly harms: Harm[] = [];
  private readonly broken = new Set<object>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly failures: unknown[] = [];
  private readonly over = new AbortController();

  constructor(
    private readonly fleet: Fleet,
    private readonly say: (line: string) => void,
  ) {}

  get injected(): number {
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Begins a fault; it ends by itself. */
  begin(fault: Fault): void {
    const work = this.carryOut(fault)
      .catch((thrown: unknown) => {
        this.failures.push(thrown);
      })
      .finally(() => this.underWay.delete(work));
    this.underWay.add(work);
  }

  /** Ends every fault now. @throws where one could not be carried out or undone. */
  async end(): Promise<void> {
    this.over.abort();
    await Promise.all(this.underWay);
    if (this.failures.length > 0) throw this.failures[0];
  }

  private async carryOut(fault: Fault): Promise<void> {
    const { fleet } = this;
    const { kind, victim } = fault;
    const encoder = this.victim(fleet.encoders, victim);
    switch (kind) {
      case "orchestrator.kill":
      case "orchestrator.restart":
      case "orchestrator.freeze":
        return this.onProcess(fault, this.victim([fleet.orchestrator], victim), []);
      case "agent.kill":
      case "agent.restart":
      case "agent.freeze":
        return this.onProcess(fault, encoder?.process, []);
      case "stand-ins.kill":
      case "stand-ins.freeze": {
        const member = this.victim(fleet.standIns, victim);
        // Unlike a real agent, a stand-in takes its jobs with it.
        return this.onProcess(fault, member?.process, kind === "stand-ins.kill" ? (member?.agentIds ?? []) : []);
      }
      case "machine.kill":
        return encoder === undefined ? undefined : this.killMachine(fault, encoder);
      case "link.cut":
      case "link.hold":
      case "link.refuse":
        return this.onLink(fault);
      case "runner.kill":
      case "runner.freeze":
      case "ffmpeg.kill":
      case "ffmpeg.freeze":
        return encoder === undefined ? undefined : this.onMedia(fault, encoder);
      case "rtmp.kill":
      case "rtmp.freeze":
        return this.onRtmp(fault);
    }
  }

  private async onProcess(fault: Fault, process: ManagedProcess | undefined, harmed: readonly string[]): Promise<void> {
    if (process === undefined) return;
    await this.breaking(fault, process, process.name, harmed, async () => {
      const how = fault.kind.split(".")[1];
      if (how === "freeze") process.freeze();
      else if (how === "restart") await process.stop();
      else await process.kill();
      await this.pause(fault.forMs);
      if (how === "freeze") process.thaw();
      else process.start();
    });
  }

  /** A power cut: agent, runners and ffmpegs end in one moment, and the agent alone comes back. */
  private async killMachine(fault: Fault, { process, folder, agentIds }: Member): Promise<void> {
    await this.breaking(fault, process, process.name, agentIds, async () => {
      const runners = await runnersIn(folder);
      const agentGone = process.kill();
      for (const { pid } of runners) signal(-pid, "SIGKILL");
      await agentGone;
      await this.pause(fault.forMs);
      process.start();
    });
  }

  private async onLink(fault: Fault): Promise<void> {
    const member = this.victim(this.fleet.members, fault.victim, ({ link }) => link);
    if (member === undefined) return;
    const { link, process } = member;
    await this.breaking(fault, link, `the link of ${process.name}`, [], async () => {
      if (fault.kind === "link.cut") {
        link.cut();
        return;
      }
      if (fault.kind === "link.refuse") await link.refuse();
      else link.hold();
      await this.pause(fault.forMs);
      await link.allow();
      // Half of the time what was held up still arrives, late; otherwise it is lost.
      if (fault.how < 0.5) link.cut();
      link.release();
    });
  }

  private async onMedia(fault: Fault, { folder, agentIds, process }: Member): Promise<void> {
    const runner = pointedAt(await runnersIn(folder), fault.how);
    const pid = fault.kind.startsWith("runner") ? runner?.pid : pointedAt(runner?.children ?? [], (fault.how * 7) % 1);
    if (pid === undefined) return;
    await this.breaking(fault, process, `${fault.kind.split(".")[0]} ${pid} of ${process.name}`, agentIds, async () => {
      if (fault.kind.endsWith("kill")) {
        signal(pid, "SIGKILL");
        return;
      }
      signal(pid, "SIGSTOP");
      await this.pause(fault.forMs);
      signal(pid, "SIGCONT");
    });
  }

  private async onRtmp(fault: Fault): Promise<void> {
    const { rtmp, encoders } = this.fleet;
    const harmed = encoders.flatMap(({ agentIds }) => agentIds);
    if (this.broken.has(rtmp)) return;
    await this.breaking(fault, rtmp, "the RTMP server", harmed, async () => {
      if (fault.kind === "rtmp.freeze") rtmp.freeze();
      else await rtmp.kill();
      await this.pause(fault.forMs);
      if (fault.kind === "rtmp.freeze") rtmp.thaw();
      else await rtmp.start();
    });
  }

  private async breaking(
    fault: Fault,
    thing: object,
    name: string,
    agentIds: readonly string[],
    work: () => Promise<void>,
  ): Promise<void> {
    this.counts.set(fault.kind, (this.counts.get(fault.kind) ?? 0) + 1);
    this.say(`${(fault.atMs / 1000).toFixed(1)} s ${fault.kind}: ${name}, ${Math.round(fault.forMs)} ms`);
    const from = Date.now();
    this.broken.add(thing);
    try {
      await work();
    } finally {
      this.broken.delete(thing);
      if (agentIds.length > 0) this.harms.push({ agentIds, from, to: Date.now() + AFTERMATH_MS });
    }
  }

  /** One of those that are whole. */
  private victim<T extends object>(
    candidates: readonly T[],
    at: number,
    partOf: (candidate: T) => object = processOf,
  ): T | undefined {
    return pointedAt(
      candidates.filter((candidate) => !this.broken.has(partOf(candidate))),
      at,
    );
  }

  private async pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.over.signal }).catch(() => undefined);
  }
}

/** What is broken of a thing: its process, where it has one. */
function processOf(thing: object): object {
  return "process" in thing ? (thing.process as object) : thing;
}
