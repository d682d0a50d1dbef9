import type { JobRecord } from "@stream-control/protocol";
import { memo, useRef } from "react";
import { Link } from "wouter";
import { useAgent, useRoomWhile } from "../live/hooks.js";
import { AudioMeter } from "../streams/audio-meter.js";
import { Badge } from "../streams/badge.js";
import { healthOf } from "../streams/health.js";
import { Picture } from "../streams/picture.js";
import { Sparkline } from "../streams/sparkline.js";
import { hasEnded, statusWord, teamsOf, titleOf } from "../streams/status.js";
import { StreamButtons } from "../streams/stream-buttons.js";
import { useVisible } from "../streams/use-visible.js";
import { useNow } from "../ui/clock.js";
import { bitrate, count, duration } from "../ui/format.js";
import styles from "./stream-card.module.css";

/** One stream of the board: drawn again when something of it changes while it can be seen, whatever becomes of others. */
export const StreamCard = memo(function StreamCard({ id }: { id: string }) {
  const card = useRef<HTMLLIElement>(null);
  const visible = useVisible(card);
  const job = useRoomWhile(visible, ({ jobs }) => jobs.get(id));
  const agent = useAgent(job?.agentId ?? null);
  if (job === undefined) return null;
  const health = healthOf(job);
  const teams = teamsOf(job);
  const viewers = job.streamMetadata?.viewers;
  const audio = job.status === "RUNNING" ? job.progress?.audio : undefined;
  return (
    <li ref={card} className={styles.card} data-tone={health.tone} data-job={id}>
      <div className={styles.screen}>
        {!hasEnded(job) && <Picture job={job} />}
        <div className={styles.over}>
          <Badge tone={health.tone}>{statusWord(job)}</Badge>
          <TimeOnAir job={job} visible={visible} />
        </div>
        {viewers !== undefined && <p className={`${styles.time} ${styles.viewers}`}>{count(viewers, "viewer")}</p>}
        {audio !== undefined && <AudioMeter levels={audio} />}
      </div>
      <div className={styles.body}>
        <div className={styles.names}>
          <h3>
            <Link href={`/jobs/${encodeURIComponent(id)}`}>{titleOf(job)}</Link>
          </h3>
          <p>
            {[teams, agent?.name ?? job.agentId ?? "no agent yet"].filter((part) => part !== undefined).join(" · ")}
          </p>
        </div>
        <div className={styles.health} data-tone={health.tone}>
          {health.words.map((words) => (
            <p key={words}>{words}</p>
          ))}
        </div>
        {!hasEnded(job) && <Trends job={job} visible={visible} />}
        <div className={styles.buttons}>
          <StreamButtons job={job} />
        </div>
      </div>
    </li>
  );
});

/** Since when it is on air; the only part of a card that changes every second by itself. */
function TimeOnAir({ job, visible }: { job: JobRecord; visible: boolean }) {
  const nowMs = useNow(visible && job.endedAt === null);
  if (job.startedAt === null) return null;
  const endMs = job.endedAt === null ? nowMs : Date.parse(job.endedAt);
  return (
    <time className={styles.time} dateTime={job.startedAt}>
      <span className="hidden-text">On air for </span>
      {duration(endMs - Date.parse(job.startedAt))}
    </time>
  );
}

function Trends({ job, visible }: { job: JobRecord; visible: boolean }) {
  const trend = useRoomWhile(visible, ({ trends }) => trends.get(job.id));
  const { progress } = job;
  if (trend === undefined || progress === null) return null;
  return (
    <div className={styles.trends}>
      <Sparkline name="fps" value={`${Math.round(progress.fps ?? 0)}`} values={trend.fps} highest={30} />
      <Sparkline
        name="bitrate"
        value={progress.bitrateKbps === undefined ? "–" : bitrate(progress.bitrateKbps)}
        values={trend.bitrateKbps}
        highest={500}
      />
      <Sparkline name="dropped" value={String(progress.droppedFrames ?? 0)} values={trend.dropped} highest={5} />
    </div>
  );
}
