import { type AgentPayload, DEFAULT_ROOM } from "@stream-control/protocol";
import { sameText } from "@stream-control/service-kit/access";
import type { AgentTokens } from "./agent-tokens.js";

/** How agents show who they are: by a token in their hello, by a client certificate, or by both. */
export const AGENT_AUTH_MODES = ["token", "certificate", "both"] as const;
export type AgentAuthMode = (typeof AGENT_AUTH_MODES)[number];

/** What an agent was let in with. */
export interface Admission {
  room: string;
  /** Its own token; null where it was the shared one or a certificate. */
  tokenId: string | null;
}

export type AdmissionResult = ({ ok: true } & Admission) | { ok: false; reason: string };

export interface AdmissionOptions {
  mode: AgentAuthMode;
  /** The token that every agent may use; null where each needs its own. */
  sharedToken: string | null;
  tokens: AgentTokens;
}

/** Decides whether an agent is who it says it is. */
export class AgentAdmission {
  constructor(private readonly options: AdmissionOptions) {}

  /** @param certifiedNames the names in the client certificate of its connection, which the TLS layer has verified. */
  admit(hello: AgentPayload<"agent.hello">, certifiedNames: readonly string[]): AdmissionResult {
    const reason = this.certificateProblem(hello.agentId, certifiedNames);
    if (reason !== undefined) return { ok: false, reason };
    if (this.options.mode === "certificate") return { ok: true, room: this.roomOf(hello), tokenId: null };
    return this.byToken(hello);
  }

  /** What is wrong with the certificate of an agent's connection, or with there being none. */
  certificateProblem(agentId: string, certifiedNames: readonly string[]): string | undefined {
    // Whoever shows a certificate is held to it, also where it is not asked for.
    if (certifiedNames.length > 0 && !certifiedNames.includes(agentId)) return "the certificate is another agent's";
    return this.options.mode !== "token" && certifiedNames.length === 0
      ? "a client certificate is required"
      : undefined;
  }

  /** Whether what an agent was let in with still counts. */
  stillIn({ tokenId }: Admission): boolean {
    return tokenId === null || this.options.tokens.stillInForce(tokenId);
  }

  private byToken(hello: AgentPayload<"agent.hello">): AdmissionResult {
    const { tokens, sharedToken } = this.options;
    const { agentId, auth } = hello;
    const own = tokens.check(agentId, auth.token);
    if (own !== undefined) return { ok: true, room: own.room, tokenId: own.id };
    if (sharedToken === null || !sameText(auth.token, sharedToken)) return { ok: false, reason: "the token is wrong" };
    // Otherwise whoever knows the shared token could be any agent, and revoking one would be no use.
    if (tokens.has(agentId)) return { ok: false, reason: "this agent has a token of its own" };
    return { ok: true, room: this.roomOf(hello), tokenId: null };
  }

  private roomOf({ agentId, room }: AgentPayload<"agent.hello">): string {
    return this.options.tokens.roomOf(agentId) ?? room ?? DEFAULT_ROOM;
  }
}
