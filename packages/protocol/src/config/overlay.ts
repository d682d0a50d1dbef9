import { z } from "zod";
import { sheetLabelSchema } from "../resources/sheet.js";
import { pathSchema } from "./source.js";

const color = z.string().regex(/^#[0-9a-fA-F]{6}$/, "must look like #1a2b3c");
/** Of the room that is left beside what is drawn: 0 is the left or upper edge, 100 the right or lower one. */
const place = z.number().min(0).max(100);

/** What a line says; an empty one is not drawn, its box neither. */
export const overlayTextSchema = z
  .string()
  .max(200)
  .refine((text) => !/[^\P{Cc}\n]/u.test(text), "must not contain control characters, but for line breaks");

const lineId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, "must be letters, digits, - or _, at most 32");

/** What of a sheet a line can say; `score` is that of both teams. */
export const SHEET_FACTS = ["title", "red", "yellow", "redScore", "yellowScore", "score", "period"] as const;
export type SheetFact = (typeof SHEET_FACTS)[number];

/** One line that is drawn into the picture. */
export const overlayLineSchema = z
  .object({
    /** By which its text is changed while the stream is on air. */
    id: lineId,
    /** `clock`: the time of day on the agent, in place of the text. */
    kind: z.enum(["text", "clock"]).default("text"),
    text: overlayTextSchema.default(""),
    /** Says this of the overlay's sheet, in place of the text, and follows it while the stream is on air. */
    from: z.enum(SHEET_FACTS).optional(),
    xPercent: place.default(4),
    yPercent: place.default(94),
    /** Height of the letters, of the picture's. */
    heightPercent: z.number().min(1).max(40).default(5),
    color: color.default("#ffffff"),
    /** Colour behind the text; null for none. */
    box: color.nullable().default("#000000"),
    boxOpacity: z.number().min(0).max(1).default(0.6),
  })
  .meta({ id: "OverlayLine" });
export type OverlayLine = z.infer<typeof overlayLineSchema>;

/** What the agent burns into the picture of the source, not into slates. */
export const overlaySchema = z
  .object({
    /** The sheet that lines with `from` tell of; the one of the job's stream context unless given. */
    sheet: sheetLabelSchema.optional(),
    lines: z.array(overlayLineSchema).max(8).default([]),
    /** A PNG on the agent's disk, with its transparency. */
    logo: z
      .object({
        path: pathSchema,
        xPercent: place.default(96),
        yPercent: place.default(4),
        heightPercent: z.number().min(1).max(100).default(10),
      })
      .optional(),
  })
  .superRefine(({ lines }, context) => {
    for (const [index, { id, kind, from }] of lines.entries()) {
      if (lines.findIndex((other) => other.id === id) < index)
        context.addIssue({ code: "custom", path: ["lines", index, "id"], message: `"${id}" is used twice` });
      if (kind === "clock" && from !== undefined)
        context.addIssue({ code: "custom", path: ["lines", index, "from"], message: "a clock says nothing else" });
    }
  })
  .meta({ id: "Overlay" });
export type Overlay = z.infer<typeof overlaySchema>;

/** New texts by the ids of their lines; others stay. */
export const overlayTextsSchema = z
  .record(lineId, overlayTextSchema)
  .refine((texts) => Object.keys(texts).length > 0, "must name a line")
  .refine((texts) => Object.keys(texts).length <= 8, "must name at most 8 lines");
export type OverlayTexts = z.infer<typeof overlayTextsSchema>;

/** Body of `PUT /v1/jobs/:id/overlay`. */
export const setOverlaySchema = z.object({ texts: overlayTextsSchema }).meta({ id: "SetOverlay" });
