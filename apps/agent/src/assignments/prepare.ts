import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Assignment } from "@stream-control/agent-sdk";
import { chooseVideoEncoder, EncoderUnavailableError, fileFormatOf, type ProbedEncoder } from "@stream-control/ffmpeg";
import {
  type Destination,
  describeIssues,
  type ErrorInfo,
  FILE_FORMATS,
  type Issue,
  parseStreamConfig,
  type StreamConfig,
} from "@stream-control/protocol";
import type { AgentConfig } from "../config.js";
import { allowedPath } from "./allowed-paths.js";
import { fillDestinations } from "./destinations.js";
import { protocolIssues } from "./protocols.js";

/** What the agent's owner allows, and what the machine can do. */
export interface Limits extends Pick<AgentConfig, "outputDirs" | "inputDirs" | "allowedProtocols" | "maxResolution"> {
  /** H.264 encoders that were tried on this machine. */
  encoders: readonly ProbedEncoder[];
}

/** An assignment that may run: every path absolute and allowed, every default filled in. */
export interface PreparedJob {
  config: StreamConfig;
  videoEncoder: string;
  muted: boolean;
}

export type Preparation = { ok: true; job: PreparedJob } | { ok: false; error: ErrorInfo };

/** Reads an assignment's config, checks it against the limits, and makes the folders that it writes to. */
export async function prepare(assignment: Assignment, limits: Limits): Promise<Preparation> {
  const parsed = parseStreamConfig(assignment.config);
  if (!parsed.ok) return invalid(parsed.issues);
  const { config, recordAs } = parsed.value;
  const filled = fillDestinations({
    jobId: assignment.jobId,
    epoch: assignment.epoch ?? 0,
    explicit: config.destinations,
    recordAs,
    streamMetadata: assignment.streamMetadata,
  });
  if (!filled.ok) return invalid(filled.issues);

  const wanted = { ...config, destinations: filled.value };
  const issues = [...protocolIssues(wanted, limits.allowedProtocols), ...resolutionIssues(wanted, limits)];
  const videoEncoder = chooseEncoder(config.video.encoder, limits.encoders, issues);
  const source = await checkSource(wanted.source, limits.inputDirs, issues);
  const destinations = await checkDestinations(wanted.destinations, limits.outputDirs, issues);
  if (issues.length > 0 || videoEncoder === undefined) return invalid(issues);

  try {
    for (const destination of destinations) await makeFolder(destination);
  } catch (thrown) {
    const symbol = thrown instanceof Error && "code" in thrown ? String(thrown.code) : "unknown";
    const message = `A folder to write to could not be made (${symbol}).`;
    return { ok: false, error: { code: "OUTPUT_NOT_WRITABLE", message, detail: { fault: "destination" } } };
  }
  const muted = assignment.streamMetadata?.isMuted ?? false;
  return { ok: true, job: { config: { ...wanted, source, destinations }, videoEncoder, muted } };
}

function invalid(issues: Issue[]): Preparation {
  const message = `The config is wrong: ${describeIssues(issues)}.`.slice(0, 4096);
  return { ok: false, error: { code: "CONFIG_INVALID", message, detail: { fault: "config", issues } } };
}

function chooseEncoder(requested: string, encoders: readonly ProbedEncoder[], issues: Issue[]): string | undefined {
  try {
    return chooseVideoEncoder(requested, encoders);
  } catch (thrown) {
    if (!(thrown instanceof EncoderUnavailableError)) throw thrown;
    issues.push({ path: "video.encoder", message: thrown.message });
    return undefined;
  }
}

function resolutionIssues({ video }: StreamConfig, { maxResolution }: Limits): Issue[] {
  return maxResolution !== undefined && video.height > Number.parseInt(maxResolution, 10)
    ? [{ path: "video.height", message: `this agent takes at most ${maxResolution}` }]
    : [];
}

async function checkSource(
  source: StreamConfig["source"],
  folders: readonly string[],
  issues: Issue[],
): Promise<StreamConfig["source"]> {
  if (source.type !== "file") return source;
  const verdict = await allowedPath(source.path, folders);
  if (!verdict.ok) issues.push({ path: "source.path", message: verdict.message });
  else if ((await kindOf(verdict.path)) !== "file")
    issues.push({ path: "source.path", message: "there is no such file on this agent" });
  return verdict.ok ? { ...source, path: verdict.path } : source;
}

async function checkDestinations(
  destinations: readonly Destination[],
  folders: readonly string[],
  issues: Issue[],
): Promise<Destination[]> {
  const written = new Set<string>();
  const checked: Destination[] = [];
  for (const [index, destination] of destinations.entries()) {
    const complain = (message: string) => issues.push({ path: `destinations.${index}.path`, message });
    if ("url" in destination) {
      checked.push(destination);
      continue;
    }
    const verdict = await allowedPath(destination.path, folders);
    if (!verdict.ok) {
      complain(verdict.message);
      continue;
    }
    const { path } = verdict;
    if (written.has(path)) complain("another destination writes there too");
    written.add(path);
    const kind = await kindOf(path);
    if (destination.type === "hls") {
      if (kind === "file") complain("is a file, and HLS needs a folder");
      checked.push({ ...destination, path });
      continue;
    }
    if (kind === "folder") complain("is a folder");
    const format = fileFormatOf({ ...destination, path });
    if (format === undefined) complain(`must end in one of ${FILE_FORMATS.join(", ")}, or "format" be given`);
    else checked.push({ ...destination, path, format });
  }
  return checked;
}

async function kindOf(path: string): Promise<"file" | "folder" | "nothing"> {
  return stat(path).then(
    (found) => (found.isDirectory() ? "folder" : "file"),
    () => "nothing",
  );
}

async function makeFolder(destination: Destination): Promise<void> {
  if (destination.type === "file") await mkdir(dirname(destination.path), { recursive: true });
  if (destination.type === "hls") await mkdir(destination.path, { recursive: true });
}
