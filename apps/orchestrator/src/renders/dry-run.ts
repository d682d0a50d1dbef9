import {
  bucketOfSource,
  type DryRunReply,
  type Issue,
  type LookedAtSource,
  type ProbedSource,
  pathOfSource,
  type RenderRequest,
  renderTimeline,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { Probes } from "../agents/probes.js";
import type { Renders } from "./renders.js";
import { definitionFor } from "./workflow/choose.js";

const PROBE_MS = 10_000;

/**
 * Checks a request without rendering it: every source is looked into by an agent, under its own rules, and the composition is
 * timed. Where no agent of the room can look into images and buckets, those are left unchecked.
 *
 * @throws AppError `VALIDATION_FAILED` with every source that can't be used; `NO_AGENT_TO_PROBE`, `AGENT_BUSY`, `AGENT_TIMEOUT`.
 */
export async function dryRun(
  request: RenderRequest,
  room: string,
  { probes, renders }: { probes: Probes; renders: Pick<Renders, "analyze"> },
): Promise<DryRunReply> {
  const seen = new Map<string, ProbedSource>();
  const issues: Issue[] = [];
  if (!probes.mayDrawText(room)) issues.push(...issuesOfTexts(request));
  const seesAll = probes.seesRenderSources(room);
  for (const { source, image } of sourcesOf(request)) {
    if (!seesAll && (image || bucketOfSource(source) !== undefined)) continue;
    const found = await look(source, image, room, probes);
    if (typeof found === "string") issues.push(...issuesOfSource(request, source, image, found));
    else seen.set(keyOf(source, image), found);
  }
  if (issues.length > 0) throw wrong(issues);
  const has = (source: string, type: string) =>
    seen.get(keyOf(source, false))?.streams.some((stream) => stream.type === type) === true;
  const timeline = renderTimeline(request, (source) => {
    const found = seen.get(keyOf(source, false));
    const streams = { hasVideo: has(source, "video"), hasAudio: has(source, "audio") };
    return found && { ...streams, durationSeconds: found.durationSeconds };
  });
  if (!timeline.ok) throw wrong(timeline.issues);
  const { totalFrames, fps } = timeline.value;
  const analysis = await renders.analyze(request, room, totalFrames);
  return {
    valid: true,
    duration_seconds: totalFrames / fps,
    total_frames: totalFrames,
    sources: request.elements.flatMap((element) => {
      if (!("source" in element)) return [];
      const { type, source } = element;
      const probed = seen.get(keyOf(source, type === "image"));
      const picture = probed?.streams.find((stream) => stream.type === "video");
      return [
        {
          ...{ source, type, checked: probed !== undefined },
          ...(probed?.durationSeconds === undefined ? {} : { duration_seconds: probed.durationSeconds }),
          ...(picture?.width === undefined ? {} : { width: picture.width }),
          ...(picture?.height === undefined ? {} : { height: picture.height }),
        },
      ];
    }),
    estimate: analysis.estimate,
    complexity: analysis.complexity,
    template: analysis.template,
    response: analysis.template === "quick_sync" ? "immediate" : "queued",
    timeout_ms: definitionFor(request, analysis).timeoutMs,
  };
}

/** @returns what an agent saw, or why it saw nothing. */
async function look(source: string, image: boolean, room: string, probes: Probes): Promise<ProbedSource | string> {
  const asked = asLookedAt(source);
  try {
    return await probes.look(probes.choose(room, asked, image), { source: asked, image, deadlineMs: PROBE_MS });
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === "SOURCE_UNREADABLE") return thrown.message;
    throw thrown;
  }
}

function asLookedAt(source: string): LookedAtSource {
  if (bucketOfSource(source) !== undefined) return { type: "s3", url: source };
  const path = pathOfSource(source);
  return path === undefined ? { type: "http", url: source } : { type: "file", path, loop: false };
}

/** The same file may be an image in one element and, wrongly, a video in another. */
const keyOf = (source: string, image: boolean): string => `${image ? "image" : "played"} ${source}`;

/** Every source, once for each way in which it is used. */
function sourcesOf({ elements }: RenderRequest): { source: string; image: boolean }[] {
  const found = new Map<string, { source: string; image: boolean }>();
  for (const element of elements) {
    if (!("source" in element)) continue;
    const used = { source: element.source, image: element.type === "image" };
    found.set(keyOf(used.source, used.image), used);
  }
  return [...found.values()];
}

const issuesOfTexts = ({ elements }: RenderRequest): Issue[] =>
  elements.flatMap(({ type }, index) =>
    type === "text"
      ? [{ path: `elements.${index}.text`, message: "no agent of the room can draw text: they lack a font" }]
      : [],
  );

const issuesOfSource = ({ elements }: RenderRequest, source: string, image: boolean, message: string): Issue[] =>
  elements.flatMap((element, index) =>
    "source" in element && element.source === source && (element.type === "image") === image
      ? [{ path: `elements.${index}.source`, message }]
      : [],
  );

const wrong = (issues: Issue[]): AppError =>
  new AppError(
    "VALIDATION_FAILED",
    `The request can't be rendered: ${issues.map(({ path, message }) => `${path}: ${message}`).join("; ")}`,
    {
      details: issues,
    },
  );
