import { Field, Tick } from "../ui/field.js";
import styles from "./new-stream.module.css";
import type { When, Wishes } from "./submission.js";

interface WishesProps {
  wishes: Wishes;
  onChange: (wishes: Wishes) => void;
}

const TEXTS = [
  ["context", "Occasion", "Tournament, League"],
  ["drawNumber", "Draw", ""],
  ["sheet", "Sheet", "A"],
  ["team1", "First team", ""],
  ["team2", "Second team", ""],
] as const;

/** What viewers will read: a title of one's own, or what it is made from. */
export function TitleFields({ wishes, onChange }: WishesProps) {
  return (
    <fieldset className={styles.panel}>
      <legend>Title</legend>
      <Field label="Title" hint="Empty: made from what is below.">
        {(control) => (
          <input
            {...control}
            value={wishes.title}
            maxLength={500}
            onChange={({ target }) => onChange({ ...wishes, title: target.value })}
          />
        )}
      </Field>
      <div className={styles.grid}>
        {TEXTS.map(([name, label, placeholder]) => (
          <Field key={name} label={label}>
            {(control) => (
              <input
                {...control}
                value={wishes[name]}
                placeholder={placeholder}
                maxLength={name === "drawNumber" ? 20 : 200}
                onChange={({ target }) => onChange({ ...wishes, [name]: target.value })}
              />
            )}
          </Field>
        ))}
      </div>
    </fieldset>
  );
}

const STOPS = { never: "When somebody stops it", at: "At a time", after: "After some minutes" };

/** When it starts and stops. */
export function WhenFields({ wishes, onChange }: WishesProps) {
  const { when } = wishes;
  const set = (change: Partial<When>) => onChange({ ...wishes, when: { ...when, ...change } });
  return (
    <fieldset className={styles.panel}>
      <legend>When</legend>
      <div className={styles.grid}>
        <Field label="Start at" hint="Empty: at once.">
          {(control) => (
            <input
              {...control}
              type="datetime-local"
              value={when.startAt}
              onChange={({ target }) => set({ startAt: target.value })}
            />
          )}
        </Field>
        <Field label="Stop">
          {(control) => (
            <select
              {...control}
              value={when.stop}
              onChange={({ target }) => set({ stop: target.value as When["stop"] })}
            >
              {Object.entries(STOPS).map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        {when.stop === "at" && (
          <Field label="Stop at">
            {(control) => (
              <input
                {...control}
                type="datetime-local"
                required
                value={when.stopAt}
                onChange={({ target }) => set({ stopAt: target.value })}
              />
            )}
          </Field>
        )}
        {when.stop === "after" && (
          <Field label="Minutes on air">
            {(control) => (
              <input
                {...control}
                type="number"
                min={1}
                max={10_080}
                required
                value={when.stopAfterMinutes}
                onChange={({ target }) => set({ stopAfterMinutes: target.value })}
              />
            )}
          </Field>
        )}
      </div>
    </fieldset>
  );
}

const BROADCASTS = { default: "As the room usually does", yes: "With a YouTube broadcast", no: "Without" };

/** What becomes of it when it fails, where it runs, and whether YouTube shows it. */
export function PolicyFields({ wishes, onChange }: WishesProps) {
  return (
    <fieldset className={styles.panel}>
      <legend>Behaviour</legend>
      <Tick
        label="Start again after a failure"
        hint="With growing pauses; on another agent where its own is gone."
        checked={wishes.restart}
        onChange={(restart) => onChange({ ...wishes, restart })}
      />
      <div className={styles.grid}>
        <Field label="YouTube">
          {(control) => (
            <select
              {...control}
              value={wishes.youtube}
              onChange={({ target }) => onChange({ ...wishes, youtube: target.value as Wishes["youtube"] })}
            >
              {Object.entries(BROADCASTS).map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Room" hint="Empty: your own.">
          {(control) => (
            <input
              {...control}
              value={wishes.room}
              onChange={({ target }) => onChange({ ...wishes, room: target.value.trim() })}
            />
          )}
        </Field>
      </div>
    </fieldset>
  );
}
