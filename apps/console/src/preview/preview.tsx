import type { JobRecord } from "@stream-control/protocol";
import { useEffect, useRef, useState } from "react";
import { canDo, useApi } from "../api/context.js";
import { messageOf, type OrchestratorApi } from "../api/orchestrator-api.js";
import { useAgent } from "../live/hooks.js";
import { Picture } from "../streams/picture.js";
import { titleOf } from "../streams/status.js";
import { Dialog } from "../ui/dialog.js";
import { type Player, playHls, playRelay } from "./players.js";
import styles from "./preview.module.css";

/** Shows what goes out, with its sound. */
export function Preview({ job, onClose }: { job: JobRecord; onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title={titleOf(job)} wide closeLabel="Close">
      <Screen job={job} />
    </Dialog>
  );
}

/** Plays it with the shortest delay that the agent can give; where there is no way, the pictures go on. */
function Screen({ job }: { job: JobRecord }) {
  const api = useApi();
  const agent = useAgent(job.agentId);
  const relayed = canDo(agent, "preview");
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState<string>();
  const { id } = job;
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    let player: Player | undefined;
    let gone = false;
    const onEnd = (why: string) => setProblem(`The preview ended: ${why}.`);
    start(api, id, relayed, element, onEnd)
      .then((started) => {
        if (gone) started.stop();
        else player = started;
      })
      .catch((error: unknown) => setProblem(messageOf(error)));
    return () => {
      gone = true;
      player?.stop();
    };
  }, [api, id, relayed]);
  if (problem !== undefined)
    return (
      <>
        <Picture job={job} />
        <p role="status">{problem} The newest picture is shown instead.</p>
      </>
    );
  return <video ref={video} className={styles.screen} muted autoPlay controls playsInline aria-label={titleOf(job)} />;
}

async function start(
  api: OrchestratorApi,
  jobId: string,
  relayed: boolean,
  video: HTMLVideoElement,
  onEnd: (why: string) => void,
): Promise<Player> {
  const path = encodeURIComponent(jobId);
  if (relayed) return playRelay(video, await api.socketAddress(`/preview/${path}`), { onEnd });
  const playlist = `/media/${path}/index.m3u8`;
  const found = await fetch(playlist, { method: "HEAD" });
  if (!found.ok) throw new Error("The agent of this stream gives no preview.");
  return playHls(video, playlist, { onEnd });
}
