import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OrchestratorDouble } from "@stream-control/agent-sdk/testing";
import { type Logger, silentLogger } from "@stream-control/service-kit";
import { endGroup, type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { PROTOCOLS } from "../src/config.js";
import { EncoderAgent, type EncoderAgentOptions } from "../src/encoder-agent.js";

type DoubleOptions = Parameters<typeof OrchestratorDouble.listen>[0];

export interface StartOptions {
  stopJobsOnExit?: boolean;
  runnersDir?: string;
  bootId?: () => Promise<string | undefined>;
  connection?: Partial<EncoderAgentOptions["connection"]>;
  logger?: Logger;
  reach?: EncoderAgentOptions["reach"];
}

/** Agents in this process, with runners that follow a script in processes of their own, and an orchestrator to play with. */
export class AgentKit {
  readonly agents: EncoderAgent[] = [];

  private constructor(
    readonly double: OrchestratorDouble,
    readonly base: TemporaryFolder,
  ) {}

  static async open(options: DoubleOptions = {}): Promise<AgentKit> {
    const timings = { stopGraceMs: 200, killAfterMs: 100, ...options.timings };
    return new AgentKit(await OrchestratorDouble.listen({ ...options, timings }), await temporaryFolder());
  }

  async close(): Promise<void> {
    for (const agent of this.agents.splice(0)) await agent.stop();
    // Whatever a failed test left running.
    for (const pid of await this.runnerPids()) endGroup(pid);
    await this.double.close();
    await this.base.remove();
  }

  get runnersDir(): string {
    return join(this.base.path, "runners");
  }

  get media(): string {
    return join(this.base.path, "media");
  }

  folders(): Promise<string[]> {
    return readdir(this.runnersDir).catch(() => []);
  }

  async runnerPids(): Promise<number[]> {
    const texts = await Promise.all(
      (await this.folders()).map((name) => readFile(join(this.runnersDir, name, "pid"), "utf8").catch(() => "")),
    );
    return texts.filter((text) => text !== "").map(Number);
  }

  /** What the runners were told, in the order of their reading. */
  async commands(): Promise<{ jobId: string; type: string; [field: string]: unknown }[]> {
    const text = await readFile(join(this.base.path, "commands.jsonl"), "utf8").catch(() => "");
    return text
      .trim()
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  }

  make({ stopJobsOnExit = false, runnersDir = this.runnersDir, bootId, connection, logger, reach }: StartOptions = {}) {
    const agent = new EncoderAgent({
      connection: {
        url: this.double.url,
        token: "t",
        agentId: "agent-1",
        name: "Agent",
        version: "1.0.0",
        capabilities: { slots: 4 },
        reconnect: { spreadMs: 20, baseMs: 20, maxMs: 100 },
        ...connection,
      },
      runners: {
        runnersDir,
        tmpdir: this.base.path,
        launch: {
          execPath: process.execPath,
          runnerMain: join(import.meta.dirname, "fixtures/scripted-runner.mjs"),
          env: { ONLY: "this" },
        },
        waits: { unreachableMs: 3000, replyMs: 3000, overdueMs: 200 },
        ...(bootId === undefined ? {} : { bootId }),
      },
      limits: {
        outputDirs: [this.media],
        inputDirs: [this.media],
        allowedProtocols: PROTOCOLS.filter((protocol) => protocol !== "srt"),
        maxResolution: undefined,
        drawsText: true,
        encoders: [{ name: "libx264", works: true }],
      },
      renders: { store: { kind: "folder", root: this.media } },
      reach: reach ?? { networks: ["public", "private", "loopback"] },
      ffmpegPath: "ffmpeg",
      ffprobePath: "ffprobe",
      probeDir: join(this.base.path, "probe"),
      stopJobsOnExit,
      previews: true,
      logger: logger ?? silentLogger(),
    });
    this.agents.push(agent);
    return agent;
  }

  async started(options: StartOptions = {}) {
    await mkdir(this.media, { recursive: true });
    const agent = this.make(options);
    const since = this.double.received.length;
    await agent.start();
    const hello = await this.double.next("agent.hello", () => true, { since });
    return { agent, hello: hello.payload, since };
  }

  /** Assigns a job, waits until it runs, and gives the process id of its runner. */
  async running(jobId: string, fields: Parameters<OrchestratorDouble["assign"]>[1] = {}): Promise<number> {
    const since = this.double.received.length;
    const known = await this.runnerPids();
    this.double.assign(jobId, { config: { streamUrl: "test:" }, ...fields });
    const ack = await this.double.next("agent.assign.ack", (payload) => payload.jobId === jobId, { since });
    if (!ack.payload.accepted) throw new Error(`The job was declined: ${ack.payload.reason}`);
    const isUp = (payload: { jobId: string; status: string }) =>
      payload.jobId === jobId && payload.status === "RUNNING";
    await this.double.next("agent.job.update", isUp, { since });
    const [pid] = (await this.runnerPids()).filter((other) => !known.includes(other));
    if (pid === undefined) throw new Error("The job has no runner.");
    return pid;
  }
}
