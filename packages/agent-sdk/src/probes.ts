import type { ErrorInfo, ProbedSource } from "@stream-control/protocol";
import { type AgentContext, errorInfo, inBackground } from "./context.js";
import { withDeadline } from "./deadline.js";
import type { OrchestratorMessageIn } from "./link.js";
import { CommandError } from "./types.js";

type ProbeMessage = Extract<OrchestratorMessageIn, { type: "orchestrator.probe" }>;
type Outcome = { success: true; probe: ProbedSource } | { success: false; error: ErrorInfo };

/** How long a handler may be late: its own words about the deadline are better than ours. */
const GRACE_MS = 1000;

/** Looks into sources, one at a time, and answers each question in time. */
export class Probes {
  /** Until the handler has settled, whether or not it was waited for. */
  private isBusy = false;

  constructor(private readonly context: AgentContext) {}

  take({ payload, msgId, type }: ProbeMessage): void {
    inBackground(this.context.logger, type, async () => {
      const outcome = await this.look(payload);
      this.context.send("agent.probe.result", { probeId: payload.probeId, ...outcome }, msgId);
    });
  }

  /** Never rejects. */
  private async look({ source, deadlineMs, image = false }: ProbeMessage["payload"]): Promise<Outcome> {
    const { handlers } = this.context;
    if (handlers.onProbe === undefined) return refused("NOT_SUPPORTED", "This agent cannot look into sources.");
    if (this.isBusy)
      return refused("AGENT_BUSY", "The agent is looking into another source; try again in a few seconds.");
    this.isBusy = true;
    const patience = new AbortController();
    const onProbe = async () => {
      try {
        return await handlers.onProbe?.(source, { deadlineMs, signal: patience.signal, image });
      } finally {
        this.isBusy = false;
      }
    };
    const late = new CommandError({
      ...{ code: "SOURCE_UNREACHABLE", detail: { fault: "source", cause: "TIMED_OUT" } },
      message: `The agent could not say what the source holds within ${deadlineMs} ms.`,
    });
    try {
      const probe = await withDeadline(onProbe, deadlineMs + GRACE_MS, late);
      return probe === undefined ? refused("PROBE_FAILED", "The agent said nothing.") : { success: true, probe };
    } catch (thrown) {
      return { success: false, error: errorInfo(thrown, "PROBE_FAILED") };
    } finally {
      patience.abort();
    }
  }
}

const refused = (code: string, message: string): Outcome => ({ success: false, error: { code, message } });
