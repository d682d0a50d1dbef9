import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLogger, type Logger, runService, toError } from "@stream-control/service-kit";
import { type AgentConfig, processConfig } from "./config.js";
import { connectionCredentials } from "./credentials.js";
import { fileProblem } from "./data-dir/file-problem.js";
import { openDataDir, writeProblem } from "./data-dir/open.js";
import { EncoderAgent } from "./encoder-agent.js";
import { stableAgentId } from "./identity.js";
import { MachineLoad } from "./machine-load.js";
import { probeMachine, rememberedMachine } from "./probe.js";
import { ownVersion } from "./version.js";

await runService(
  async () => {
    const config = processConfig();
    const logger = createLogger({ name: "agent", level: config.logLevel });
    const lock = await openDataDir(config.dataDir, config.tmpdir);
    const agent = await makeAgent(config, logger);
    process.once("exit", () => agent.killJobs());

    const remembered = await rememberedMachine(config);
    const probing = probeMachine(config, process.platform);
    // Where it fails, `start` or what follows it says so.
    probing.catch(() => undefined);
    // What ffmpeg could do last time is believed at first, so that the streams of an earlier agent need not wait for it.
    await agent.start(remembered === undefined ? probing : Promise.resolve(remembered));
    probing.then(
      (machine) => {
        agent.useMachine(machine);
        const encoders = machine.encoders.filter(({ works }) => works).map(({ name }) => name);
        logger.info({ ffmpeg: machine.version, encoders, slots: config.slots }, "ready for jobs");
      },
      (thrown: unknown) => {
        agent.declineAll(toError(thrown).message);
        logger.error({ err: toError(thrown) }, "jobs are declined until the agent is started with a working ffmpeg");
      },
    );
    const problem = await writeProblem(config.dataDir);
    if (problem !== undefined) logger.error({ dataDir: config.dataDir }, problem);
    await makeFolders(config.outputDirs, logger);
    return {
      async stop() {
        await agent.stop();
        await lock.release();
      },
    };
  },
  createLogger({ name: "agent" }),
);

async function makeAgent(config: AgentConfig, logger: Logger): Promise<EncoderAgent> {
  const load = new MachineLoad([...new Set([config.dataDir, ...config.outputDirs])]);
  return new EncoderAgent({
    connection: {
      url: config.orchestratorUrl,
      ...connectionCredentials(config.credentials),
      agentId: config.agentId ?? (await stableAgentId(config.dataDir)),
      name: config.name,
      room: config.room,
      version: await ownVersion(),
      capabilities: {
        slots: config.slots,
        ...(config.maxResolution === undefined ? {} : { maxResolution: config.maxResolution }),
        protocols: [...config.allowedProtocols],
      },
      drain: config.drain,
      load: () => load.measure(),
    },
    runners: {
      runnersDir: join(config.dataDir, "runners"),
      tmpdir: config.tmpdir,
      launch: {
        execPath: process.execPath,
        runnerMain: fileURLToPath(new URL("./runner/runner-main.js", import.meta.url)),
        env: config.runnerEnv,
      },
    },
    limits: { ...config, encoders: [], drawsText: false },
    renders: config.renders,
    reach: config.reach,
    ffmpegPath: config.ffmpegPath,
    ffprobePath: config.ffprobePath,
    probeDir: join(config.dataDir, "probe"),
    stopJobsOnExit: config.stopJobsOnExit,
    previews: config.previews,
    logger,
  });
}

/** A job that writes there makes its folder itself and is declined where it can't; this is for the operator's eyes. */
async function makeFolders(folders: readonly string[], logger: Logger): Promise<void> {
  for (const folder of folders)
    await mkdir(folder, { recursive: true }).catch((thrown: unknown) =>
      logger.error({ folder, problem: fileProblem(thrown) }, "an output folder could not be made"),
    );
}
