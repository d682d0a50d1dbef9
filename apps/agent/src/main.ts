import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLogger, runService } from "@stream-control/service-kit";
import { processConfig } from "./config.js";
import { EncoderAgent } from "./encoder-agent.js";
import { stableAgentId } from "./identity.js";
import { probeMachine } from "./probe.js";
import { ownVersion } from "./version.js";

await runService(
  async () => {
    const config = processConfig();
    const logger = createLogger({ name: "agent", level: config.logLevel });
    const { version, encoders } = await probeMachine(config, process.platform);
    const working = encoders.filter(({ works }) => works).map(({ name }) => name);
    for (const folder of config.outputDirs) await mkdir(folder, { recursive: true });

    const agent = new EncoderAgent({
      connection: {
        url: config.orchestratorUrl,
        token: config.token,
        agentId: config.agentId ?? (await stableAgentId(config.dataDir)),
        name: config.name,
        version: await ownVersion(),
        capabilities: {
          slots: config.slots,
          ...(config.maxResolution === undefined ? {} : { maxResolution: config.maxResolution }),
          videoEncoders: working,
          protocols: [...config.allowedProtocols],
          ffmpegVersion: version,
        },
        drain: config.drain,
      },
      runners: {
        runnersDir: join(config.dataDir, "runners"),
        tmpdir: config.tmpdir,
        launch: {
          execPath: process.execPath,
          runnerMain: fileURLToPath(new URL("./runner/runner-main.js", import.meta.url)),
          env: config.childEnv,
        },
      },
      limits: { ...config, encoders },
      ffmpegPath: config.ffmpegPath,
      ffprobePath: config.ffprobePath,
      stopJobsOnExit: config.stopJobsOnExit,
      logger,
    });
    process.once("exit", () => agent.killJobs());
    logger.info({ ffmpeg: version, encoders: working, slots: config.slots }, "starting");
    await agent.start();
    return agent;
  },
  createLogger({ name: "agent" }),
);
