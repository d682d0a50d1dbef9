import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { waitFor } from "@stream-control/test-kit";
import type { Api } from "../customers/api.js";
import { type LightRun, readJournal, runsOf } from "./journal.js";
import { Link } from "./link.js";
import { ManagedProcess } from "./managed-process.js";
import { RtmpHost } from "./rtmp-host.js";

/** An agent's process and its way to the orchestrator. */
export interface Member {
  process: ManagedProcess;
  link: Link;
  /** Ids of its agents. */
  agentIds: string[];
  folder: string;
}

export interface FleetOptions {
  /** Absolute; everything is kept below it. */
  folder: string;
  port: number;
  api: Api;
  encoders: number;
  standInProcesses: number;
  /** The environment of every process, beside its own variables. */
  env: Record<string, string>;
}

const TOKEN = "chaos-token";
const STAND_INS_PER_PROCESS = 5;
const SLOTS_PER_STAND_IN = 20;
const SLOTS_PER_ENCODER = 3;
const READY_MS = 30_000;

/**
 * Short times, so that a storm of a minute has every deadline in it many times. The lease outlasts the agents' pauses before
 * they connect again (4 s), as the default does, so that a short restart of the orchestrator costs no stream.
 */
const TIMES = {
  HEARTBEAT_INTERVAL_MS: "500",
  HEARTBEAT_TIMEOUT_MS: "2500",
  LEASE_MS: "6000",
  STOP_GRACE_MS: "3000",
  KILL_AFTER_MS: "2000",
  ASSIGN_ACK_TIMEOUT_MS: "3000",
  // No fault lasts that long: a job that may not move must not be given up.
  JOB_UNKNOWN_TIMEOUT_MS: "120000",
  MAX_RESTARTS: "1000",
  RESTART_BASE_MS: "200",
  RESTART_MAX_MS: "2000",
};

const appMain = (app: string) => fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url));

/** The journal of one life of a stand-in process. */
interface Life {
  file: string;
  stillFrom: number | undefined;
}

/** Everything that runs: orchestrator, agents, stand-ins, the RTMP server, and the links between them. */
export class Fleet {
  private readonly lives: Life[] = [];

  private constructor(
    readonly orchestrator: ManagedProcess,
    readonly rtmp: RtmpHost,
    readonly encoders: Member[],
    readonly standIns: Member[],
  ) {}

  /** Lays everything out; the RTMP server runs, the rest is to be started. */
  static async open(options: FleetOptions): Promise<Fleet> {
    const { folder, port, api, env } = options;
    const orchestrator = new ManagedProcess({
      name: "orchestrator",
      argv: () => [appMain("orchestrator")],
      env: { ...env, ...TIMES, PORT: String(port), AGENT_TOKEN: TOKEN, DATA_DIR: `${folder}/orchestrator` },
      logFile: `${folder}/orchestrator.log`,
      ready: () => waitFor(() => api.healthy(), { deadlineMs: READY_MS, what: "the orchestrator" }),
    });
    const fleet = new Fleet(orchestrator, await RtmpHost.open(), [], []);
    for (let number = 1; number <= options.encoders; number += 1)
      fleet.encoders.push(await encoder(options, `encoder-${number}`));
    for (let number = 1; number <= options.standInProcesses; number += 1)
      fleet.standIns.push(await fleet.standInProcess(options, `stand-in-${number}`));
    return fleet;
  }

  get members(): Member[] {
    return [...this.encoders, ...this.standIns];
  }

  get agentIds(): string[] {
    return this.members.flatMap(({ agentIds }) => agentIds);
  }

  /** Every run of a stand-in until now. */
  async lightRuns(): Promise<LightRun[]> {
    const runs = await Promise.all(
      this.lives.map(async ({ file, stillFrom }) => runsOf(await readJournal(file), stillFrom)),
    );
    return runs.flat();
  }

  /** Undoes every fault that is left; who then does not come back is a finding, not an error. */
  async heal(): Promise<void> {
    this.rtmp.thaw();
    await this.rtmp.start();
    for (const process of [this.orchestrator, ...this.members.map((member) => member.process)]) process.thaw();
    for (const { link } of this.members) {
      await link.allow();
      link.release();
    }
    this.orchestrator.start();
    await this.orchestrator.ready();
    for (const { process } of this.members) process.start();
  }

  /** Ends everything, agents first so that they can say goodbye. */
  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.process.stop()));
    await this.orchestrator.stop();
    for (const { link } of this.members) await link.refuse();
    await this.rtmp.kill();
  }

  /** Starts what does not run, and waits until every agent is connected. */
  async start(): Promise<void> {
    this.orchestrator.start();
    await this.orchestrator.ready();
    for (const member of this.members) member.process.start();
    await Promise.all(this.members.map((member) => member.process.ready()));
  }

  private async standInProcess({ folder, port, api, env: baseEnv }: FleetOptions, name: string): Promise<Member> {
    const link = await Link.open(port);
    const agentIds = Array.from({ length: STAND_INS_PER_PROCESS }, (_, index) => `${name}-${index + 1}`);
    const env: Record<string, string> = {
      ...baseEnv,
      ORCHESTRATOR_URL: `ws://127.0.0.1:${link.port}/agent`,
      AGENT_TOKEN: TOKEN,
      AGENT_PREFIX: name,
      AGENTS: String(STAND_INS_PER_PROCESS),
      SLOTS: String(SLOTS_PER_STAND_IN),
    };
    let life: Life | undefined;
    const process = new ManagedProcess({
      name,
      argv: () => {
        life = { file: `${folder}/${name}.${this.lives.length}.journal`, stillFrom: undefined };
        this.lives.push(life);
        env.JOURNAL = life.file;
        return [fileURLToPath(new URL("./stand-in-main.js", import.meta.url))];
      },
      env,
      logFile: `${folder}/${name}.log`,
      ready: () => connected(api, agentIds),
      onStill: (atMs) => {
        if (life !== undefined) life.stillFrom ??= atMs;
      },
      onAwake: () => {
        if (life !== undefined) life.stillFrom = undefined;
      },
    });
    return { process, link, agentIds, folder };
  }
}

async function encoder({ folder, port, api, env: baseEnv }: FleetOptions, name: string): Promise<Member> {
  const link = await Link.open(port);
  const home = `${folder}/${name}`;
  await mkdir(home, { recursive: true });
  const process = new ManagedProcess({
    name,
    argv: () => [appMain("agent")],
    env: {
      ...baseEnv,
      ORCHESTRATOR_URL: `ws://127.0.0.1:${link.port}/agent`,
      AGENT_TOKEN: TOKEN,
      AGENT_ID: name,
      DATA_DIR: home,
      OUTPUT_DIRS: `${home}/media`,
      SLOTS: String(SLOTS_PER_ENCODER),
      MAX_RESOLUTION: "720p",
    },
    logFile: `${folder}/${name}.log`,
    ready: () => connected(api, [name]),
  });
  return { process, link, agentIds: [name], folder: home };
}

/** Waits until the orchestrator has the agents; not for long, because it may be down itself. */
async function connected(api: Api, ids: readonly string[]): Promise<void> {
  await waitFor(
    async () => {
      const agents = await api.agents();
      return ids.every((id) => agents.some((agent) => agent.id === id && agent.state !== "OFFLINE"));
    },
    { deadlineMs: READY_MS, everyMs: 200, what: `${ids.join(", ")} to be connected` },
  );
}
