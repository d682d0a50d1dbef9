import type { Assignment } from "@stream-control/agent-sdk";
import { chooseVideoEncoder, EncoderUnavailableError, type ProbedEncoder } from "@stream-control/ffmpeg";
import {
  type Destination,
  describeIssues,
  type ErrorInfo,
  type Issue,
  parseStreamConfig,
  type StreamConfig,
} from "@stream-control/protocol";
import type { AgentConfig } from "../config.js";
import { fillDestinations } from "./destinations.js";
import { makeFolders } from "./folders.js";
import { checkDestination, checkOverlay, checkSlate, checkSource } from "./paths.js";
import { destinationProtocol, protocolIssues, sourceProtocol } from "./protocols.js";
import { keepEarlierRecordings } from "./recordings.js";

/** What the agent's owner allows, and what the machine can do. */
export interface Limits extends Pick<AgentConfig, "outputDirs" | "inputDirs" | "allowedProtocols" | "maxResolution"> {
  /** Whether this machine's ffmpeg can draw text. */
  drawsText: boolean;
  /** H.264 encoders that were tried on this machine. */
  encoders: readonly ProbedEncoder[];
}

/** An assignment that may run: every path absolute and allowed, every default filled in. */
export interface PreparedJob {
  config: StreamConfig;
  videoEncoder: string;
  muted: boolean;
  paused: boolean;
}

export type Preparation = { ok: true; job: PreparedJob } | { ok: false; error: ErrorInfo };

/** Reads an assignment's config, checks it against the limits, and makes the folders that it writes to. */
export async function prepare(assignment: Assignment, limits: Limits): Promise<Preparation> {
  const parsed = parseStreamConfig(assignment.config);
  if (!parsed.ok) return invalid(parsed.issues);
  const { config, recordAs } = parsed.value;
  const filled = fillDestinations({
    jobId: assignment.jobId,
    explicit: config.destinations,
    recordAs,
    streamMetadata: assignment.streamMetadata,
  });
  if (!filled.ok) return invalid(filled.issues);

  const wanted = { ...config, destinations: filled.value };
  const issues = [...protocolIssues(protocolsOf(wanted), limits.allowedProtocols), ...resolutionIssues(wanted, limits)];
  const videoEncoder = chooseEncoder(config.video.encoder, limits.encoders, issues);
  const source = await checkSource(wanted.source, "source", limits.inputDirs, issues);
  const onAir = await checkOnAir(wanted, limits.inputDirs, issues);
  const overlay = await checkOverlay(config.overlay, limits.inputDirs, issues);
  const written = new Set<string>();
  const destinations: Destination[] = [];
  for (const [index, destination] of wanted.destinations.entries()) {
    const field = `destinations.${index}`;
    const checked = await checkDestination(destination, field, limits.outputDirs, written, issues);
    if (checked !== undefined) destinations.push(checked);
  }
  if (issues.length > 0 || videoEncoder === undefined) return invalid(issues);

  if (overlay !== undefined && overlay.lines.length > 0 && !limits.drawsText) return { ok: false, error: NO_TEXT };
  const problem = await makeFolders(destinations);
  if (problem !== undefined) return { ok: false, error: problem };
  const { isMuted: muted = false, isPaused: paused = false } = assignment.streamMetadata ?? {};
  const kept = await keepEarlierRecordings(destinations, assignment.epoch ?? 0);
  return {
    ok: true,
    job: {
      config: { ...wanted, ...onAir, source, destinations: kept, ...(overlay && { overlay }) },
      videoEncoder,
      muted,
      paused,
    },
  };
}

function protocolsOf({ source, destinations, sourceLoss }: StreamConfig) {
  const { backup } = sourceLoss;
  return [
    { path: "source", protocol: sourceProtocol(source) },
    ...(backup === undefined ? [] : [{ path: "sourceLoss.backup", protocol: sourceProtocol(backup) }]),
    ...destinations.map((destination, index) => ({
      path: `destinations.${index}`,
      protocol: destinationProtocol(destination),
    })),
  ];
}

/** What is shown when the source is lost or the stream is paused may be read from the disk too. */
async function checkOnAir({ sourceLoss, pause }: StreamConfig, folders: readonly string[], issues: Issue[]) {
  const { backup } = sourceLoss;
  const checkedBackup = backup && (await checkSource(backup, "sourceLoss.backup", folders, issues));
  return {
    sourceLoss: {
      ...sourceLoss,
      ...(checkedBackup === undefined ? {} : { backup: checkedBackup }),
      slate: await checkSlate(sourceLoss.slate, "sourceLoss.slate", folders, issues),
    },
    pause: { ...pause, slate: await checkSlate(pause.slate, "pause.slate", folders, issues) },
  };
}

/** Another agent may have a font. */
const NO_TEXT: ErrorInfo = {
  code: "OVERLAY_UNAVAILABLE",
  message: "This agent can't draw text: its ffmpeg lacks drawtext, or there is no font (Debian: fonts-dejavu-core).",
  detail: { fault: "agent" },
};

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
