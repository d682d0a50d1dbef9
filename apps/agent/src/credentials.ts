import { readFile } from "node:fs/promises";
import type { AgentOptions, ClientTls } from "@stream-control/agent-sdk";
import { symbolOf } from "./data-dir/file-problem.js";

/** Where the agent finds what it shows the orchestrator, and what it knows the orchestrator by. */
export interface CredentialSources {
  token: string;
  /** Takes the place of `token`. */
  tokenFile: string | undefined;
  tls: Record<keyof ClientTls, string | undefined>;
}

/** @throws Error that names the variable and what is wrong with its file. */
async function read(variable: string, path: string): Promise<string> {
  const text = await readFile(path, "utf8").catch((thrown: unknown) => {
    throw new Error(`${variable} can't be read (${symbolOf(thrown)})`, { cause: thrown });
  });
  if (text.trim() === "") throw new Error(`${variable} is empty`);
  return text;
}

/** Files are read at each connection: what is rotated on disk counts from the next one, without a restart. */
export function connectionCredentials({
  token,
  tokenFile,
  tls,
}: CredentialSources): Pick<AgentOptions, "token" | "tls"> {
  const part = async (variable: string, path: string | undefined) =>
    path === undefined ? undefined : read(variable, path);
  return {
    token: tokenFile === undefined ? token : async () => (await read("AGENT_TOKEN_FILE", tokenFile)).trim(),
    tls: async () => {
      const [ca, cert, key] = await Promise.all([
        part("TLS_CA_FILE", tls.ca),
        part("TLS_CERT_FILE", tls.cert),
        part("TLS_KEY_FILE", tls.key),
      ]);
      return { ca, cert, key };
    },
  };
}
