import { z } from "zod";

/** Answer of `GET /api/v1/models`: what was learned from the fleet's own history. */
export const modelsReplySchema = z
  .object({
    models: z.array(
      z.object({
        /** `render_time`: how long a render takes on which agent. */
        name: z.literal("render_time"),
        /** Whether it is asked; otherwise `reason` says what it lacks. */
        ready: z.boolean(),
        reason: z.string().nullable(),
        /** Completed renders that it is fitted to. */
        based_on: z.int(),
        /** What it is off by in the middle of all cases, each predicted by the others; null with too few. */
        error_percent: z.number().nullable(),
        /** What each adds to the logarithm of the time, per standard deviation. */
        features: z.array(z.object({ name: z.string(), coefficient: z.number() })),
        /** How many times as long as the others each takes for the same render, the fastest first. */
        agents: z.array(z.object({ agent_id: z.string(), times_as_long: z.number(), based_on: z.int() })),
      }),
    ),
  })
  .meta({ id: "Models" });
export type ModelsReply = z.infer<typeof modelsReplySchema>;
