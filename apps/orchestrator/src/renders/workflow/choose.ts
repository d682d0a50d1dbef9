import { type Complexity, type RenderEstimate, type RenderRequest, renderTimeline } from "@stream-control/protocol";
import type { RetryPolicy, WorkflowDefinition } from "../../workflows/definition.js";
import type { RelaxedLimits } from "../../workflows/kind.js";
import { TEMPLATES, type TemplateName } from "./templates.js";

/** What is known of a render before it is begun. */
export interface Analysis {
  complexity: Complexity;
  /** Null where that takes a look into its sources. */
  totalFrames: number | null;
  /** Null where too few renders were completed to tell. */
  estimate: RenderEstimate | null;
  template: TemplateName;
}

/** Fewer agents that render can't share one. */
const LEAST_AGENTS = 2;

/**
 * Upper bounds in pixels that are composed, weighted by how many elements and effects lie over each other. The classes are as
 * far apart as the templates' times: 30 s, 15 min, 45 min. Where the fleet's own pace is known, that decides, and not these.
 */
const UPPER_BOUNDS: readonly (readonly [Complexity, number])[] = [
  ["simple", 5e8],
  ["moderate", 1.5e10],
  ["complex", 4.5e10],
];

const BY_COMPLEXITY: Readonly<Record<Complexity, TemplateName>> = {
  simple: "quick_sync",
  moderate: "balanced_async",
  complex: "resource_intensive",
  enterprise: "distributed",
};

/** What is answered at once has to be done by then. */
export const IMMEDIATE_MS = 30_000;
/** What was chosen without a measurement is looked at again after so much work. */
const LOOK_AGAIN_MS = 60_000;
/** An estimate is no promise. */
const MARGIN = 1.5;

/** Frames of a render, where its request alone says how many; null where a source does. */
export function framesOf(request: RenderRequest): number | null {
  const timeline = renderTimeline(request, () => ({ hasVideo: true, hasAudio: true }));
  return timeline.ok ? timeline.value.totalFrames : null;
}

/** Pixels of all frames together: what the pace of renders is measured in. */
export const pixelsOf = ({ width, height }: Pick<RenderRequest, "width" | "height">, frames: number): number =>
  width * height * frames;

/** How much there is to do. Pure. */
export function complexityOf(request: RenderRequest, frames: number | null): Complexity {
  const seen = request.elements.filter(({ type }) => type !== "audio");
  const effects = request.elements.reduce((sum, element) => sum + element.effects.length, 0);
  const weight = 1 + 0.2 * Math.max(0, seen.length - 1) + 0.2 * effects;
  // Of what nothing is known, no more is thought than that it may be a short clip: what happens corrects it.
  const work = pixelsOf(request, frames ?? 1) * weight;
  return UPPER_BOUNDS.find(([, bound]) => work <= bound)?.[0] ?? "enterprise";
}

/**
 * How a render is to be carried out: as is asked for, by its estimate where there is one, otherwise by how complex it is. Pure.
 *
 * @param agents that render: what is large is shared by several where there are.
 */
export function analyze(
  request: RenderRequest,
  frames: number | null,
  estimate: RenderEstimate | null,
  agents: number,
): Analysis {
  const complexity = complexityOf(request, frames);
  const chosen = estimate === null ? BY_COMPLEXITY[complexity] : templateFor(estimate.processing_ms);
  const possible = chosen === "distributed" && agents < LEAST_AGENTS ? "resource_intensive" : chosen;
  return { complexity, totalFrames: frames, estimate, template: request.template ?? possible };
}

function templateFor(ms: number): TemplateName {
  if (ms <= IMMEDIATE_MS) return "quick_sync";
  if (ms * MARGIN <= TEMPLATES.balanced_async.timeoutMs) return "balanced_async";
  return ms * MARGIN <= TEMPLATES.resource_intensive.timeoutMs ? "resource_intensive" : "distributed";
}

/** What of a definition follows from how the service is configured. */
export interface DefinitionOptions {
  /** How whoever is to be told is tried again. */
  notifyRetry?: RetryPolicy;
  /** For how long somebody waits for what was thought quick. */
  immediateMs?: number;
}

/** The template as this render is started with it: nothing is started that by its own estimate would be ended before it is done. */
export function definitionFor(
  request: RenderRequest,
  { template, estimate }: Analysis,
  { notifyRetry, immediateMs }: DefinitionOptions = {},
): WorkflowDefinition {
  const definition = TEMPLATES[template];
  // Parts have deadlines of their own, and there are no limits beyond those of the largest template.
  const isLookedAt = estimate === null && template !== "distributed";
  const { timeoutMs, relaxAfterMs = isLookedAt ? LOOK_AGAIN_MS : undefined } = definition;
  return {
    ...definition,
    timeoutMs: Math.max(timeoutMs, request.timeout ?? 0, Math.round((estimate?.processing_ms ?? 0) * MARGIN)),
    steps: definition.steps.map((step) =>
      step.kind === "notify" && notifyRetry !== undefined ? { ...step, retry: notifyRetry } : step,
    ),
    ...(relaxAfterMs === undefined ? {} : { relaxAfterMs: Math.min(relaxAfterMs, immediateMs ?? relaxAfterMs) }),
  };
}

/**
 * The limits for a render that takes longer than was thought. Pure.
 *
 * @param wholeMs how long it will take by its pace so far; undefined where it has none yet.
 */
export function relaxedLimits(wholeMs: number | undefined, spentMs: number, timeoutMs: number): RelaxedLimits {
  const { balanced_async: balanced, resource_intensive: intensive } = TEMPLATES;
  const neededMs = (wholeMs ?? spentMs) * MARGIN;
  const next = neededMs <= balanced.timeoutMs ? balanced : intensive;
  return {
    limits: next.name,
    timeoutMs: Math.round(Math.max(timeoutMs, next.timeoutMs, wholeMs === undefined ? 0 : neededMs)),
    relaxAfterMs: wholeMs === undefined ? spentMs + LOOK_AGAIN_MS : null,
  };
}
