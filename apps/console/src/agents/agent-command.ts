export interface AgentCommand {
  /** Address of the page, such as `https://control.example.com`. */
  origin: string;
  agentId: string;
  /** The agent's own token, where one was made. */
  token: string | undefined;
}

/** A word as a shell takes it literally. */
const quoted = (word: string): string => (/^[\w.:/@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/**
 * What to type on an encoder box, in a checkout of Stream Control. The token goes into a file that only its user may read,
 * so that no list of processes shows it.
 */
export function agentCommand({ origin, agentId, token }: AgentCommand): string {
  const url = `${origin.replace(/^http/, "ws")}/agent`;
  const variables = [`ORCHESTRATOR_URL=${quoted(url)}`, `AGENT_ID=${quoted(agentId)}`];
  const start = (secret: string) =>
    `${[...variables, secret].join(" \\\n  ")} \\\n  pnpm --filter @stream-control/agent start`;
  if (token === undefined) return start("AGENT_TOKEN=…");
  return `(umask 077; echo ${quoted(token)} > agent-token)\n${start('AGENT_TOKEN_FILE="$PWD/agent-token"')}`;
}
