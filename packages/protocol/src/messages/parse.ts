import type { z } from "zod";
import { jsonShapeProblem } from "../json-shape.js";
import { describeIssues, type Issue, issuesOf, parseWith } from "../parse-result.js";
import { incomingEnvelopeSchema } from "./envelope.js";
import { type AgentMessage, agentMessagePayloads } from "./from-agent.js";
import { type OrchestratorMessage, orchestratorMessagePayloads } from "./to-agent.js";
import { type UiMessage, uiMessagePayloads } from "./to-ui.js";

/** Why a message was not understood. An `unknown-type` is to be ignored, everything else to be answered. */
export interface MessageProblem {
  kind: "bad-json" | "bad-envelope" | "unknown-type" | "bad-payload";
  /** One sentence that names the field. */
  message: string;
  issues: Issue[];
  /** Type and id of the message, as far as they could be read. */
  type?: string;
  msgId?: string;
}

/** A message as it is read: `msgId` and `ts` may be missing. */
export type Incoming<M> = M extends { type: infer T; payload: infer P }
  ? {
      type: T;
      payload: P;
      msgId?: string;
      ts?: string;
      correlationId?: string;
      agentId?: string;
      /** Fields of the payload that the protocol does not know; they were left out. */
      extraFields: string[];
    }
  : never;

export type ParsedMessage<M> = { ok: true; message: Incoming<M> } | { ok: false; problem: MessageProblem };

/** Reads what an agent sent. A text that is nested too deeply or has too many values is refused before it is parsed. */
export function parseAgentMessage(text: string): ParsedMessage<AgentMessage> {
  const problem = jsonShapeProblem(text);
  if (problem !== undefined)
    return { ok: false, problem: { kind: "bad-json", message: `The message is refused: ${problem}.`, issues: [] } };
  return parseMessage<AgentMessage>(agentMessagePayloads, text);
}
/** Reads what the orchestrator sent to an agent. */
export const parseOrchestratorMessage = (text: string): ParsedMessage<OrchestratorMessage> =>
  parseMessage<OrchestratorMessage>(orchestratorMessagePayloads, text);
/** Reads what the orchestrator sent to a UI. */
export const parseUiMessage = (text: string): ParsedMessage<UiMessage> =>
  parseMessage<UiMessage>(uiMessagePayloads, text);

function parseMessage<M>(payloads: Record<string, z.ZodType>, text: string): ParsedMessage<M> {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { ok: false, problem: { kind: "bad-json", message: "The message is not JSON.", issues: [] } };
  }
  const envelope = incomingEnvelopeSchema.safeParse(raw);
  if (!envelope.success) {
    const issues = issuesOf(envelope.error);
    return {
      ok: false,
      problem: { kind: "bad-envelope", message: `The envelope is wrong: ${describeIssues(issues)}.`, issues },
    };
  }
  const { type, msgId, ts, correlationId, agentId } = envelope.data;
  const known = { type, ...(msgId === undefined ? {} : { msgId }) };
  const schema = Object.hasOwn(payloads, type) ? payloads[type] : undefined;
  if (schema === undefined)
    return { ok: false, problem: { kind: "unknown-type", message: `"${type}" is unknown.`, issues: [], ...known } };
  const payload = parseWith(schema, envelope.data.payload, "payload");
  if (!payload.ok) {
    const message = `The payload of ${type} is wrong: ${describeIssues(payload.issues)}.`;
    return { ok: false, problem: { kind: "bad-payload", message, issues: payload.issues, ...known } };
  }
  const message = {
    ...known,
    payload: payload.value,
    ...(ts === undefined ? {} : { ts }),
    ...(correlationId == null ? {} : { correlationId }),
    ...(agentId == null ? {} : { agentId }),
    extraFields: extraFields(envelope.data.payload, payload.value),
  };
  // The payload was parsed by the schema that `type` chose, which is what the union says; the compiler cannot see it.
  return { ok: true, message: message as unknown as Incoming<M> };
}

function extraFields(given: unknown, kept: unknown): string[] {
  if (typeof given !== "object" || given === null || typeof kept !== "object" || kept === null) return [];
  return Object.keys(given).filter((key) => !(key in kept));
}
