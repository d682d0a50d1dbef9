import { appendFileSync } from "node:fs";
import { createLogger, envVar, readConfig, runService } from "@stream-control/service-kit";
import { z } from "zod";
import { StandIn } from "./fleet/stand-in.js";

const variables = z.object({
  ORCHESTRATOR_URL: z.string(),
  AGENT_TOKEN: z.string(),
  /** Its agents are called by this and a number. */
  AGENT_PREFIX: z.string(),
  AGENTS: envVar.int({ min: 1, max: 1000 }),
  SLOTS: envVar.int({ min: 1, max: 1000 }),
  JOURNAL: z.string(),
});

// Several stand-ins in one process, so that one kill takes all of them.
await runService(
  async () => {
    const config = readConfig(variables, process.env);
    const logger = createLogger({ name: config.AGENT_PREFIX, level: "info" });
    const agents = Array.from(
      { length: config.AGENTS },
      (_, index) =>
        new StandIn({
          connection: {
            ...{ url: config.ORCHESTRATOR_URL, token: config.AGENT_TOKEN, logger },
            agentId: `${config.AGENT_PREFIX}-${index + 1}`,
          },
          slots: config.SLOTS,
          write: (line) => appendFileSync(config.JOURNAL, `${JSON.stringify(line)}\n`),
        }),
    );
    for (const agent of agents) agent.start();
    return {
      stop: async () => {
        await Promise.all(agents.map((agent) => agent.close()));
      },
    };
  },
  createLogger({ name: "stand-ins" }),
);
