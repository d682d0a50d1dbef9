import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";

export interface ProcessPlan {
  name: string;
  /** The script and its arguments; a function, where they differ from start to start. */
  argv: () => string[];
  env: Record<string, string>;
  logFile: string;
  /** Resolves when it can be worked with. */
  ready: () => Promise<unknown>;
  /** Called when it was killed or frozen, with the moment (Unix milliseconds) from which it can do nothing more. */
  onStill?: (atMs: number) => void;
  /** Called before it goes on after a freeze. */
  onAwake?: () => void;
}

/** How long a process that was asked to end may take until it is killed. */
const END_MS = 15_000;

/** A Node process that is started, killed, frozen and started again. */
export class ManagedProcess {
  private child: ChildProcess | undefined;
  private frozen = false;

  constructor(private readonly plan: ProcessPlan) {}

  get name(): string {
    return this.plan.name;
  }

  /** @returns undefined while it is down. */
  get pid(): number | undefined {
    return this.isUp ? this.child?.pid : undefined;
  }

  private get isUp(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Starts it unless it runs. */
  start(): void {
    if (this.isUp) return;
    const log = openSync(this.plan.logFile, "a");
    this.child = spawn(process.execPath, ["--enable-source-maps", ...this.plan.argv()], {
      env: this.plan.env,
      stdio: ["ignore", log, log],
    });
    closeSync(log);
    this.frozen = false;
  }

  /** Resolves when it can be worked with. */
  async ready(): Promise<void> {
    await this.plan.ready();
  }

  async kill(): Promise<void> {
    await this.end("SIGKILL");
    this.plan.onStill?.(Date.now());
  }

  /** Asks it to end, and kills it where it does not. */
  async stop(): Promise<void> {
    this.thaw();
    const timer = setTimeout(() => this.child?.kill("SIGKILL"), END_MS);
    await this.end("SIGTERM");
    clearTimeout(timer);
    this.plan.onStill?.(Date.now());
  }

  freeze(): void {
    if (!this.isUp || this.child === undefined) return;
    this.frozen = this.child.kill("SIGSTOP");
    this.plan.onStill?.(Date.now());
  }

  thaw(): void {
    if (!this.frozen) return;
    this.frozen = false;
    if (!this.isUp) return;
    this.plan.onAwake?.();
    this.child?.kill("SIGCONT");
  }

  private async end(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (child === undefined || !this.isUp) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}
