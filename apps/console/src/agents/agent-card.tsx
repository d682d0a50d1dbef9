import type { AgentRecord, AgentState } from "@stream-control/protocol";
import { memo, useState } from "react";
import { Link } from "wouter";
import { useApi, useMay } from "../api/context.js";
import { useAgent, useJob, useRoom } from "../live/hooks.js";
import { Badge } from "../streams/badge.js";
import type { Tone } from "../streams/health.js";
import { titleOf } from "../streams/status.js";
import { Button } from "../ui/button.js";
import { useNow } from "../ui/clock.js";
import { ago, bitrate, count, dayAndTime, memory } from "../ui/format.js";
import { useSaying } from "../ui/toasts.js";
import { AgentLog } from "./agent-log.js";
import styles from "./agents-page.module.css";
import { DrainDialog } from "./drain-dialog.js";
import { Gauge } from "./gauge.js";

const TONES: Record<AgentState, Tone> = {
  OFFLINE: "bad",
  IDLE: "good",
  RESERVED: "good",
  STARTING: "good",
  RUNNING: "good",
  STOPPING: "good",
  ERROR: "bad",
  DRAINING: "warn",
};

/** One encoder box: what it does, how busy it is, and taking it out of service. */
export const AgentCard = memo(function AgentCard({ id }: { id: string }) {
  const agent = useAgent(id);
  if (agent === undefined) return null;
  return (
    <li className={styles.card} data-agent={id}>
      <div className={styles.head}>
        <h2>{agent.name}</h2>
        <Badge tone={TONES[agent.state]}>{agent.state}</Badge>
      </div>
      {agent.error !== null && <p role="status">{agent.error.message}</p>}
      <Figures agent={agent} />
      <Actions agent={agent} />
    </li>
  );
});

function Figures({ agent }: { agent: AgentRecord }) {
  const { capabilities, load, currentJobIds } = agent;
  const { slots, maxResolution, videoEncoders, ffmpegVersion } = capabilities;
  return (
    <dl className={styles.facts}>
      <dt>Slots</dt>
      <dd>
        <Gauge
          name="Slots"
          share={slots === 0 ? 1 : currentJobIds.length / slots}
          words={`${currentJobIds.length} of ${slots}`}
        />
      </dd>
      {load?.cpuPercent !== undefined && (
        <>
          <dt>Processor</dt>
          <dd>
            <Gauge name="Processor" share={load.cpuPercent / 100} words={`${Math.round(load.cpuPercent)} %`} />
          </dd>
        </>
      )}
      {load?.memoryUsedMiB !== undefined && load.memoryTotalMiB !== undefined && (
        <>
          <dt>Memory</dt>
          <dd>
            <Gauge
              name="Memory"
              share={load.memoryUsedMiB / load.memoryTotalMiB}
              words={`${memory(load.memoryUsedMiB)} of ${memory(load.memoryTotalMiB)}`}
            />
          </dd>
        </>
      )}
      {load?.networkTxKbps !== undefined && (
        <>
          <dt>Network</dt>
          <dd className="figure">
            ↑ {bitrate(load.networkTxKbps)} · ↓ {bitrate(load.networkRxKbps ?? 0)}
          </dd>
        </>
      )}
      <dt>Streams</dt>
      <dd>
        {currentJobIds.length === 0 ? (
          "none"
        ) : (
          <ul>
            {currentJobIds.map((jobId) => (
              <JobLink key={jobId} id={jobId} />
            ))}
          </ul>
        )}
      </dd>
      {videoEncoders !== undefined && (
        <>
          <dt>Encoders</dt>
          <dd>
            <EncoderLoad jobIds={currentJobIds} />
            {videoEncoders.join(", ") || "none"}
            {maxResolution === undefined ? "" : `, up to ${maxResolution}`}
          </dd>
        </>
      )}
      <dt>Version</dt>
      <dd>
        {agent.version}
        {ffmpegVersion === undefined ? "" : `, ffmpeg ${ffmpegVersion}`}
      </dd>
      <dt>Id, room</dt>
      <dd>
        <code>{agent.id}</code>, {agent.room}
      </dd>
      <dt>Last seen</dt>
      <dd>
        <LastSeen agent={agent} />
      </dd>
    </dl>
  );
}

/** What the encodes that run use together, as their own processes were measured. */
function EncoderLoad({ jobIds }: { jobIds: readonly string[] }) {
  const percent = useRoom(({ jobs }) =>
    Math.round(jobIds.reduce((sum, id) => sum + (jobs.get(id)?.progress?.cpuPercent ?? 0), 0)),
  );
  if (jobIds.length === 0) return null;
  return (
    <p className="figure">
      {count(jobIds.length, "encode")}, {percent} % of one core
    </p>
  );
}

function JobLink({ id }: { id: string }) {
  const job = useJob(id);
  return (
    <li>
      <Link href={`/jobs/${encodeURIComponent(id)}`}>{job === undefined ? id : titleOf(job)}</Link>
    </li>
  );
}

function LastSeen({ agent: { lastSeenAt, state } }: { agent: AgentRecord }) {
  const nowMs = useNow();
  return <time dateTime={lastSeenAt}>{state === "OFFLINE" ? ago(lastSeenAt, nowMs) : "connected"}</time>;
}

function Actions({ agent }: { agent: AgentRecord }) {
  const api = useApi();
  const { failed } = useSaying();
  const mayOperate = useMay("operator", agent.room);
  const [open, setOpen] = useState<"drain" | "log">();
  const close = () => setOpen(undefined);
  const undrain = () => {
    api
      .send("POST", `/v1/agents/${encodeURIComponent(agent.id)}/drain`, { drain: false })
      .catch((error: unknown) => failed(`${agent.name} could not be brought back to service`, error));
  };
  return (
    <>
      {agent.drain && agent.drainDeadlineAt !== null && (
        <p>What still runs is moved or stopped at {dayAndTime(agent.drainDeadlineAt)}.</p>
      )}
      <div className={styles.buttons}>
        <Button small onClick={() => setOpen("log")} disabled={agent.currentJobIds.length === 0}>
          Log
        </Button>
        {mayOperate &&
          (agent.drain ? (
            <Button small onClick={undrain}>
              Back to service
            </Button>
          ) : (
            <Button small onClick={() => setOpen("drain")}>
              Drain
            </Button>
          ))}
      </div>
      {open === "log" && <AgentLog agent={agent} onClose={close} />}
      {open === "drain" && <DrainDialog agent={agent} onClose={close} />}
    </>
  );
}
