import {
  fpsOf,
  type JsonObject,
  type RenderRequest,
  renderJobConfigSchema,
  renderTimeline,
} from "@stream-control/protocol";

/** What the model knows a render by, in the order of its features. */
export const RENDER_FEATURES = [
  "log_pixels",
  "log_frames",
  "log_elements",
  "log_videos",
  "log_effects",
  "avi",
  "webm",
  "gif",
  "sound_only",
  "merge_only",
  "log_jobs_beside",
] as const;

/** What a render, or a part of one, is known by, in numbers; NaN for what is not known. See {@link RENDER_FEATURES}; the last is added later. */
export type RenderFeatures = readonly number[];

/**
 * The features of a job that renders.
 *
 * @param totalFrames where they are known better than from the request.
 * @returns undefined where the config is none that the protocol knows.
 */
export function renderFeatures(config: JsonObject, totalFrames?: number): RenderFeatures | undefined {
  const parsed = renderJobConfigSchema.safeParse(config);
  if (!parsed.success) return undefined;
  const { request, task } = parsed.data;
  const { width, height, elements, output_format: format } = request;
  const frames = (task?.type === "frames" ? task.frames : task?.totalFrames) ?? totalFrames ?? framesOf(request);
  const effects = elements.reduce(
    (sum, element) =>
      sum + (element.effects?.length ?? 0) + ("transition" in element && element.transition !== undefined ? 1 : 0),
    0,
  );
  const is = (holds: boolean) => (holds ? 1 : 0);
  return [
    Math.log(width * height),
    Math.log(frames),
    Math.log1p(elements.length),
    Math.log1p(elements.filter(({ type }) => type === "video").length),
    Math.log1p(effects),
    is(format === "avi"),
    is(format === "webm"),
    is(format === "gif"),
    is(task?.type === "sound"),
    is(task?.type === "merge"),
  ];
}

/** With how many jobs the agent has at the same time. */
export const withJobsBeside = (features: RenderFeatures, beside: number): RenderFeatures => [
  ...features,
  Math.log1p(beside),
];

/** Pixels of all frames together; NaN where the frames are not known. */
export const pixelsOf = ([logPixels = Number.NaN, logFrames = Number.NaN]: RenderFeatures): number =>
  Math.exp(logPixels + logFrames);

/** Frames of the whole; NaN where that depends on a source's length. */
function framesOf(request: RenderRequest): number {
  if (request.duration !== undefined) return Math.max(1, Math.round(request.duration * fpsOf(request)));
  // With nothing known of the sources it can be timed only where they do not count.
  const timed = renderTimeline(request, () => ({ hasVideo: true, hasAudio: true }));
  return timed.ok ? timed.value.totalFrames : Number.NaN;
}
