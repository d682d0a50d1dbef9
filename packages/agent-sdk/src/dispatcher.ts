import { Assigning } from "./assigning.js";
import { Commands } from "./commands.js";
import { type AgentContext, inBackground } from "./context.js";
import type { OrchestratorMessageIn } from "./link.js";
import { Probes } from "./probes.js";

/** Brings the orchestrator's messages to whoever answers them. Never throws. */
export class Dispatcher {
  private readonly assigning: Assigning;
  private readonly commands: Commands;
  private readonly probes: Probes;

  constructor(private readonly context: AgentContext) {
    this.assigning = new Assigning(context);
    this.commands = new Commands(context);
    this.probes = new Probes(context);
  }

  /** @param notBefore a moment before the orchestrator sent the message, by the clock of the leases. */
  dispatch(message: OrchestratorMessageIn, notBefore: number): void {
    const { handlers, settle, logger } = this.context;
    switch (message.type) {
      case "orchestrator.assign.start":
        this.assigning.assign(message.payload, message.msgId, notBefore);
        break;
      case "orchestrator.job.stop":
        this.assigning.stop(message.payload.jobId, false, message.payload);
        break;
      case "orchestrator.job.kill":
        this.assigning.stop(message.payload.jobId, true, { reason: message.payload.reason, deadlineMs: 0 });
        break;
      case "orchestrator.job.mute":
      case "orchestrator.job.unmute":
      case "orchestrator.job.pause":
      case "orchestrator.job.unpause":
        this.commands.take(message);
        break;
      case "orchestrator.job.destination.add":
      case "orchestrator.job.destination.remove":
      case "orchestrator.job.input.switch":
      case "orchestrator.job.overlay.set":
      case "orchestrator.job.preview":
        this.commands.takeOnce(message);
        break;
      case "orchestrator.probe":
        this.probes.take(message);
        break;
      case "orchestrator.lease.renewed":
        this.renew(message);
        break;
      case "orchestrator.reboot":
        this.reboot(message.payload.reason, message.msgId);
        break;
      case "orchestrator.job.settled":
        settle(message.payload);
        inBackground(logger, "settlement", async () => handlers.onSettled?.(message.payload));
        break;
      case "orchestrator.error": {
        const { code, message: sentence, field } = message.payload;
        logger.warn({ code, problem: sentence, field }, "the orchestrator refused a message");
        break;
      }
      case "orchestrator.hello.ok":
        break;
    }
  }

  private renew({ payload, correlationId }: Extract<OrchestratorMessageIn, { type: "orchestrator.lease.renewed" }>) {
    const { handlers, jobs, leases, logger } = this.context;
    for (const { jobId, epoch, lease, accepted } of leases.renew(payload, correlationId, (id) => jobs.get(id)))
      if (accepted) inBackground(logger, "lease", async () => handlers.onLease?.({ jobId, epoch }, lease));
  }

  private reboot(reason: string | undefined, msgId: string | undefined): void {
    const { handlers, send, logger } = this.context;
    // The answer goes out first: after the reboot there is nobody to give it.
    send("agent.reboot.ack", { accepted: handlers.onReboot !== undefined }, msgId);
    inBackground(logger, "reboot", async () => handlers.onReboot?.(reason));
  }
}
