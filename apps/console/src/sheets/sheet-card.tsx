import type { SheetOverlay, TeamColor, UpdateSheetOverlay } from "@stream-control/protocol";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { useApi } from "../api/context.js";
import { Button, buttonClass } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { useSaying } from "../ui/toasts.js";
import { nextScore } from "./next-score.js";
import styles from "./sheets.module.css";

const TEAMS = [
  ["red", "Red team"],
  ["yellow", "Yellow team"],
] as const satisfies readonly (readonly [TeamColor, string])[];
const REFRESH_MS = 3000;

export interface SheetCardProps {
  room: string;
  label: string;
  mayOperate: boolean;
}

/** One sheet: its teams and their scores, the end that is played, and whether the overlay is shown. */
export function SheetCard({ room, label, mayOperate }: SheetCardProps) {
  const api = useApi();
  const queries = useQueryClient();
  const { failed } = useSaying();
  const path = `/v1/overlays/${encodeURIComponent(label)}?room=${encodeURIComponent(room)}`;
  const queryKey = ["sheets", room, label];
  const { data: sheet } = useQuery({
    queryKey,
    queryFn: ({ signal }) => api.get<SheetOverlay>(path, {}, signal),
    refetchInterval: REFRESH_MS,
  });
  if (sheet === undefined) return null;
  const change = (next: UpdateSheetOverlay) => {
    // Made from what is shown here: where somebody was faster, nothing of theirs is undone.
    api
      .send<SheetOverlay>("PUT", path, { ...next, version: sheet.version })
      .then((saved) => queries.setQueryData(queryKey, saved))
      .catch((error: unknown) => {
        failed(`Sheet ${label} was not changed`, error);
        void queries.invalidateQueries({ queryKey });
      });
  };
  const save = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    const text = (name: string) => String(given.get(name)).trim();
    change({
      red: { name: text("red") },
      yellow: { name: text("yellow") },
      period: text("period"),
      title: text("title"),
    });
  };
  const overlay = `/overlay/${encodeURIComponent(label)}${room === "default" ? "" : `?room=${encodeURIComponent(room)}`}`;
  return (
    <li className={styles.card} data-sheet={label}>
      <div className={styles.head}>
        <h2>Sheet {label}</h2>
        <a className={buttonClass({ small: true })} href={overlay} target="_blank" rel="noreferrer">
          Overlay ↗
        </a>
      </div>
      {TEAMS.map(([color, name]) => (
        <fieldset key={color} className={styles.team} disabled={!mayOperate}>
          <legend className="hidden-text">
            {name}: {sheet.shownNames[color]}
          </legend>
          <span className={styles.stone} style={{ background: sheet[color].color }} />
          <span className={styles.name}>{sheet.shownNames[color] || "–"}</span>
          <Button
            small
            aria-label={`${name} one less`}
            onClick={() => change({ [color]: { score: nextScore(sheet[color].score, -1) } })}
          >
            −
          </Button>
          <output className={styles.score} aria-label={`Score of the ${name.toLowerCase()}`}>
            {sheet[color].score || "–"}
          </output>
          <Button
            small
            aria-label={`${name} one more`}
            onClick={() => change({ [color]: { score: nextScore(sheet[color].score, 1) } })}
          >
            +
          </Button>
        </fieldset>
      ))}
      {mayOperate && (
        <details>
          <summary>Names and words</summary>
          {/* Filled in anew when somebody else has changed the sheet. */}
          <form key={sheet.version} className={styles.form} onSubmit={save}>
            {TEAMS.map(([color, name]) => (
              <Field
                key={color}
                label={name}
                hint={sheet[color].name === "" ? "Empty: as the stream says." : undefined}
              >
                {(control) => <input {...control} name={color} maxLength={200} defaultValue={sheet[color].name} />}
              </Field>
            ))}
            <Field label="End, half or set">
              {(control) => <input {...control} name="period" maxLength={60} defaultValue={sheet.period} />}
            </Field>
            <Field label="Title">
              {(control) => <input {...control} name="title" maxLength={200} defaultValue={sheet.title} />}
            </Field>
            <Button type="submit">Save</Button>
          </form>
        </details>
      )}
      {mayOperate && (
        <div className={styles.head}>
          <Button small aria-pressed={sheet.visible} onClick={() => change({ visible: !sheet.visible })}>
            {sheet.visible ? "Hide the overlay" : "Show the overlay"}
          </Button>
          <Button
            small
            aria-pressed={sheet.clock.mode === "time"}
            onClick={() => change({ clock: { mode: sheet.clock.mode === "time" ? "none" : "time", at: null } })}
          >
            Time of day
          </Button>
        </div>
      )}
    </li>
  );
}
