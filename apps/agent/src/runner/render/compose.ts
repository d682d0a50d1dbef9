import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type CompositionPart, compositionArguments, sourcesOfPart } from "@stream-control/ffmpeg";
import {
  describeIssues,
  factsFrom,
  type RenderRequest,
  type RenderSourceFacts,
  type RenderTask,
  type RenderTimeline,
  renderTimeline,
} from "@stream-control/protocol";
import { CommandError } from "../errors.js";
import { allSources, type ReadySource } from "./sources.js";

/** A task that composes: a part of the whole, as it was timed when the whole was cut. */
export type PartTask = Exclude<RenderTask, { type: "merge" }>;

/** What of a request is composed. */
export interface Composing {
  request: RenderRequest;
  /** The whole unless given. */
  task?: PartTask | undefined;
}

/** The sources that are needed, as the request names them. */
export function neededSources({ request, task }: Composing): string[] {
  return task === undefined ? allSources(request) : sourcesOfPart(request, timelineOf({ request, task }), partOf(task));
}

/** What an ffmpeg is started with, and how many pictures it is to make. */
export interface Composed {
  arguments: string[];
  totalFrames: number;
  hasSound: boolean;
}

/** A composition whose sources are there: its times are settled, and any part of it can be made. */
export interface ReadyComposition {
  timeline: RenderTimeline;
  /** What the job makes of it. */
  part: CompositionPart;
  /** Of the whole; false for a part. */
  hasSound: boolean;
  /** @param keyframes see `ResolvedComposition`. */
  argumentsFor(part: CompositionPart, output: string, keyframes?: readonly number[]): string[];
}

/**
 * Writes what ffmpeg reads beside the sources, and settles what is made of them.
 *
 * @param folder the job's own.
 * @throws CommandError where the sources don't give the composition, or are not those by which it was cut.
 */
export async function compose(
  { request, task }: Composing,
  ready: ReadonlyMap<string, ReadySource>,
  folder: string,
): Promise<ReadyComposition> {
  const timeline = timelineOf({ request, task }, (source) => ready.get(source)?.facts);
  if (task !== undefined) requireUnchanged(request, task, ready);
  const textFile = (index: number) => join(folder, `text-${index}.txt`);
  for (const [index, element] of request.elements.entries())
    if (element.type === "text") await writeFile(textFile(index), element.text, { mode: 0o600 });
  const localSource = (source: string): ReadySource => {
    const found = ready.get(source);
    if (found === undefined) throw new Error("A source was not made ready.");
    return found;
  };
  const argumentsFor: ReadyComposition["argumentsFor"] = (part, output, keyframes) =>
    compositionArguments({ request, timeline, part, localSource, textFile, keyframes, output });
  // A part has only the sources that it needs.
  const hasSound = task === undefined && argumentsFor({ type: "sound" }, "").includes("[sound]");
  return { timeline, part: task === undefined ? { type: "whole" } : partOf(task), hasSound, argumentsFor };
}

const partOf = (task: PartTask): CompositionPart =>
  task.type === "sound" ? { type: "sound" } : { type: "frames", firstFrame: task.firstFrame, frames: task.frames };

/** By what was seen when the whole was cut, where it was; otherwise by what was seen here. */
function timelineOf(
  { request, task }: Composing,
  seen: (source: string) => RenderSourceFacts | undefined = () => undefined,
): RenderTimeline {
  const timeline = renderTimeline(request, task === undefined ? seen : factsFrom(request, task.facts));
  if (!timeline.ok)
    throw new CommandError({
      code: "CONFIG_INVALID",
      message: `The composition can't be rendered: ${describeIssues(timeline.issues)}.`.slice(0, 4096),
      detail: { fault: "config", issues: timeline.issues, retryable: false },
    });
  const { totalFrames } = timeline.value;
  if (task === undefined || task.totalFrames === totalFrames) return timeline.value;
  throw new CommandError({
    code: "CONFIG_INVALID",
    message: `The part belongs to a whole of ${task.totalFrames} frames, and this one has ${totalFrames}.`,
    detail: { fault: "config", retryable: false },
  });
}

/** A container that does not say how long it is may seem longer over a network than on a disk. */
const SAME_SECONDS = 0.1;

/** Parts of different films are not to be joined. */
function requireUnchanged(request: RenderRequest, task: PartTask, ready: ReadonlyMap<string, ReadySource>): void {
  const wanted = factsFrom(request, task.facts);
  for (const [source, { facts }] of ready) {
    const was = wanted(source);
    if (facts === undefined || was === undefined) continue;
    const difference = Math.abs((facts.durationSeconds ?? 0) - (was.durationSeconds ?? 0));
    const isSame = facts.hasVideo === was.hasVideo && facts.hasAudio === was.hasAudio;
    if (isSame && difference <= SAME_SECONDS) continue;
    throw new CommandError({
      code: "SOURCE_CHANGED",
      message: "A source is another file than when the render was cut into parts.",
      detail: { fault: "source", retryable: true },
    });
  }
}
