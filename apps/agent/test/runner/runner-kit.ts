import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { type StreamConfigInput, streamConfigSchema } from "@stream-control/protocol";
import {
  argumentsOf,
  childrenOf,
  ffmpeg,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import {
  RESULT_FILE,
  type RunnerEvent,
  type RunnerResult,
  type RunnerSpec,
  runnerEventSchema,
  runnerResultSchema,
  SPEC_FILE,
} from "../../src/runner/contract.js";

type EventOf<T extends RunnerEvent["type"]> = Extract<RunnerEvent, { type: T }>;

/** A client of a runner's socket that remembers everything it was told. */
export class RunnerClient {
  readonly events: RunnerEvent[] = [];
  closed = false;
  private ids = 0;

  private constructor(private readonly socket: Socket) {
    let rest = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      this.events.push(...lines.map((line) => runnerEventSchema.parse(JSON.parse(line))));
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
    });
  }

  static async connect(path: string): Promise<RunnerClient> {
    const socket = await waitFor(async () => {
      const candidate = connect(path);
      await once(candidate, "connect");
      return candidate;
    });
    return new RunnerClient(socket);
  }

  all<T extends RunnerEvent["type"]>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** The first event of a type that the condition likes, past or to come. */
  event<T extends RunnerEvent["type"]>(
    type: T,
    condition: (event: EventOf<T>) => boolean = () => true,
    deadlineMs = 20_000,
  ) {
    return waitFor(() => this.all(type).find(condition), { what: `a ${type} event`, deadlineMs });
  }

  async command(command: Record<string, unknown>): Promise<EventOf<"reply">> {
    this.ids += 1;
    const id = String(this.ids);
    this.socket.write(`${JSON.stringify({ id, ...command })}\n`);
    return this.event("reply", (reply) => reply.id === id);
  }

  raw(text: string): void {
    this.socket.write(text);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** A runner that was started as the agent would start it. */
export class TestRunner {
  readonly clients: RunnerClient[] = [];

  private constructor(
    readonly folder: TemporaryFolder,
    readonly spec: RunnerSpec,
    readonly process: ChildProcess,
  ) {}

  static async start(config: StreamConfigInput, overrides: Partial<RunnerSpec> = {}, folder?: TemporaryFolder) {
    const own = folder ?? (await temporaryFolder());
    const spec: RunnerSpec = {
      ...{ jobId: "job-1", epoch: 1, videoEncoder: "libx264", muted: false, paused: false },
      reach: { networks: ["public", "private", "loopback"] },
      ...{ ffmpegPath: "/usr/bin/ffmpeg", ffprobePath: "/usr/bin/ffprobe" },
      ...{ socketPath: own.file("s.sock"), stopGraceMs: 8000, killAfterMs: 4000 },
      config: streamConfigSchema.parse(config),
      ...overrides,
    };
    await writeFile(own.file(SPEC_FILE), JSON.stringify(spec), { mode: 0o600 });
    const main = fileURLToPath(new URL("../../dist/runner/runner-main.js", import.meta.url));
    const child = spawn(process.execPath, [main, own.path], { stdio: "ignore", detached: true });
    return new TestRunner(own, spec, child);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  async client(): Promise<RunnerClient> {
    const client = await RunnerClient.connect(this.spec.socketPath);
    this.clients.push(client);
    return client;
  }

  /** Waits for the process to end. @returns its result. */
  async result(deadlineMs = 30_000): Promise<RunnerResult> {
    await waitFor(() => this.process.exitCode !== null || this.process.signalCode !== null, {
      what: "the runner to end",
      deadlineMs,
    });
    return runnerResultSchema.parse(JSON.parse(await readFile(this.folder.file(RESULT_FILE), "utf8")));
  }

  /** Ends what is left. */
  async dispose(): Promise<void> {
    for (const client of this.clients) client.close();
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const exited = once(this.process, "exit");
      this.process.kill("SIGTERM");
      const timer = setTimeout(() => this.process.kill("SIGKILL"), 15_000);
      await exited;
      clearTimeout(timer);
    }
    await this.folder.remove();
  }
}

/** The runner's encoders and senders: all of its processes but the one that looks at the output. */
export async function workersOf(runnerPid: number): Promise<number[]> {
  const pids = (await childrenOf(runnerPid)).sort((a, b) => a - b);
  const commands = await Promise.all(pids.map(argumentsOf));
  return pids.filter((_, index) => commands[index]?.includes("image2pipe") === false);
}

/** A small picture, so that many encoders fit on a small machine. */
export const SMALL = { width: 320, height: 180, fps: 25, bitrateKbps: 400, gopSeconds: 1 } as const;

/** What has to be ended after a test. */
export type Ends = (() => Promise<void>)[];

/** An ffmpeg that pushes a red picture to an address, again and again until somebody takes it; at another rate, if asked. */
export function camera(ends: Ends, url: string, rate = 1) {
  const paced = ["-readrate", String(rate)];
  let over = false;
  let child: ChildProcess | undefined;
  const runAgain = async () => {
    while (!over) {
      child = spawn(
        "ffmpeg",
        [
          ...[
            "-v",
            "error",
            ...paced,
            "-f",
            "lavfi",
            "-i",
            "color=c=red:s=320x180:r=25",
            ...paced,
            "-f",
            "lavfi",
            "-i",
            "sine",
          ],
          ...["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-pix_fmt", "yuv420p"],
          ...["-c:a", "aac", "-f", url.startsWith("srt") ? "mpegts" : "flv", url],
        ],
        { stdio: "ignore" },
      );
      await once(child, "exit");
    }
  };
  const running = runAgain();
  const end = async () => {
    over = true;
    child?.kill("SIGKILL");
    await running;
  };
  ends.push(end);
  return { end, signal: (signal: NodeJS.Signals) => child?.kill(signal) };
}

/** Records what an RTMP server sends, until it is told to end. */
export function record(ends: Ends, url: string, file: string): () => Promise<void> {
  const child = spawn(
    "ffmpeg",
    ["-v", "error", "-y", "-rw_timeout", "30000000", "-i", url, "-c", "copy", "-flush_packets", "1", file],
    { stdio: ["pipe", "ignore", "inherit"] },
  );
  const exited = once(child, "exit");
  const end = async () => {
    if (child.exitCode === null) child.stdin?.write("q");
    const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
    await exited;
    clearTimeout(timer);
  };
  ends.push(end);
  return end;
}

/** What a decoder complains about. */
export async function complaints(file: string): Promise<string[]> {
  const { stderr } = await ffmpeg(["-v", "warning", "-xerror", "-i", file, "-f", "null", "-"]);
  return stderr.split("\n").filter((line) => line.trim() !== "");
}

/** Whether an event tells that this is on air now. */
export const onAir = (seen: string) => (event: RunnerEvent) =>
  event.type === "event" && event.event === "stream.on_air" && event.data?.onAir === seen;
