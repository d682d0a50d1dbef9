import type { Assignment } from "@stream-control/agent-sdk";
import {
  bucketOfSource,
  describeIssues,
  type ErrorInfo,
  type Issue,
  issuesOf,
  parseRenderRequest,
  pathOfSource,
  type RenderRequest,
  type RenderTask,
  renderTaskSchema,
} from "@stream-control/protocol";
import { resultKey } from "../results/key.js";
import { openResults } from "../results/open.js";
import type { RenderSpec, RenderStores } from "../runner/contract.js";
import { CommandError } from "../runner/errors.js";
import { fileNameOf } from "./destinations.js";
import { checkSource } from "./paths.js";
import type { Limits } from "./prepare.js";
import { protocolIssues } from "./protocols.js";

/** Whether an assignment is a render, and not a stream. */
export const isRender = ({ config }: Pick<Assignment, "config">): boolean => config.kind === "render";

export type RenderPreparation = { ok: true; job: Pick<RenderSpec, "render"> } | { ok: false; error: ErrorInfo };

/** Reads what is to be rendered, checks it against the limits, and whether its result can be kept. */
export async function prepareRender(
  { jobId, config }: Assignment,
  limits: Limits,
  stores: RenderStores,
): Promise<RenderPreparation> {
  const parsed = parseRenderRequest(config.request);
  if (!parsed.ok) return invalid(parsed.issues);
  const asked = renderTaskSchema.optional().safeParse(config.task);
  if (!asked.success) return invalid(issuesOf(asked.error).map((issue) => ({ ...issue, path: `task.${issue.path}` })));
  const request = parsed.value;
  const task = asked.data;
  const qa = config.qa === true;
  const key = resultKey(fileNameOf(jobId), nameOf(task, request));
  // What is merged was made under each agent's own limits; nothing of the request is opened again.
  if (task?.type === "merge") return kept({ request, task, qa, file: key, ...stores });
  const issues: Issue[] = protocolIssues(protocolsOf(request), limits.allowedProtocols);
  const { maxResolution } = limits;
  if (maxResolution !== undefined && request.height > Number.parseInt(maxResolution, 10))
    issues.push({ path: "height", message: `this agent takes at most ${maxResolution}` });
  const elements: RenderRequest["elements"] = [];
  for (const [index, element] of request.elements.entries())
    elements.push(
      "source" in element
        ? { ...element, source: await checked(element.source, index, { ...limits, ...stores }, issues) }
        : element,
    );
  if (issues.length > 0) return invalid(issues);
  const drawsText = task?.type !== "sound" && elements.some(({ type }) => type === "text");
  if (drawsText && !limits.drawsText) return { ok: false, error: NO_TEXT };
  return kept({ request: { ...request, elements }, qa, file: key, ...stores, ...(task === undefined ? {} : { task }) });
}

/** What the result of a task is called in its job's folder. */
function nameOf(task: RenderTask | undefined, { output_format }: RenderRequest): string {
  if (task?.type === "frames") return `frames-${task.firstFrame}.${output_format}`;
  return `${task?.type === "sound" ? "sound" : "render"}.${output_format}`;
}

/** A render whose result can be kept. */
async function kept(render: RenderSpec["render"]): Promise<RenderPreparation> {
  try {
    await (await openResults(render.store)).prepare(render.file);
  } catch (thrown) {
    if (thrown instanceof CommandError) return { ok: false, error: thrown.info };
    throw thrown;
  }
  return { ok: true, job: { render } };
}

async function checked(
  source: string,
  index: number,
  { inputDirs, sourceBuckets }: Limits & RenderStores,
  issues: Issue[],
): Promise<string> {
  const bucket = bucketOfSource(source)?.bucket;
  if (bucket !== undefined && sourceBuckets?.names.includes(bucket) !== true) {
    const path = `elements.${index}.source`;
    issues.push({ path, message: `the bucket ${bucket} is none that this agent may read (SOURCE_BUCKETS)` });
  }
  const path = pathOfSource(source);
  if (path === undefined) return source;
  const found: Issue[] = [];
  const file = await checkSource({ type: "file", path, loop: false }, "source", inputDirs, found);
  issues.push(...found.map(({ message }) => ({ path: `elements.${index}.source`, message })));
  return file.type === "file" ? file.path : source;
}

const protocolsOf = ({ elements }: RenderRequest) =>
  elements.flatMap((element, index) => {
    if (!("source" in element)) return [];
    // Who may read which bucket is said by its name.
    if (bucketOfSource(element.source) !== undefined) return [];
    const isFile = pathOfSource(element.source) !== undefined;
    const protocol = isFile ? "file" : element.source.slice(0, element.source.indexOf(":")).toLowerCase();
    return [{ path: `elements.${index}.source`, protocol }];
  });

/** Another agent may have a font. */
const NO_TEXT: ErrorInfo = {
  code: "TEXT_UNAVAILABLE",
  message: "This agent can't draw text: its ffmpeg lacks drawtext, or there is no font (Debian: fonts-dejavu-core).",
  detail: { fault: "agent" },
};

function invalid(issues: Issue[]): RenderPreparation {
  const message = `The render can't be done on this agent: ${describeIssues(issues)}.`.slice(0, 4096);
  return { ok: false, error: { code: "CONFIG_INVALID", message, detail: { fault: "config", issues } } };
}
