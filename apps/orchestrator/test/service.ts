import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { keepLog, waitFor } from "@stream-control/test-kit";
import { call } from "./house.js";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** Runs a command of the service to its end. */
export async function runMain(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH, ...env }, stdio: "pipe" });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output };
}

/** The built service as a process of its own, configured by its environment alone. */
export class Service implements AsyncDisposable {
  output = "";
  /** Exit code and signal, once it has ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(
    private readonly child: ChildProcess,
    readonly port: number,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    this.ended = once(child, "close").then(([code, signal]) => ({ code, signal }));
  }

  /** Starts the process without waiting for anything. `wrapper` is a command that runs the one after it in its own place. */
  static spawn(env: Record<string, string>, wrapper: readonly string[] = []): Service {
    const [command = process.execPath, ...args] = [...wrapper, process.execPath, MAIN];
    const child = spawn(command, args, {
      env: { PATH: process.env.PATH, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    return new Service(child, Number(env.PORT));
  }

  /** Starts the process and waits until it answers. */
  static async start(env: Record<string, string>, wrapper: readonly string[] = []): Promise<Service> {
    const service = Service.spawn(env, wrapper);
    const died = service.ended.then(({ code }) => {
      throw new Error(`The service ended with ${code}: ${service.output}`);
    });
    died.catch(() => undefined);
    await Promise.race([waitFor(async () => (await call(service.url, "GET", "/healthz")).status === 200), died]);
    return service;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.ended;
    keepLog("orchestrator", this.output);
  }
}
