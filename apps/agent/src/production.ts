import { type ProductionCheck, refuseWeakProduction, secretCheck } from "@stream-control/service-kit/production";

/** What of the connection is looked at before an agent starts in production. */
export interface ProductionFacts {
  orchestratorUrl: string;
  /** Undefined where it is read from a file, which may be rotated, or a client certificate takes its place. */
  token: string | undefined;
  allowPlainConnection: boolean;
  allowWeakToken: boolean;
}

const isLoopback = (hostname: string) =>
  hostname === "localhost" || hostname === "[::1]" || hostname.startsWith("127.");

function plainConnectionCheck({ orchestratorUrl, allowPlainConnection }: ProductionFacts): ProductionCheck {
  const { protocol, hostname } = new URL(orchestratorUrl);
  const isOpen = protocol === "ws:" && !isLoopback(hostname);
  return {
    problem: isOpen
      ? "ORCHESTRATOR_URL is not encrypted, so that the agent's token and the keys of its streams can be read on the way"
      : undefined,
    remedy: "Give a wss: address, and TLS_CA_FILE where the certificate is by an authority of your own",
    unless: { variable: "ALLOW_PLAIN_CONNECTION", isSet: allowPlainConnection },
  };
}

/** @throws ConfigError where the agent would start with a well-known token, or tell secrets on an open line. */
export function refuseOpenAgent(facts: ProductionFacts): void {
  const { token, allowWeakToken } = facts;
  refuseWeakProduction([
    plainConnectionCheck(facts),
    ...(token === undefined
      ? []
      : [secretCheck("AGENT_TOKEN", token, { variable: "ALLOW_WEAK_AGENT_TOKEN", isSet: allowWeakToken })]),
  ]);
}
