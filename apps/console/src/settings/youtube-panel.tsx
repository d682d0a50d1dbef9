import type { OAuthStatus } from "@stream-control/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Badge } from "../streams/badge.js";
import type { Tone } from "../streams/health.js";
import { Button } from "../ui/button.js";
import { Question } from "../ui/dialog.js";
import { Panel } from "./panel.js";
import styles from "./settings.module.css";

const TONES: Record<OAuthStatus["state"], Tone> = {
  "not-configured": "idle",
  disconnected: "warn",
  unverified: "warn",
  connected: "good",
  reconnect: "bad",
};
const REFRESH_MS = 15_000;

/** How the channel stands, and connecting it. */
export function YouTubePanel() {
  const api = useApi();
  const queries = useQueryClient();
  const [asking, setAsking] = useState(false);
  const queryKey = ["oauth"];
  const { data, error } = useQuery({
    queryKey,
    queryFn: ({ signal }) => api.get<OAuthStatus>("/oauth/status", {}, signal),
    refetchInterval: REFRESH_MS,
  });
  const connect = useMutation({
    mutationFn: () => api.get<{ authUrl: string }>("/oauth/auth-url"),
    onSuccess: ({ authUrl }) => location.assign(authUrl),
  });
  const disconnect = useMutation({
    mutationFn: () => api.send("DELETE", "/oauth/token"),
    onSettled: () => queries.invalidateQueries({ queryKey }),
  });
  const problem = error ?? connect.error ?? disconnect.error;
  const quota = data?.quota;
  return (
    <Panel title="YouTube">
      {data !== undefined && (
        <>
          <div className={styles.row}>
            <Badge tone={TONES[data.state]}>{data.state}</Badge>
          </div>
          <p>{data.message}</p>
          {quota != null && (
            <p className="soft">
              Quota of today: {quota.unitsUsed.toLocaleString()} of {quota.unitsPerDay.toLocaleString()} units are used.
            </p>
          )}
          {data.state !== "not-configured" && (
            <div className={styles.row}>
              <Button
                tone={data.state === "connected" ? undefined : "primary"}
                onClick={() => connect.mutate()}
                disabled={connect.isPending}
              >
                {data.state === "connected" ? "Connect again" : "Connect a channel"}
              </Button>
              {data.tokenSource === "stored" && (
                <Button tone="danger" onClick={() => setAsking(true)}>
                  Disconnect
                </Button>
              )}
            </div>
          )}
        </>
      )}
      {problem !== null && <p role="alert">{messageOf(problem)}</p>}
      <Question
        open={asking}
        onClose={() => setAsking(false)}
        title="Disconnect the channel?"
        description="No broadcasts are made any more, and those that are on air cannot be ended from here. Streams go on."
        deed="Disconnect"
        onConfirm={() => disconnect.mutate()}
      />
    </Panel>
  );
}
