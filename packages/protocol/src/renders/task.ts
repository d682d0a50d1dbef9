import { z } from "zod";
import { idSchema } from "../primitives.js";
import { MAX_RENDER_SECONDS } from "./element.js";
import { type RenderRequest, renderRequestSchema } from "./request.js";
import type { RenderSourceFacts } from "./timeline.js";

const frame = z
  .int()
  .min(0)
  .max(MAX_RENDER_SECONDS * 120);
const frames = frame.min(1);
/** Where an agent has put something: names with slashes between them. */
const resultKeySchema = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}(\/[A-Za-z0-9_][A-Za-z0-9._-]{0,127}){0,7}$/);

/** What was seen in the sources when the whole was timed, so that all its parts are timed alike. */
const factsSchema = z
  .array(
    z.object({
      /** The element's place in the request's list. */
      element: z.int().min(0).max(99),
      hasVideo: z.boolean(),
      hasAudio: z.boolean(),
      durationSeconds: z.number().positive().optional(),
    }),
  )
  .max(100);
export type ElementFacts = z.infer<typeof factsSchema>;

/** What of a request a job renders; all of it where it says nothing. */
export const renderTaskSchema = z
  .discriminatedUnion("type", [
    /** The pictures of some frames. */
    z.object({
      type: z.literal("frames"),
      firstFrame: frame,
      frames,
      /** Of the whole. */
      totalFrames: frames,
      facts: factsSchema,
    }),
    /** The sound of all of it. */
    z.object({ type: z.literal("sound"), totalFrames: frames, facts: factsSchema }),
    /** One file out of its parts, in order. */
    z.object({
      type: z.literal("merge"),
      parts: z
        .array(z.object({ key: resultKeySchema, frames }))
        .min(1)
        .max(1000),
      /** Absent where there is no sound. */
      sound: resultKeySchema.optional(),
      totalFrames: frames,
    }),
  ])
  .meta({ id: "RenderTask" });
export type RenderTask = z.infer<typeof renderTaskSchema>;

/** The config of a job that renders. */
export const renderJobConfigSchema = z
  .object({
    kind: z.literal("render"),
    request: renderRequestSchema,
    task: renderTaskSchema.optional(),
    /** The agent looks into the finished file before it hands it out: its frames, size, length and sound. */
    qa: z.boolean().optional(),
    /** Agents that are not given the job, such as one that has another try of the same part. */
    avoidAgents: z.array(idSchema).max(100).optional(),
  })
  .meta({ id: "RenderJobConfig" });
export type RenderJobConfig = z.infer<typeof renderJobConfigSchema>;

/** What a task says of a source, as `renderTimeline` asks for it. */
export const factsFrom =
  ({ elements }: Pick<RenderRequest, "elements">, facts: ElementFacts) =>
  (source: string): RenderSourceFacts | undefined =>
    facts.find(({ element: index }) => {
      const element = elements[index];
      return element !== undefined && "source" in element && element.source === source;
    });
