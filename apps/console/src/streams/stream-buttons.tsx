import type { JobRecord } from "@stream-control/protocol";
import { useState } from "react";
import { canDo, useMay } from "../api/context.js";
import { useAgent } from "../live/hooks.js";
import { Preview } from "../preview/preview.js";
import { Button, ButtonLink } from "../ui/button.js";
import { Question } from "../ui/dialog.js";
import { EditTitle } from "./edit-title.js";
import { hasEnded, isRender, titleOf } from "./status.js";
import { StreamMenu } from "./stream-menu.js";
import { useStreamActions } from "./use-stream-actions.js";

/** The actions on one stream; those that cannot be taken back ask first. */
export function StreamButtons({ job }: { job: JobRecord }) {
  const mayOperate = useMay("operator", job.room);
  const agent = useAgent(job.agentId);
  const { busy, ask } = useStreamActions(job);
  const [open, setOpen] = useState<"stop" | "edit" | "preview">();
  const close = () => setOpen(undefined);
  const running = job.status === "RUNNING" && !isRender(job);
  const ended = hasEnded(job);
  const { isMuted, isPaused } = job.streamMetadata ?? {};
  const title = titleOf(job);
  // Seed-only agents do not say what they can, but all of them can mute.
  const mute = isMuted === true ? "unmute" : "mute";
  const pause = isPaused === true ? "unpause" : "pause";
  return (
    <>
      {running && (
        <Button small onClick={() => setOpen("preview")}>
          Preview
        </Button>
      )}
      {mayOperate && running && (
        <Button small aria-pressed={isMuted === true} disabled={busy !== undefined} onClick={() => ask(mute)}>
          {isMuted === true ? "Unmute" : "Mute"}
        </Button>
      )}
      {mayOperate && running && canDo(agent, "pause") && (
        <Button small aria-pressed={isPaused === true} disabled={busy !== undefined} onClick={() => ask(pause)}>
          {isPaused === true ? "Resume" : "Pause"}
        </Button>
      )}
      {mayOperate && !ended && (
        <Button
          small
          tone="danger"
          disabled={busy !== undefined || job.status === "STOPPING"}
          onClick={() => setOpen("stop")}
        >
          Stop
        </Button>
      )}
      {mayOperate && ended && !isRender(job) && (
        <ButtonLink small to={`/new?from=${encodeURIComponent(job.id)}`}>
          Start again
        </ButtonLink>
      )}
      {mayOperate && ended && job.dismissedAt === null && (
        <Button small disabled={busy !== undefined} onClick={() => ask("dismiss")}>
          Dismiss
        </Button>
      )}
      <StreamMenu job={job} mayOperate={mayOperate} onEdit={() => setOpen("edit")} />
      {open === "stop" && (
        <Question
          open
          onClose={close}
          title={`Stop “${title}”?`}
          description={whatStopDoes(job)}
          deed={isRender(job) ? "Stop the render" : "Stop the stream"}
          onConfirm={() => ask("stop")}
        />
      )}
      {open === "edit" && <EditTitle job={job} open onClose={close} />}
      {open === "preview" && <Preview job={job} onClose={close} />}
    </>
  );
}

/** What is lost by stopping a job. */
function whatStopDoes(job: JobRecord): string {
  if (isRender(job)) return "What it has made so far is removed.";
  return job.status === "RUNNING"
    ? "It goes off air at every destination, and its broadcast ends."
    : "It will not be started any more.";
}
