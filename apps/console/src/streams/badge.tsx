import type { ReactNode } from "react";
import styles from "./badge.module.css";
import type { Tone } from "./health.js";

/** A state in a word, in the colour of how good that is. */
export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return (
    <span className={tone === "idle" ? styles.badge : `${styles.badge} ${styles[tone]}`} data-tone={tone}>
      {children}
    </span>
  );
}
