import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { useVisitor } from "../api/context.js";
import { useFeed, useLink } from "../live/hooks.js";
import { Button } from "../ui/button.js";
import { useNow } from "../ui/clock.js";
import { duration } from "../ui/format.js";
import styles from "./shell.module.css";
import { ThemeSwitch } from "./theme-switch.js";
import { YouTubeNotice } from "./youtube-notice.js";

const PAGES = [
  ["/", "Streams"],
  ["/agents", "Agents"],
  ["/sheets", "Sheets"],
  ["/history", "History"],
  ["/settings", "Settings"],
] as const;

/** The frame around every page: where one can go, who one is, and how the page stands to the orchestrator. */
export function Shell({ children }: { children: ReactNode }) {
  const [location] = useLocation();
  return (
    <div className={styles.shell}>
      <a className={styles.skip} href="#content">
        Skip to the content
      </a>
      <div>
        <header className={styles.bar}>
          <Link href="/" className={styles.brand}>
            <img src="/icon.svg" alt="" width="26" height="26" />
            Stream Control
          </Link>
          <nav className={styles.nav} aria-label="Pages">
            <ul>
              {PAGES.map(([path, name]) => (
                <li key={path}>
                  <Link href={path} aria-current={location === path ? "page" : undefined}>
                    {name}
                  </Link>
                </li>
              ))}
            </ul>
          </nav>
          <div className={styles.side}>
            <LinkLamp />
            <ThemeSwitch />
            <Who />
          </div>
        </header>
        <AwayNotice />
        <YouTubeNotice />
      </div>
      <main id="content" className={styles.main} tabIndex={-1}>
        {children}
      </main>
    </div>
  );
}

const LINK_WORDS = { connecting: "Connecting…", live: "Live", away: "Reconnecting…" } as const;

function LinkLamp() {
  const { kind } = useLink();
  return (
    <p className={styles.link} role="status" data-link={kind}>
      {LINK_WORDS[kind]}
    </p>
  );
}

/** Says that what is shown is what was last known, and what is being done about it. */
function AwayNotice() {
  const link = useLink();
  const feed = useFeed();
  const nowMs = useNow();
  if (link.kind !== "away") return null;
  return (
    <div className={styles.away}>
      <p>
        <strong>The orchestrator is away.</strong> What is shown is from {duration(nowMs - link.sinceMs)} ago. Streams
        that are on air go on; the page reconnects by itself.
      </p>
      <Button small onClick={feed.tryNow}>
        Try now
      </Button>
    </div>
  );
}

function Who() {
  const { session, signOut } = useVisitor();
  if (session.csrfToken === null) return null;
  return (
    <>
      <span className="soft">{session.name}</span>
      <Button small onClick={signOut}>
        Sign out
      </Button>
    </>
  );
}
