import { z } from "zod";
import { type Issue, issuesOf, type ParseResult } from "../parse-result.js";
import { idSchema, jsonObjectSchema } from "../primitives.js";
import { loadBalancingStrategySchema } from "../resources/configuration.js";
import { prioritySchema } from "../resources/priority.js";
import { MAX_RENDER_SECONDS, renderColorSchema, renderElementSchema } from "./element.js";

export const RENDER_FORMATS = ["mp4", "mov", "avi", "webm", "gif"] as const;
export type RenderFormat = (typeof RENDER_FORMATS)[number];

/** The ways in which a render is carried out; `distributed`: cut into parts that several agents render. */
export const RENDER_TEMPLATES = ["quick_sync", "balanced_async", "resource_intensive", "distributed"] as const;

/** Milliseconds that a render may take where nobody says anything else. */
export const DEFAULT_RENDER_TIMEOUT_MS = 3_600_000;

const even = (value: number) => value % 2 === 0;

/** GIF counts in hundredths of a second. */
const GIF_RATES = [5, 10, 20, 25, 50];
const DEFAULT_FPS = 30;
const DEFAULT_GIF_FPS = 20;

/** Frames a second of what is rendered. */
export const fpsOf = ({ fps, output_format }: Pick<RenderRequest, "fps" | "output_format">): number =>
  fps ?? (output_format === "gif" ? DEFAULT_GIF_FPS : DEFAULT_FPS);

const callbackUrlSchema = z.url({ protocol: /^https?$/, error: "must be an address with http or https" }).max(2048);

/** Body of `POST /api/v1/orchestrate`. What it does not name is refused, so that nothing is silently left out. */
export const renderRequestSchema = z
  .strictObject({
    /** The client's own; one is made unless given. The same id again is the same render. */
    id: idSchema.optional(),
    output_format: z.enum(RENDER_FORMATS).default("mp4"),
    /** 4:2:0 video needs even sizes. */
    width: z.int().min(16).max(7680).refine(even, "must be even"),
    height: z.int().min(16).max(4320).refine(even, "must be even"),
    fps: z.int().min(1).max(120).optional(),
    /** Seconds of the whole; to the end of the last element unless given. */
    duration: z.number().min(0.01).max(MAX_RENDER_SECONDS).optional(),
    /** Colour of what no element covers. */
    background: renderColorSchema.default("#000000"),
    elements: z
      .array(renderElementSchema)
      .min(1)
      .max(100)
      .superRefine((elements, context) => {
        const seen = new Set<string>();
        for (const [index, { id }] of elements.entries()) {
          if (id !== undefined && seen.has(id))
            context.addIssue({ code: "custom", path: [index, "id"], message: `"${id}" is used twice` });
          if (id !== undefined) seen.add(id);
        }
      }),
    /** The lane that it waits in while there is no slot for it. */
    priority: prioritySchema.default("normal"),
    /** How the agent that renders is chosen; as configured unless given. */
    placement: loadBalancingStrategySchema.optional(),
    /** Milliseconds that rendering may take once it has begun; what the service is configured to allow unless given. */
    timeout: z.int().min(1000).max(86_400_000).optional(),
    /** Where the end of the render is told, by one signed request; `webhook_url` is another name of it. */
    callback_url: callbackUrlSchema.optional(),
    webhook_url: callbackUrlSchema.optional(),
    /** How it is carried out; chosen by how much there is to do unless given. */
    template: z.enum(RENDER_TEMPLATES).optional(),
    /** Given back with the status, unread. */
    metadata: jsonObjectSchema.optional(),
  })
  .refine(({ callback_url: one, webhook_url: other }) => one === undefined || other === undefined || one === other, {
    path: ["webhook_url"],
    message: "differs from callback_url; give one of them",
  })
  .refine(({ output_format, fps }) => output_format !== "gif" || fps === undefined || GIF_RATES.includes(fps), {
    path: ["fps"],
    message: `must be one of ${GIF_RATES.join(", ")} for gif`,
  })
  .meta({ id: "RenderRequest" });
export type RenderRequest = z.infer<typeof renderRequestSchema>;
/** A request as a client may write it, defaults left out. */
export type RenderRequestInput = z.input<typeof renderRequestSchema>;

/** More mistakes than anybody mends in one go. */
const MAX_ISSUES = 200;

/** Parses a request; every mistake comes with its path, fields that are not known included. */
export function parseRenderRequest(input: unknown): ParseResult<RenderRequest> {
  const result = renderRequestSchema.safeParse(input);
  if (result.success) return { ok: true, value: result.data };
  const issues: Issue[] = result.error.issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => ({ path: [...issue.path, key].map(String).join("."), message: "is not supported" }))
      : issuesOf({ issues: [issue] }),
  );
  return { ok: false, issues: issues.slice(0, MAX_ISSUES) };
}

/** The feature by which an agent says that it renders. */
export const RENDERS_FEATURE = "renders";
