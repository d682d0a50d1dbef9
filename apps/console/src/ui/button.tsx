import type { ComponentProps } from "react";
import { Link } from "wouter";
import styles from "./button.module.css";

export interface ButtonLook {
  /** `primary`: what one came for. `danger`: what cannot be taken back. `plain`: without a frame. */
  tone?: "primary" | "danger" | "plain" | undefined;
  small?: boolean | undefined;
}

/** The class names of something that looks like a button. */
export const buttonClass = ({ tone, small }: ButtonLook = {}): string =>
  [styles.button, tone && styles[tone], small && styles.small].filter(Boolean).join(" ");

export function Button({ tone, small, ...props }: ComponentProps<"button"> & ButtonLook) {
  return <button type="button" {...props} className={buttonClass({ tone, small })} />;
}

/** A link to another page of the console that looks like a button. */
export function ButtonLink({ to, tone, small, children }: ButtonLook & { to: string; children: React.ReactNode }) {
  return (
    <Link href={to} className={buttonClass({ tone, small })}>
      {children}
    </Link>
  );
}
