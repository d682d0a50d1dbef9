import { type ReactNode, useId } from "react";
import styles from "./field.module.css";

export interface FieldProps {
  label: string;
  hint?: ReactNode;
  problem?: string | undefined;
  /** Draws the control with what ties it to its label, its hint and its problem. */
  children: (control: ControlProps) => ReactNode;
}

export interface ControlProps {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

/** A control with its label above, and what is to be said about it below. */
export function Field({ label, hint, problem, children }: FieldProps) {
  const id = useId();
  const said = [hint === undefined ? [] : [`${id}-hint`], problem === undefined ? [] : [`${id}-problem`]].flat();
  return (
    <div className={styles.field}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      {children({
        id,
        ...(said.length === 0 ? {} : { "aria-describedby": said.join(" ") }),
        ...(problem === undefined ? {} : { "aria-invalid": true }),
      })}
      {hint !== undefined && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
      {problem !== undefined && (
        <p id={`${id}-problem`} className={styles.problem}>
          {problem}
        </p>
      )}
    </div>
  );
}

/** A box to tick, with its label behind. */
export function Tick({
  label,
  hint,
  checked,
  onChange,
}: {
  label: string;
  hint?: string | undefined;
  checked: boolean;
  onChange: (checked: boolean) => void;
}) {
  const id = useId();
  return (
    <div className={styles.field}>
      <div className={styles.inline}>
        <input
          id={id}
          type="checkbox"
          checked={checked}
          onChange={(event) => onChange(event.target.checked)}
          {...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` })}
        />
        <label htmlFor={id}>{label}</label>
      </div>
      {hint !== undefined && (
        <p id={`${id}-hint`} className={styles.hint}>
          {hint}
        </p>
      )}
    </div>
  );
}
