import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { joinArguments, joinList, probeStreamHeaders } from "@stream-control/ffmpeg";
import { fpsOf, type RenderTask } from "@stream-control/protocol";
import type { Results } from "../../results/results.js";
import { CommandError } from "../errors.js";
import type { Composed } from "./compose.js";
import type { SourcesOptions } from "./sources.js";

export type MergeTask = Extract<RenderTask, { type: "merge" }>;

/** The parts of a render on this machine's disk. */
export interface LocalParts {
  pictures: { path: string; frames: number }[];
  sound?: string;
}

const PROBE_MS = 30_000;

/** Brings the parts to this machine. @throws CommandError for the first that is not there. */
export async function fetchParts(
  { parts, sound }: MergeTask,
  { folder, signal }: Pick<SourcesOptions, "folder" | "signal">,
  results: Results,
): Promise<LocalParts> {
  const pictures: LocalParts["pictures"] = [];
  for (const [index, { key, frames }] of parts.entries()) {
    const path = join(folder, `part-${index}`);
    await results.get(key, path, signal);
    pictures.push({ path, frames });
  }
  if (sound === undefined) return { pictures };
  const path = join(folder, "part-sound");
  await results.get(sound, path, signal);
  return { pictures, sound: path };
}

/**
 * Makes the arguments of the ffmpeg that joins the parts.
 *
 * @throws CommandError `PARTS_DIFFER` where their encoders were not the same: a file has one set of headers for all of its pictures.
 */
export async function joinParts(
  task: MergeTask,
  { pictures, sound }: LocalParts,
  draft: string,
  options: SourcesOptions,
): Promise<Composed> {
  const { spec, folder, env, hideIn, launcher, signal } = options;
  const { request } = spec.render;
  const headers = new Set<string>();
  for (const { path } of pictures) {
    const probing = { ffprobePath: spec.ffprobePath, env, hideIn, launcher, signal, deadlineMs: PROBE_MS };
    headers.add(await probeStreamHeaders(path, probing));
  }
  if (headers.size > 1 || headers.has("")) throw new CommandError(PARTS_DIFFER);
  const list = join(folder, "parts.txt");
  const fps = fpsOf(request);
  await writeFile(list, joinList({ pictures, fps }), { mode: 0o600 });
  const joining = { format: request.output_format, fps, pictures, sound, list, output: draft };
  return {
    ...{ arguments: joinArguments(joining), totalFrames: task.totalFrames },
    hasSound: sound !== undefined,
  };
}

const PARTS_DIFFER = {
  code: "PARTS_DIFFER",
  message:
    "The parts were encoded by different encoders, and can't be joined: let the agents that render have the same ffmpeg.",
  detail: { fault: "agent", retryable: false },
} as const;
