import { type SheetOverlay, TEAM_COLORS, type UpdateSheetOverlay } from "@stream-control/protocol";

/** What somebody has set for a sheet. */
export type SheetContent = Omit<SheetOverlay, "room" | "sheet" | "shownNames" | "version" | "updatedAt">;
/** The names of both teams; empty where there is none. */
export type TeamNamesShown = SheetOverlay["shownNames"];

export const NO_NAMES: TeamNamesShown = { red: "", yellow: "" };

/** A sheet of which nothing has been set. */
export const EMPTY_SHEET: SheetContent = {
  title: "",
  red: { name: "", color: "#c8102e", score: "" },
  yellow: { name: "", color: "#f2c500", score: "" },
  period: "",
  clock: { mode: "none", at: null },
  visible: true,
};

/** A sheet with what was given changed. */
export const changed = (before: SheetContent, change: UpdateSheetOverlay): SheetContent => ({
  title: change.title ?? before.title,
  red: team(before.red, change.red),
  yellow: team(before.yellow, change.yellow),
  period: change.period ?? before.period,
  clock: change.clock ?? before.clock,
  visible: change.visible ?? before.visible,
});

const team = (before: SheetContent["red"], change: UpdateSheetOverlay["red"]): SheetContent["red"] => ({
  name: change?.name ?? before.name,
  color: change?.color ?? before.color,
  score: change?.score ?? before.score,
});

/** The names as they are shown: while a team has none, that of the job that runs on the sheet. */
export function shownNames(content: SheetContent, ofJob: TeamNamesShown): TeamNamesShown {
  const [red = "", yellow = ""] = TEAM_COLORS.map((color) => content[color].name || ofJob[color]);
  return { red, yellow };
}

/** A sheet as viewers are shown it: of one that is not visible, nothing of what it has. */
export const forViewers = (overlay: SheetOverlay): SheetOverlay =>
  overlay.visible ? overlay : { ...overlay, ...EMPTY_SHEET, shownNames: NO_NAMES, visible: false };
