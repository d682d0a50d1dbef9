import type { JobRecord, JobSchedule, Progress } from "@stream-control/protocol";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { useAgent } from "../live/hooks.js";
import { useNow } from "../ui/clock.js";
import { bitrate, count, dayAndTime, duration, memory } from "../ui/format.js";
import styles from "./job-page.module.css";

/** What there is to know of a job at this moment. */
export function Facts({ job }: { job: JobRecord }) {
  const nowMs = useNow();
  const agent = useAgent(job.agentId);
  const { progress, streamMetadata, startedAt, endedAt } = job;
  const onAirMs =
    startedAt === null ? undefined : (endedAt === null ? nowMs : Date.parse(endedAt)) - Date.parse(startedAt);
  return (
    <dl className={styles.facts}>
      <Fact name="Job">
        <code>{job.id}</code>
      </Fact>
      <Fact name="Agent">
        {job.agentId === null ? "none yet" : <Link href="/agents">{agent?.name ?? job.agentId}</Link>}
      </Fact>
      <Fact name="Room">{job.room}</Fact>
      <Fact name="Time on air">{onAirMs === undefined ? "not yet" : duration(onAirMs)}</Fact>
      <Fact name="Submitted">
        {dayAndTime(job.createdAt)}
        {job.requestedBy !== null && ` by ${job.requestedBy}`}
      </Fact>
      {job.priority !== "normal" && <Fact name="Priority">{job.priority}</Fact>}
      {job.schedule !== null && <Schedule schedule={job.schedule} />}
      <Fact name="After a failure">
        {job.restartPolicy === "onFailure" ? `starts again (${count(job.restarts, "restart")})` : "ends"}
      </Fact>
      {streamMetadata?.viewers !== undefined && <Fact name="Viewers">{streamMetadata.viewers.toLocaleString()}</Fact>}
      {progress !== null && <Measured progress={progress} />}
    </dl>
  );
}

function Schedule({ schedule: { startAt, stopAt, stopAfterMinutes } }: { schedule: JobSchedule }) {
  return (
    <>
      {startAt !== null && <Fact name="Starts">{dayAndTime(startAt)}</Fact>}
      {stopAt !== null && <Fact name="Stops">{dayAndTime(stopAt)}</Fact>}
      {stopAfterMinutes !== null && <Fact name="Stops after">{count(stopAfterMinutes, "minute")} on air</Fact>}
    </>
  );
}

function Measured({ progress }: { progress: Progress }) {
  const { fps, bitrateKbps, speed, droppedFrames = 0, cpuPercent, memoryMiB, onAir } = progress;
  return (
    <>
      {onAir !== undefined && <Fact name="On air is">{onAir}</Fact>}
      {fps !== undefined && <Fact name="Frames a second">{fps.toFixed(1)}</Fact>}
      {bitrateKbps !== undefined && <Fact name="Bitrate">{bitrate(bitrateKbps)}</Fact>}
      {speed !== undefined && <Fact name="Speed">{speed.toFixed(2)}× real time</Fact>}
      <Fact name="Frames dropped">{droppedFrames.toLocaleString()}</Fact>
      {cpuPercent !== undefined && <Fact name="Processor">{Math.round(cpuPercent)} % of one core</Fact>}
      {memoryMiB !== undefined && <Fact name="Memory">{memory(memoryMiB)}</Fact>}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd className="figure">{children}</dd>
    </>
  );
}
