import type { Issue, StreamConfig } from "@stream-control/protocol";
import type { Protocol } from "../config.js";

const schemeOf = (url: string) => url.slice(0, url.indexOf(":")).toLowerCase();

/** One issue for each source or destination whose protocol this agent is not allowed to speak. */
export function protocolIssues({ source, destinations }: StreamConfig, allowed: readonly Protocol[]): Issue[] {
  const used = [
    { path: "source", protocol: "url" in source ? schemeOf(source.url) : source.type },
    ...destinations.map((destination, index) => ({
      path: `destinations.${index}`,
      protocol: "url" in destination ? schemeOf(destination.url) : "file",
    })),
  ];
  const names: readonly string[] = allowed;
  return used
    .filter(({ protocol }) => !names.includes(protocol))
    .map(({ path, protocol }) => ({
      path,
      message: `the protocol ${protocol} is not allowed on this agent (allowed: ${allowed.join(", ")})`,
    }));
}
