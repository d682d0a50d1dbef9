import type { Alarm, DestinationStatus, JobRecord, OnAir } from "@stream-control/protocol";
import { dayAndTime } from "../ui/format.js";
import { isRender, renderedShare } from "./status.js";

/** Green, amber, red; `idle` for what is not meant to be on air. */
export type Tone = "good" | "warn" | "bad" | "idle";

/** How a stream is, at a glance and in words. */
export interface Health {
  tone: Tone;
  /** What there is to say, the worst first. Never empty. */
  words: readonly [string, ...string[]];
}

type Remark = readonly [tone: "warn" | "bad", words: string];

const ALARM_REMARKS: Record<Alarm, Remark> = {
  black: ["bad", "The picture is black."],
  frozen: ["bad", "The picture is frozen."],
  silent: ["warn", "There is no sound."],
  clipping: ["warn", "The sound is clipping."],
  slow: ["warn", "The encoder is slower than real time."],
  reconnecting: ["warn", "A destination is being reconnected."],
};

const ON_AIR_REMARKS: Partial<Record<OnAir, Remark>> = {
  backup: ["warn", "The source is lost; the backup is on air."],
  slate: ["bad", "The source is lost; the slate is on air."],
};

/** Below this many output seconds per second an encoder falls behind. */
const TOO_SLOW = 0.95;

/** Why a stream is as it is; pure, so that every case can be tested as a value. */
export function healthOf(job: JobRecord, nowMs: number = Date.now()): Health {
  const because = job.reason?.message;
  switch (job.status) {
    case "RUNNING":
      return isRender(job) ? rendering(job) : running(job);
    case "FAILED":
      return { tone: "bad", words: [job.error?.message ?? because ?? "It failed."] };
    case "UNKNOWN":
      return { tone: "bad", words: [because ?? "Its agent is away; whether it is on air is not known."] };
    case "CREATED":
    case "PENDING":
      if (isAhead(job, nowMs)) return { tone: "idle", words: [`Starts ${dayAndTime(job.schedule?.startAt ?? "")}.`] };
      return { tone: "warn", words: [job.pendingReason ?? because ?? "Waiting for an agent."] };
    case "ASSIGNED":
    case "ACCEPTED":
    case "STARTING":
      return {
        tone: "warn",
        words: [job.restarts > 0 ? `Starting again, try ${job.restarts + 1}.` : "Starting on its agent."],
      };
    case "STOPPING":
      return { tone: "idle", words: ["Stopping."] };
    case "STOPPED":
    case "CANCELED":
      return { tone: "idle", words: [because ?? (job.status === "STOPPED" ? "It was stopped." : "It was canceled.")] };
  }
}

/** Whether it waits for its time, not for an agent. */
const isAhead = ({ status, schedule }: JobRecord, nowMs: number = Date.now()): boolean =>
  status === "PENDING" && schedule?.startAt != null && Date.parse(schedule.startAt) > nowMs;

/** A render is as far as its frames. */
function rendering(job: JobRecord): Health {
  const share = renderedShare(job);
  const words =
    share === undefined
      ? `It is ${job.progress?.render?.step ?? "beginning"}.`
      : `${Math.floor(share * 100)} % are done.`;
  return { tone: "good", words: [words] };
}

function running({ progress, streamMetadata }: JobRecord): Health {
  if (progress === null) return { tone: "good", words: ["On air; its agent reports no measurements."] };
  const remarks: Remark[] = [];
  const onAir = ON_AIR_REMARKS[progress.onAir ?? "program"];
  if (onAir !== undefined) remarks.push(onAir);
  for (const alarm of progress.alarms ?? []) if (saysMore(alarm, progress.onAir)) remarks.push(ALARM_REMARKS[alarm]);
  remarks.push(...destinationRemarks(progress.destinations ?? []));
  const { speed } = progress;
  if (speed !== undefined && speed > 0 && speed < TOO_SLOW && !progress.alarms?.includes("slow"))
    remarks.push(["warn", `The encoder runs at ${speed.toFixed(2)}× real time.`]);
  const held = heldBack(streamMetadata);
  const worst = [...remarks].sort(([a], [b]) => Number(b === "bad") - Number(a === "bad"));
  const [first, ...others] = [...worst.map(([, words]) => words), ...held];
  if (first === undefined) return { tone: "good", words: ["Everything is fine."] };
  const tone = remarks.some(([tone]) => tone === "bad") ? "bad" : remarks.length + held.length > 0 ? "warn" : "good";
  return { tone, words: [first, ...others] };
}

/** What an operator has done on purpose, and should not forget. */
const heldBack = (metadata: JobRecord["streamMetadata"]): string[] => [
  ...(metadata?.isPaused === true ? ["Paused: the holding picture is on air."] : []),
  ...(metadata?.isMuted === true ? ["Muted."] : []),
];

/** A slate has no sound and does not move: that follows from what is said already. A retry is told by its destination. */
function saysMore(alarm: Alarm, onAir: OnAir | undefined): boolean {
  if (alarm === "reconnecting") return false;
  return onAir === undefined || onAir === "program" || onAir === "backup" || alarm === "slow";
}

function destinationRemarks(destinations: readonly DestinationStatus[]): Remark[] {
  const down = destinations.filter(({ state }) => state === "FAILED" || state === "RETRYING");
  const nobody = down.length > 0 && down.length === destinations.length;
  return down.map(({ id, state, message }) => [
    nobody || state === "FAILED" ? "bad" : "warn",
    `${state === "FAILED" ? "Given up" : "Reconnecting"}: ${id}${message === undefined ? "." : ` — ${message}`}`,
  ]);
}
