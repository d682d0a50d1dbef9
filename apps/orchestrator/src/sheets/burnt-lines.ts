import {
  type JsonObject,
  type OverlayTexts,
  SHEET_FACTS,
  type SheetFact,
  type SheetOverlay,
  type StreamContext,
  sheetLabelSchema,
} from "@stream-control/protocol";
import { z } from "zod";
import { sheetOf } from "./job-teams.js";
import { forViewers } from "./sheet.js";

/** What of a config is looked at: it is stored as it was written, without defaults. */
const configSchema = z.looseObject({
  overlay: z.looseObject({
    sheet: sheetLabelSchema.optional(),
    lines: z.array(z.looseObject({ id: z.string(), from: z.enum(SHEET_FACTS).optional() })),
  }),
});
type Bound = z.infer<typeof configSchema>;

/** Lines of a picture that say what is shown of a sheet. */
export interface BurntLines {
  /** Undefined where neither the overlay nor the stream context names one. */
  sheet: string | undefined;
  lines: readonly { id: string; from: SheetFact }[];
}

/** The lines of a stream's config that tell of a sheet; undefined where there are none. */
export function burntLines(config: JsonObject, context: StreamContext | null | undefined): BurntLines | undefined {
  const overlay = overlayOf(config);
  const lines = (overlay?.lines ?? []).flatMap(({ id, from }) => (from === undefined ? [] : [{ id, from }]));
  if (lines.length === 0) return undefined;
  return { sheet: overlay?.sheet ?? sheetOf(context), lines };
}

/** What these lines say now. Of a sheet that is not visible they say nothing, and what says nothing is not drawn. */
export function textsOf({ lines }: BurntLines, overlay: SheetOverlay): OverlayTexts {
  const facts = factsOf(forViewers(overlay));
  return Object.fromEntries(lines.map(({ id, from }) => [id, facts[from]]));
}

/** The config with these texts in its lines. */
export function withTexts(config: JsonObject, texts: OverlayTexts): JsonObject {
  const overlay = overlayOf(config);
  if (overlay === undefined) return config;
  const lines = overlay.lines.map((line) => ({
    ...line,
    ...(Object.hasOwn(texts, line.id) ? { text: texts[line.id] } : {}),
  }));
  return { ...config, overlay: { ...overlay, lines } };
}

const overlayOf = (config: JsonObject): Bound["overlay"] | undefined => configSchema.safeParse(config).data?.overlay;

function factsOf({ title, period, red, yellow, shownNames }: SheetOverlay): Record<SheetFact, string> {
  const scores = [red.score, yellow.score];
  return {
    ...{ title, period, red: shownNames.red, yellow: shownNames.yellow },
    ...{ redScore: red.score, yellowScore: yellow.score },
    score: scores.every((score) => score === "") ? "" : scores.map((score) => score || "0").join(" – "),
  };
}
