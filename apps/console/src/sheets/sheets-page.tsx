import type { SheetOverlay } from "@stream-control/protocol";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useApi, useMay } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { useRoomList } from "../live/hooks.js";
import { Page } from "../shell/page.js";
import { hasEnded } from "../streams/status.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { SheetCard } from "./sheet-card.js";
import styles from "./sheets.module.css";

const ROOM = "default";
/** Others may change a sheet, too. */
const REFRESH_MS = 3000;
const names = new Intl.Collator(undefined, { numeric: true });

/** Team names, scores and what else overlays show of each sheet. */
export function SheetsPage() {
  const api = useApi();
  const [room, setRoom] = useState(ROOM);
  const [added, setAdded] = useState<readonly string[]>([]);
  const mayOperate = useMay("operator", room);
  const { data = [], error } = useQuery({
    queryKey: ["sheets", room],
    queryFn: ({ signal }) => api.get<SheetOverlay[]>("/v1/overlays", { room }, signal),
    refetchInterval: REFRESH_MS,
  });
  const played = useRoomList(({ jobs }) => [
    ...new Set(
      [...jobs.values()].flatMap((job) =>
        !hasEnded(job) && job.room === room && job.streamContext?.sheet ? [job.streamContext.sheet] : [],
      ),
    ),
  ]);
  const labels = [...new Set([...data.map(({ sheet }) => sheet), ...played, ...added])].sort(names.compare);
  const add = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const label = String(new FormData(event.currentTarget).get("sheet")).trim();
    if (label !== "") setAdded([...added, label]);
    event.currentTarget.reset();
  };
  return (
    <Page title="Sheets" subtitle={<p>What overlays show, in browsers and burnt into pictures.</p>}>
      <form className={styles.tools} onSubmit={add}>
        <Field label="Room">
          {(control) => <input {...control} value={room} onChange={({ target }) => setRoom(target.value.trim())} />}
        </Field>
        {mayOperate && (
          <>
            <Field label="Another sheet">
              {(control) => <input {...control} name="sheet" maxLength={50} placeholder="A" />}
            </Field>
            <Button type="submit">Add</Button>
          </>
        )}
      </form>
      {error !== null && <p role="alert">{messageOf(error)}</p>}
      {labels.length === 0 && <p>No sheet has anything to show yet.</p>}
      <ul className={styles.grid} aria-label="Sheets">
        {labels.map((label) => (
          <SheetCard key={`${room} ${label}`} room={room} label={label} mayOperate={mayOperate} />
        ))}
      </ul>
    </Page>
  );
}
