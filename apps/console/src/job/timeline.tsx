import type { JobEvent } from "@stream-control/protocol";
import { useState } from "react";
import { Field } from "../ui/field.js";
import { dayAndTime, timeOfDay } from "../ui/format.js";
import { toneOfEvent } from "./event-tone.js";
import styles from "./timeline.module.css";

const KINDS = {
  "": "Everything",
  problems: "Problems only",
  job: "The job",
  stream: "The stream",
  broadcast: "The broadcast",
};
type Kind = keyof typeof KINDS;

const isOf = (event: JobEvent, kind: Kind): boolean => {
  if (kind === "") return true;
  if (kind === "problems") return ["bad", "warn"].includes(toneOfEvent(event));
  return event.type.startsWith(`${kind}.`);
};

/** What happened to a job, the newest first. */
export function Timeline({ events }: { events: readonly JobEvent[] }) {
  const [kind, setKind] = useState<Kind>("");
  const shown = events.filter((event) => isOf(event, kind)).toReversed();
  return (
    <>
      <Field label="Show">
        {(props) => (
          <select {...props} value={kind} onChange={({ target }) => setKind(target.value as Kind)}>
            {Object.entries(KINDS).map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        )}
      </Field>
      {shown.length === 0 && <p className="soft">Nothing of that kind has happened.</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1). */}
      <ol className={styles.list} tabIndex={0} aria-label="Timeline">
        {shown.map((event) => (
          <li key={event.seq ?? event.ts + event.type} className={styles.entry} data-tone={toneOfEvent(event)}>
            <time dateTime={event.ts} title={dayAndTime(event.ts)}>
              {timeOfDay(event.ts)}
            </time>
            <code>{event.type}</code>
            <p className={styles.message}>{event.message}</p>
          </li>
        ))}
      </ol>
    </>
  );
}
