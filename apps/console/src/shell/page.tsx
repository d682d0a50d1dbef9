import { type ReactNode, useEffect, useRef } from "react";
import styles from "./page.module.css";

export interface PageProps {
  title: string;
  subtitle?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

/** One page of the console: its heading, what can be done from there, its content. */
export function Page({ title, subtitle, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Stream Control`;
  }, [title]);
  // Whoever follows a link without seeing the page hears where they are; not at the first one, which the browser reads.
  useEffect(() => {
    if (history.state !== null || document.activeElement !== document.body) heading.current?.focus();
  }, []);
  return (
    <>
      <div className={styles.head}>
        <div className={styles.title}>
          <h1 ref={heading} tabIndex={-1}>
            {title}
          </h1>
          {subtitle !== undefined && <div className="soft">{subtitle}</div>}
        </div>
        {actions !== undefined && <div className={styles.actions}>{actions}</div>}
      </div>
      <div className={styles.page}>{children}</div>
    </>
  );
}
