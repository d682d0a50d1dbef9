import type { JobRecord } from "@stream-control/protocol";
import { useState } from "react";
import { useApi } from "../api/context.js";
import { useSaying } from "../ui/toasts.js";
import { titleOf } from "./status.js";

export type StreamAction = "stop" | "mute" | "unmute" | "pause" | "unpause" | "dismiss";

const FAILED: Record<StreamAction, string> = {
  stop: "could not be stopped",
  mute: "could not be muted",
  unmute: "could not be unmuted",
  pause: "could not be paused",
  unpause: "could not be resumed",
  dismiss: "could not be put away",
};

export interface StreamActions {
  /** What is being asked for at this moment. */
  busy: StreamAction | undefined;
  /** Asks for something; the answer shows on the board, a refusal is said with its reason. */
  ask: (action: StreamAction) => void;
}

/** Steers one stream. */
export function useStreamActions(job: JobRecord): StreamActions {
  const api = useApi();
  const { failed } = useSaying();
  const [busy, setBusy] = useState<StreamAction>();
  const ask = (action: StreamAction) => {
    setBusy(action);
    api
      .send("POST", `/v1/jobs/${encodeURIComponent(job.id)}/${action}`)
      .catch((error: unknown) => failed(`“${titleOf(job)}” ${FAILED[action]}`, error))
      .finally(() => setBusy(undefined));
  };
  return { busy, ask };
}
