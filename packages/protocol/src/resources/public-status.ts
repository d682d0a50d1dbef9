import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { DEFAULT_ROOM, roomSchema } from "./access.js";

/** A stream as anybody may see it. */
export const publicStreamSchema = z
  .object({
    sheet: z.string().nullable(),
    title: z.string().nullable(),
    description: z.string().nullable(),
    publicLink: z.string().nullable(),
    /** Null for whoever is not signed in. */
    adminLink: z.string().nullable(),
    thumbnail: z.string().nullable(),
    /** When it began; until then, when it is announced for. */
    startTime: timestampSchema.nullable(),
    team1: z.string().nullable(),
    team2: z.string().nullable(),
    room: roomSchema.default(DEFAULT_ROOM),
  })
  .meta({ id: "PublicStream" });
export type PublicStream = z.infer<typeof publicStreamSchema>;

/** `GET /status`. */
export const publicStatusSchema = z.object({ streams: z.array(publicStreamSchema) }).meta({ id: "PublicStatus" });
export type PublicStatus = z.infer<typeof publicStatusSchema>;

/** What `/status-ws` sends, at once and on every change. */
export interface StatusUpdate {
  type: "status.update";
  ts: string;
  payload: PublicStatus;
}
