import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A process of the product under measurement, with a data folder of its own. */
export interface Service {
  port: number;
  dataDir: string;
  child: ChildProcess;
  /** Ends it in order and removes its data folder. */
  stop(): Promise<void>;
  /** Ends it by SIGKILL; its data folder stays for the next one. */
  kill(): Promise<void>;
}

/**
 * Starts the built orchestrator on a free port and waits until it answers.
 *
 * @param earlier takes the place of that one, which was killed.
 */
export async function startOrchestrator(env: Record<string, string> = {}, earlier?: Service): Promise<Service> {
  const dataDir = earlier?.dataDir ?? (await mkdtemp(join(tmpdir(), "sc-bench-")));
  const port = earlier?.port ?? (await freePort());
  const child = spawnApp("orchestrator", { PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: "error", ...env });
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok, 20_000);
  return { port, dataDir, child, stop: () => stopApp(child, dataDir), kill: () => killApp(child) };
}

/** How an agent is started beside its variables. */
export interface AgentStart {
  /** Takes the place of that one, which was killed. */
  earlier?: Service | undefined;
  /** A program that starts it, with its arguments. */
  launcher?: readonly string[];
}

/** Starts the built agent against an orchestrator and waits until it is connected. */
export async function startAgent(
  port: number,
  env: Record<string, string> = {},
  { earlier, launcher = [] }: AgentStart = {},
): Promise<Service> {
  const dataDir = earlier?.dataDir ?? (await mkdtemp(join(tmpdir(), "sc-bench-")));
  const id = env.AGENT_ID ?? "bench";
  const variables = {
    ...{ ORCHESTRATOR_URL: `ws://127.0.0.1:${port}/agent`, DATA_DIR: dataDir, AGENT_ID: id },
    ...{ STOP_JOBS_ON_EXIT: "true", LOG_LEVEL: "error", ...env },
  };
  const child = spawnApp("agent", variables, launcher);
  await waitUntil(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/v1/agents/${id}`);
    return response.ok && ((await response.json()) as { state: string }).state !== "OFFLINE";
  }, 60_000);
  return { port, dataDir, child, stop: () => stopApp(child, dataDir), kill: () => killApp(child) };
}

/** Starts the built service of scene timelines on a free port, without NATS, and waits until it answers. */
export async function startScenes(env: Record<string, string> = {}): Promise<Service> {
  const dataDir = await mkdtemp(join(tmpdir(), "sc-bench-"));
  const port = await freePort();
  const child = spawnApp("scenes", { PORT: String(port), DATA_DIR: dataDir, LOG_LEVEL: "error", ...env });
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok, 20_000);
  return { port, dataDir, child, stop: () => stopApp(child, dataDir), kill: () => killApp(child) };
}

/** Starts the built service of livestreams on free ports, with SQLite and no broker, and waits until it answers. */
export async function startLivestream(env: Record<string, string>): Promise<{ service: Service; grpcPort: number }> {
  const dataDir = await mkdtemp(join(tmpdir(), "sc-bench-"));
  const [port, grpcPort] = [await freePort(), await freePort()];
  const ports = { PORT: String(port), GRPC_PORT: String(grpcPort) };
  const child = spawnApp("livestream", { ...ports, DATA_DIR: dataDir, LOG_LEVEL: "error", ...env });
  await waitUntil(async () => (await fetch(`http://127.0.0.1:${port}/health`)).ok, 20_000);
  const service = { port, dataDir, child, stop: () => stopApp(child, dataDir), kill: () => killApp(child) };
  return { service, grpcPort };
}

function spawnApp(
  app: "orchestrator" | "agent" | "scenes" | "livestream",
  env: Record<string, string>,
  launcher: readonly string[] = [],
): ChildProcess {
  const main = fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url));
  const [program = process.execPath, ...args] = [...launcher, process.execPath, main];
  return spawn(program, args, {
    env: { PATH: process.env.PATH, ...env },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

async function stopApp(child: ChildProcess, dataDir: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
    await exited;
    clearTimeout(timer);
  }
  await rm(dataDir, { recursive: true, force: true });
}

async function killApp(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

/** Tries until the condition holds; failures of the condition count as "not yet". */
export async function waitUntil(condition: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > deadline) throw new Error("What the benchmark waits for did not happen in time.");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("The system gave no port.");
  return address.port;
}

/** Clock ticks per second of /proc/PID/stat, as Linux has them on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Memory in MiB and processor time in seconds that a process has used (Linux). */
export async function usageOf(pid: number): Promise<{ rssMiB: number; cpuSeconds: number }> {
  const [status, stat] = await Promise.all([
    readFile(`/proc/${pid}/status`, "utf8"),
    readFile(`/proc/${pid}/stat`, "utf8"),
  ]);
  const rssKiB = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { rssMiB: rssKiB / 1024, cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
}
