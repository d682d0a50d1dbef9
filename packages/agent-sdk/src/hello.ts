import {
  type AgentCapabilities,
  type AgentPayloadInput,
  agentMessagePayloads,
  describeIssues,
  PROTOCOL_VERSION,
  parseWith,
} from "@stream-control/protocol";
import type { Credentials } from "./credentials.js";
import { featuresOf } from "./features.js";
import type { JobTable } from "./job-table.js";
import type { AgentOptions } from "./types.js";

/** What the agent says of itself at the beginning of each connection. */
export class Hello {
  draining: boolean;
  /** Jobs that it takes at once. */
  readonly slots: number;
  private capabilities: Partial<AgentCapabilities>;

  /** @throws TypeError where something that it would say is wrong, naming the field. */
  constructor(
    private readonly options: AgentOptions,
    private readonly jobs: JobTable,
  ) {
    this.draining = options.drain ?? false;
    this.capabilities = options.capabilities ?? {};
    const token = typeof options.token === "string" ? options.token : "asked for later";
    const parsed = parseWith(agentMessagePayloads["agent.hello"], this.payload({ token }));
    if (!parsed.ok) throw new TypeError(`The agent's options are wrong: ${describeIssues(parsed.issues)}.`);
    this.slots = parsed.value.capabilities.slots;
  }

  setCapabilities(capabilities: Omit<Partial<AgentCapabilities>, "slots">): void {
    this.capabilities = { ...this.capabilities, ...capabilities };
  }

  payload({ token }: Pick<Credentials, "token">): AgentPayloadInput<"agent.hello"> {
    const { agentId, name, version, meta, room, handlers, kinds = [] } = this.options;
    const activeJobs = this.jobs.activeJobs();
    return {
      ...{ agentId, name, version, auth: { token }, protocolVersion: PROTOCOL_VERSION },
      capabilities: { slots: 1, features: [...featuresOf(handlers), ...kinds], ...this.capabilities },
      ...(meta === undefined ? {} : { meta }),
      ...(room === undefined ? {} : { room }),
      ...{ drain: this.draining, activeJob: activeJobs[0] ?? null, activeJobs },
    };
  }
}
