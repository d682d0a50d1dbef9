import type { Destination, Issue, Source } from "@stream-control/protocol";
import type { Protocol } from "../config.js";

const schemeOf = (url: string) => url.slice(0, url.indexOf(":")).toLowerCase();

/** The protocol that a source is read by. */
export const sourceProtocol = (source: Source): string => ("url" in source ? schemeOf(source.url) : source.type);

/** The protocol that a destination is written by. */
export const destinationProtocol = (destination: Destination): string =>
  "url" in destination ? schemeOf(destination.url) : "file";

/** One issue for each protocol that this agent is not allowed to speak. */
export function protocolIssues(
  used: readonly { path: string; protocol: string }[],
  allowed: readonly Protocol[],
): Issue[] {
  const names: readonly string[] = allowed;
  return used
    .filter(({ protocol }) => !names.includes(protocol))
    .map(({ path, protocol }) => ({
      path,
      message: `the protocol ${protocol} is not allowed on this agent (allowed: ${allowed.join(", ")})`,
    }));
}
