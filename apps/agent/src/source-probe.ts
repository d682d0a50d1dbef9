import { mkdir, rm } from "node:fs/promises";
import { type AgentHandlers, CommandError, type ProbeContext } from "@stream-control/agent-sdk";
import { createRedactor, probeSource, type SourceInfo, secretsOf } from "@stream-control/ffmpeg";
import type { BucketSource, ErrorInfo, ProbedSource, Source } from "@stream-control/protocol";
import { prepareSource } from "./assignments/live-changes.js";
import type { Limits } from "./assignments/prepare.js";
import { lookAtImage, lookIntoBucket } from "./render-source-probe.js";
import type { RenderStores } from "./runner/contract.js";
import { CommandError as ReachError } from "./runner/errors.js";
import { hidingPlaces } from "./runner/hiding-places.js";
import { programLauncher } from "./runner/launcher.js";
import { type OpenWay, Reach } from "./runner/reach/reach.js";

export interface SourceProbeOptions {
  /** What a job's source may be. */
  limits: Pick<Limits, "inputDirs" | "outputDirs" | "allowedProtocols">;
  /** What a job's source may lead to. */
  reach: ConstructorParameters<typeof Reach>[0]["policy"];
  ffprobePath: string;
  /** The environment of ffmpegs. */
  env: Record<string, string>;
  /** Buckets that sources of renders may lie in. */
  sourceBuckets: RenderStores["sourceBuckets"];
  /** A folder of this agent alone, for what a command line must not show. */
  folder: string;
}

/** Streams that are told of; a container can have any number. */
const MAX_STREAMS = 64;

/**
 * Looks into a source before any job uses it: with the ffprobe that a job's runner would take, under the same rules of what
 * may be read and reached.
 *
 * @returns what the agent answers `orchestrator.probe` with.
 */
export function sourceProbe(options: SourceProbeOptions): NonNullable<AgentHandlers["onProbe"]> {
  return async (given, context) => {
    // Who may read which bucket is said by its name.
    const source = given.type === "s3" ? given : await prepareSource(given, options.limits);
    // Pictures that are made here, and devices, which only one program can have open.
    if (source.type === "test" || source.type === "device") throw new CommandError(NOTHING_TO_READ[source.type]);
    // What an agent that was killed has left is older than the only look that there is.
    await rm(options.folder, { recursive: true, force: true });
    await mkdir(options.folder, { recursive: true, mode: 0o700 });
    try {
      return source.type === "s3" || context.image
        ? await lookForRender(source, context, options)
        : await look(source, context, options);
    } catch (thrown) {
      throw thrown instanceof ReachError ? new CommandError(thrown.info) : thrown;
    } finally {
      await rm(options.folder, { recursive: true, force: true });
    }
  };
}

async function lookForRender(
  source: Source | BucketSource,
  { deadlineMs, signal, image }: ProbeContext,
  { reach: policy, env, ffprobePath, folder, sourceBuckets }: SourceProbeOptions,
): Promise<ProbedSource> {
  const reach = new Reach({ policy, env });
  const places = { hideIn: hidingPlaces(folder, process.platform), launcher: programLauncher(process.platform) };
  const how = { folder, reach, sourceBuckets, ffprobePath, env, deadlineMs, signal, ...places };
  try {
    return told(source.type === "s3" && !image ? await lookIntoBucket(source, how) : await lookAtImage(source, how));
  } finally {
    reach.close();
  }
}

const NOTHING_TO_READ: Record<"test" | "device", ErrorInfo> = {
  test: {
    code: "NOT_SUPPORTED",
    message: "A test picture is made by the agent itself; there is nothing to look into.",
  },
  device: {
    code: "NOT_SUPPORTED",
    message: "The agent looks into addresses and files, not into devices; start a job with it.",
  },
};

async function look(
  source: Source,
  { deadlineMs, signal }: ProbeContext,
  { reach: policy, env, ffprobePath, folder }: SourceProbeOptions,
): Promise<ProbedSource> {
  const startedAt = performance.now();
  const reach = new Reach({ policy, env });
  const giveUp = new AbortController();
  let refusal: ErrorInfo | undefined;
  let way: OpenWay | undefined;
  try {
    way = await reach.source(source, (error) => {
      refusal ??= error;
      giveUp.abort();
    });
    const leftMs = Math.max(1, Math.round(deadlineMs - (performance.now() - startedAt)));
    const probe = await probeSource({
      ...{ source, ffprobePath, redactor: createRedactor(secretsOf(source)), readPacket: true },
      ...{ env: way.env, way: way.way, deadlineMs: leftMs, stallTimeoutMs: deadlineMs },
      ...{ hideIn: hidingPlaces(folder, process.platform), launcher: programLauncher(process.platform) },
      signal: AbortSignal.any([signal, giveUp.signal]),
    });
    if (refusal !== undefined) throw new CommandError(refusal);
    if (!probe.ok) throw new CommandError(probe.error);
    return told(probe.info);
  } finally {
    way?.close();
    reach.close();
  }
}

const told = ({ formatName, durationSeconds, bitrateKbps, firstPacketMs, streams }: SourceInfo): ProbedSource => ({
  ...(formatName === undefined ? {} : { container: formatName.slice(0, 64) }),
  ...(durationSeconds === undefined ? {} : { durationSeconds }),
  ...(bitrateKbps === undefined ? {} : { bitrateKbps }),
  firstPacketMs: firstPacketMs ?? 0,
  streams: streams.slice(0, MAX_STREAMS),
});
