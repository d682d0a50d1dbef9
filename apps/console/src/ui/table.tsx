import type { ReactNode } from "react";
import styles from "./table.module.css";

export interface TableProps {
  /** What each column is of. */
  columns: readonly string[];
  /** A last column has buttons, and needs no name that is seen. */
  actions?: boolean;
  /** Its rows. */
  children: ReactNode;
}

/** A table that scrolls by itself where it is wider than its place. */
export function Table({ columns, actions = false, children }: TableProps) {
  return (
    <div className={styles.scroll}>
      <table>
        <thead>
          <tr>
            {columns.map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
            {actions && (
              <th scope="col">
                <span className="hidden-text">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}
