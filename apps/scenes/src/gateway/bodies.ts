import { ActionSchema, create, type MessageInitShape, type Action as WireAction } from "@stream-control/proto/scenes";
import { DEFAULT_ROOM, roomSchema } from "@stream-control/protocol";
import { z } from "zod";
import { configMessage } from "../wire/config-message.js";
import { momentOf, rundownSchema, startSchema } from "../wire/rundown-schema.js";

/** What every command may say beside what it is. */
export const orderSchema = z.object({
  command_id: z.string().min(1).max(128).optional(),
  at_ms: z.int().min(0).optional(),
  if_scene: z.string().min(1).max(200).optional(),
  if_revision: z.int().min(0).optional(),
});
export type Order = z.infer<typeof orderSchema>;

/** `POST /streams`: the rundown, and where the timeline belongs. */
export const newStreamSchema = (nowMs: number) =>
  z.intersection(
    rundownSchema(nowMs),
    z.object({ stream_id: z.string().min(1).max(128).optional(), room: roomSchema.default(DEFAULT_ROOM) }),
  );

/** A year. */
const MAX_DELTA_MS = 366 * 86_400_000;
export const adjustSchema = z.object({ delta_ms: z.int().min(-MAX_DELTA_MS).max(MAX_DELTA_MS) });
export const statusSchema = z.object({
  status: z.string().min(1).max(2000),
  message: z.string().max(2000).default(""),
});

const scene = z.object({ scene: z.string().min(1).max(200) });
const nothing = z.object({});

/** One action of a batch: an object with one entry, `{"pause": {}}`. */
export const actionSchema = (nowMs: number) =>
  z
    .union(
      [
        z.object({ start: startSchema }).strict(),
        ...(["stop", "pause", "resume", "skip", "reset", "take", "hold", "release"] as const).map((name) =>
          z.object({ [name]: nothing }).strict(),
        ),
        z.object({ force: scene }).strict(),
        z.object({ cue: z.object({ scene: z.string().max(200).nullable() }) }).strict(),
        z.object({ adjust: adjustSchema }).strict(),
        z.object({ status: statusSchema }).strict(),
        z.object({ reconfigure: rundownSchema(nowMs) }).strict(),
      ],
      {
        error:
          'must be one of start, stop, pause, resume, skip, reset, take, hold, release, force, cue, adjust, status, reconfigure, such as {"pause": {}}',
      },
    )
    .transform((given) => wireAction(given as Record<string, unknown>, nowMs));

export const batchSchema = (nowMs: number) =>
  orderSchema.extend({ actions: z.array(actionSchema(nowMs)).min(1).max(50) });

function wireAction(given: Record<string, unknown>, nowMs: number): WireAction {
  const [[name = "", value] = []] = Object.entries(given);
  const fields = value as never;
  return create(ActionSchema, { command: commandOf(name, fields, nowMs) });
}

type Fields = z.infer<typeof startSchema> &
  z.infer<typeof adjustSchema> &
  z.infer<typeof statusSchema> & { scene: string | null } & z.infer<ReturnType<typeof rundownSchema>>;

function commandOf(
  name: string,
  fields: Fields,
  nowMs: number,
): NonNullable<MessageInitShape<typeof ActionSchema>["command"]> {
  switch (name) {
    case "start": {
      const startAtMs = fields.start_at_ms ?? momentOf(fields.start_at, fields.time_zone, nowMs);
      return { case: "start", value: startAtMs === null ? {} : { startAtMs: BigInt(startAtMs) } };
    }
    case "skip":
      return { case: "skipScene", value: {} };
    case "force":
      return { case: "forceScene", value: { scene: fields.scene ?? "" } };
    case "cue":
      return { case: "cue", value: { scene: fields.scene ?? "" } };
    case "adjust":
      return { case: "adjustTime", value: { deltaMs: BigInt(fields.delta_ms) } };
    case "status":
      return { case: "updateStreamStatus", value: { status: fields.status, message: fields.message } };
    case "reconfigure":
      return { case: "reconfigure", value: { config: configMessage(fields) } };
    default:
      return { case: name as "stop" | "pause" | "resume" | "reset" | "take" | "hold" | "release", value: {} };
  }
}
