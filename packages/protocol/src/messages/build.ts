import type { AgentMessageType, AgentPayloadInput } from "./from-agent.js";
import type { OrchestratorMessageType, OrchestratorPayload } from "./to-agent.js";
import type { UiMessageType, UiPayload } from "./to-ui.js";

interface PayloadByType {
  agent: { [T in AgentMessageType]: AgentPayloadInput<T> };
  orchestrator: { [T in OrchestratorMessageType]: OrchestratorPayload<T> };
  ui: { [T in UiMessageType]: UiPayload<T> };
}
type Payloads = PayloadByType["agent"] & PayloadByType["orchestrator"] & PayloadByType["ui"];

/** A message ready for `JSON.stringify`, with a fresh `msgId` and the present time. */
export function buildMessage<T extends keyof Payloads>(
  type: T,
  payload: Payloads[T],
  extra: { correlationId?: string; agentId?: string; msgId?: string; seq?: number } = {},
) {
  return { type, msgId: globalThis.crypto.randomUUID(), ts: new Date().toISOString(), ...extra, payload };
}
