import { CommandError } from "@stream-control/agent-sdk";
import { type Destination, describeIssues, type Issue, type Source } from "@stream-control/protocol";
import { makeFolders } from "./folders.js";
import { checkDestination, checkSource } from "./paths.js";
import type { Limits } from "./prepare.js";
import { destinationProtocol, protocolIssues, sourceProtocol } from "./protocols.js";

type Policy = Pick<Limits, "outputDirs" | "inputDirs" | "allowedProtocols">;

/**
 * A destination for a job that is running, checked as one of its config would have been.
 *
 * @param written paths that the job writes to already.
 * @throws CommandError that names what is wrong.
 */
export async function prepareDestination(
  destination: Destination,
  policy: Policy,
  written: Iterable<string>,
): Promise<Destination> {
  const used = [{ path: "destination", protocol: destinationProtocol(destination) }];
  const issues = protocolIssues(used, policy.allowedProtocols);
  const checked = await checkDestination(destination, "destination", policy.outputDirs, new Set(written), issues);
  refuse(issues);
  const allowed = checked ?? destination;
  const problem = await makeFolders([allowed]);
  if (problem !== undefined) throw new CommandError(problem);
  return allowed;
}

/** A source for a job that is running. @throws CommandError that names what is wrong. */
export async function prepareSource(source: Source, policy: Policy): Promise<Source> {
  const issues = protocolIssues([{ path: "source", protocol: sourceProtocol(source) }], policy.allowedProtocols);
  const checked = await checkSource(source, "source", policy.inputDirs, issues);
  refuse(issues);
  return checked;
}

function refuse(issues: Issue[]): void {
  if (issues.length === 0) return;
  const message = `This agent does not allow it: ${describeIssues(issues)}.`.slice(0, 4096);
  throw new CommandError({ code: "CONFIG_INVALID", message, detail: { fault: "config", issues } });
}
