import { z } from "zod";
import { timestampSchema } from "../primitives.js";
import { DEFAULT_ROOM, roomSchema } from "./access.js";

/** Label of a sheet, court or pitch, such as `A` or `vibe`: printable, at most 50 characters. */
export const sheetLabelSchema = z
  .string()
  .regex(/^[\p{L}\p{N}\p{P}\p{S}](?:[\p{L}\p{N}\p{P}\p{S} ]{0,48}[\p{L}\p{N}\p{P}\p{S}])?$/u, "must be printable text");

const shownText = (max: number) =>
  z
    .string()
    .trim()
    .max(max)
    .refine((text) => !/\p{Cc}/u.test(text), "must not contain control characters");
const color = z.string().regex(/^#[0-9a-fA-F]{6}$/, "must look like #1a2b3c");

/** The two teams of a sheet, by the colour of their stones. */
export const TEAM_COLORS = ["red", "yellow"] as const;
export const teamColorSchema = z.enum(TEAM_COLORS);
export type TeamColor = (typeof TEAM_COLORS)[number];

const teamFields = {
  name: shownText(200),
  color,
  /** A number or a few characters, such as `4`, `40` or `W`; empty where none is shown. */
  score: z.union([shownText(12), z.int().min(-999).max(99_999).transform(String)]),
};

/** `time`: the time of day. `up` and `down`: time since, or until, a moment. */
const clockSchema = z
  .strictObject({ mode: z.enum(["none", "time", "up", "down"]), at: timestampSchema.nullable().default(null) })
  .refine(({ mode, at }) => at !== null || (mode !== "up" && mode !== "down"), {
    path: ["at"],
    message: "is needed to count from or to",
  });

const fields = {
  title: shownText(200),
  /** The end, half or set: `End 5`. */
  period: shownText(60),
  clock: clockSchema,
  /** Whether anything is shown. */
  visible: z.boolean(),
};

const teamSchema = z.object(teamFields).meta({ id: "SheetTeam" });
const changeOfTeam = z.strictObject(teamFields).partial();

/** What overlays show of a sheet. */
export const sheetOverlaySchema = z
  .object({
    room: roomSchema.default(DEFAULT_ROOM),
    sheet: sheetLabelSchema,
    ...fields,
    red: teamSchema,
    yellow: teamSchema,
    /** The names as they are shown: while a team has none, that of the job that runs on the sheet. */
    shownNames: z.object({ red: z.string(), yellow: z.string() }),
    /** Goes up by one with each change; 0 for a sheet of which nothing has been set. */
    version: z.int().min(0),
    updatedAt: timestampSchema.nullable(),
  })
  .meta({ id: "SheetOverlay" });
export type SheetOverlay = z.infer<typeof sheetOverlaySchema>;

/** Body of `PUT /v1/overlays/:sheet`: what is given is changed. */
export const updateSheetOverlaySchema = z
  .strictObject({
    ...z.object(fields).partial().shape,
    red: changeOfTeam.optional(),
    yellow: changeOfTeam.optional(),
    /** The version that the change was made from; any unless given. */
    version: z.int().min(0).optional(),
  })
  .meta({ id: "UpdateSheetOverlay" });
export type UpdateSheetOverlay = z.infer<typeof updateSheetOverlaySchema>;

/** Body of `PUT /v1/teamnames`: an empty name or null takes it away. */
export const updateTeamNamesSchema = z
  .object({ sheet: sheetLabelSchema, red: teamFields.name.nullish(), yellow: teamFields.name.nullish() })
  .meta({ id: "UpdateTeamNames" });
export type UpdateTeamNames = z.infer<typeof updateTeamNamesSchema>;

/** Answer of `/v1/teamnames`: the names as they are shown; one that there is none of is left out. */
export const teamNamesSchema = z
  .object({ sheet: sheetLabelSchema, red: z.string().optional(), yellow: z.string().optional() })
  .meta({ id: "TeamNames" });
export type TeamNames = z.infer<typeof teamNamesSchema>;

/** What a page sends on `/teamnames-ws` for each name that it shows. */
export const registerTeamNameSchema = z.object({
  type: z.literal("register"),
  sheet: sheetLabelSchema,
  color: z
    .string()
    .max(20)
    .transform((text) => text.toLowerCase())
    .pipe(teamColorSchema),
  room: roomSchema.default(DEFAULT_ROOM),
});

/** What a page is told on `/teamnames-ws`, at once and on every change; `teamName` is empty where there is none. */
export interface TeamNameUpdate {
  type: "teamname.update";
  sheet: string;
  color: TeamColor;
  teamName: string;
  ts: string;
}

/** What a page is told on `/overlay-ws`, at once and on every change. */
export interface OverlayUpdate {
  type: "overlay.update";
  ts: string;
  payload: SheetOverlay;
}
