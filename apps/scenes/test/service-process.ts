import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { freePort, waitFor } from "@stream-control/test-kit";
import { type Answer, callService } from "./house.js";

const MAIN = join(import.meta.dirname, "../dist/main.js");

/** The built service as a process. */
export class ServiceProcess {
  private constructor(
    readonly child: ChildProcess,
    readonly port: number,
  ) {}

  static async start(env: Record<string, string>, port?: number): Promise<ServiceProcess> {
    const own = port ?? (await freePort());
    const child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, PORT: String(own), LOG_LEVEL: process.env.DEBUG_SCENES ?? "error", ...env },
      stdio: ["ignore", "inherit", "pipe"],
    });
    const service = new ServiceProcess(child, own);
    await waitFor(async () => (await fetch(`${service.url}/health`)).ok, {
      what: "the service to be well",
      deadlineMs: 30_000,
    });
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  call(method: string, path: string, body?: unknown): Promise<Answer> {
    return callService(this.url, method, path, body);
  }

  async end(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, "exit");
    this.child.kill(signal);
    await exited;
  }
}
