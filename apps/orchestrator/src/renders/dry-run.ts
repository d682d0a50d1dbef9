import {
  bucketOfSource,
  type DryRunReply,
  type Issue,
  type ProbedSource,
  pathOfSource,
  playedSources,
  type RenderRequest,
  renderTimeline,
  type Source,
} from "@stream-control/protocol";
import { AppError } from "@stream-control/service-kit";
import type { Probes } from "../agents/probes.js";
import type { Renders } from "./renders.js";
import { definitionFor } from "./workflow/choose.js";

const PROBE_MS = 10_000;

/**
 * Checks a request without rendering it: every video and sound is looked into by an agent, under its own rules, and the
 * composition is timed.
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
  for (const source of playedSources(request)) {
    // A bucket is opened by whoever renders, with credentials of their own.
    if (bucketOfSource(source) !== undefined) continue;
    const found = await look(source, room, probes);
    if (typeof found === "string") issues.push(...issuesOfSource(request, source, found));
    else seen.set(source, found);
  }
  if (issues.length > 0) throw wrong(issues);
  const has = (source: string, type: string) =>
    seen.get(source)?.streams.some((stream) => stream.type === type) === true;
  const timeline = renderTimeline(request, (source) => {
    const found = seen.get(source);
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
      const probed = seen.get(source);
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
async function look(source: string, room: string, probes: Probes): Promise<ProbedSource | string> {
  const path = pathOfSource(source);
  const asked: Source = path === undefined ? { type: "http", url: source } : { type: "file", path, loop: false };
  try {
    return await probes.look(probes.choose(room, asked), { source: asked, deadlineMs: PROBE_MS });
  } catch (thrown) {
    if (thrown instanceof AppError && thrown.code === "SOURCE_UNREADABLE") return thrown.message;
    throw thrown;
  }
}

const issuesOfTexts = ({ elements }: RenderRequest): Issue[] =>
  elements.flatMap(({ type }, index) =>
    type === "text"
      ? [{ path: `elements.${index}.text`, message: "no agent of the room can draw text: they lack a font" }]
      : [],
  );

const issuesOfSource = ({ elements }: RenderRequest, source: string, message: string): Issue[] =>
  elements.flatMap((element, index) =>
    "source" in element && element.source === source ? [{ path: `elements.${index}.source`, message }] : [],
  );

const wrong = (issues: Issue[]): AppError =>
  new AppError(
    "VALIDATION_FAILED",
    `The request can't be rendered: ${issues.map(({ path, message }) => `${path}: ${message}`).join("; ")}`,
    {
      details: issues,
    },
  );
