import type { JobRecord } from "@stream-control/protocol";
import type { ReactNode } from "react";
import { messageOf } from "../api/orchestrator-api.js";
import { Page } from "../shell/page.js";
import { AudioMeter } from "../streams/audio-meter.js";
import { Badge } from "../streams/badge.js";
import { healthOf } from "../streams/health.js";
import { Picture } from "../streams/picture.js";
import { isRender, statusWord, teamsOf, titleOf } from "../streams/status.js";
import { StreamButtons } from "../streams/stream-buttons.js";
import { Attempts } from "./attempts.js";
import { Charts } from "./charts.js";
import { Destinations } from "./destinations.js";
import { Facts } from "./facts.js";
import styles from "./job-page.module.css";
import { LogPanel } from "./log-panel.js";
import { Timeline } from "./timeline.js";
import { useJobEventLog, useJobRecord } from "./use-job-history.js";

/** Everything about one job: what goes out, what happened, what was measured, what was said. */
export function JobPage({ id }: { id: string }) {
  const { job, error } = useJobRecord(id);
  const { data: events = [] } = useJobEventLog(id);
  if (job === undefined)
    return (
      <Page title="Stream">
        <p role={error === null ? "status" : "alert"}>{error === null ? "Loading…" : messageOf(error)}</p>
      </Page>
    );
  const { progress } = job;
  return (
    <Page title={titleOf(job)} subtitle={teamsOf(job)} actions={<StreamButtons job={job} />}>
      <State job={job} />
      {job.error !== null && <Failure job={job} />}
      <div className="two-columns">
        <div className={styles.column}>
          <div className={styles.screen}>
            {!isRender(job) && <Picture job={job} />}
            {job.status === "RUNNING" && progress?.audio !== undefined && <AudioMeter levels={progress.audio} />}
          </div>
          {progress?.destinations !== undefined && progress.destinations.length > 0 && (
            <Panel title="Destinations">
              <Destinations destinations={progress.destinations} />
            </Panel>
          )}
          <Panel title="The whole run">
            <Charts jobId={id} running={job.status === "RUNNING"} />
          </Panel>
        </div>
        <div className={styles.column}>
          <Panel title="Facts">
            <Facts job={job} />
          </Panel>
          <Panel title="What happened">
            <Timeline events={events} />
          </Panel>
        </div>
      </div>
      <Panel title="Tries">
        <Attempts events={events} />
      </Panel>
      <Panel title="Log">
        <LogPanel jobId={id} />
      </Panel>
      <Panel title="Config">
        <details>
          <summary>As it was submitted{job.templateId === null ? "" : `, by the template ${job.templateId}`}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1). */}
          <pre className="log" tabIndex={0}>
            {JSON.stringify(job.inlineConfig ?? { templateId: job.templateId }, null, 2)}
          </pre>
        </details>
      </Panel>
    </Page>
  );
}

function Panel({ title, children }: { title: string; children: ReactNode }) {
  const id = `panel-${title.toLowerCase().replaceAll(" ", "-")}`;
  return (
    <section className={styles.panel} aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      <div className={styles.scroll}>{children}</div>
    </section>
  );
}

function State({ job }: { job: JobRecord }) {
  const { tone, words } = healthOf(job);
  return (
    <div className={styles.state} role="status">
      <Badge tone={tone}>{statusWord(job)}</Badge>
      <p className={styles.health}>{words.join(" ")}</p>
    </div>
  );
}

/** Why it failed, whose fault it is, and what ffmpeg said last. */
function Failure({ job: { error, reason } }: { job: JobRecord }) {
  if (error === null) return null;
  const { detail } = error;
  const lines = detail !== undefined && typeof detail === "object" && detail !== null ? lastLines(detail) : undefined;
  return (
    <section className={`${styles.panel} ${styles.error}`} aria-labelledby="failure">
      <h2 id="failure">What went wrong</h2>
      <p>{error.message}</p>
      <p className="soft">
        {error.code}
        {reason?.fault == null ? "" : ` · at fault: ${reason.fault}`}
      </p>
      {lines !== undefined && (
        <>
          <h3>ffmpeg’s last words</h3>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1). */}
          <pre className="log" tabIndex={0}>
            {lines}
          </pre>
        </>
      )}
    </section>
  );
}

/** What ffmpeg said last, among the details of an error. */
function lastLines(detail: object): string | undefined {
  const lines: unknown = "lastLines" in detail ? detail.lastLines : undefined;
  return Array.isArray(lines) && lines.length > 0 ? lines.join("\n") : undefined;
}
