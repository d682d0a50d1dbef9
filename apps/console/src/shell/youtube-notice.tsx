import type { OAuthStatus } from "@stream-control/protocol";
import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { useApi, useMay } from "../api/context.js";
import styles from "./shell.module.css";

const REFRESH_MS = 60_000;

/** Says on every page that YouTube does not take the channel's access any more, to those who can do something about it. */
export function YouTubeNotice() {
  const api = useApi();
  const isAdmin = useMay("admin");
  const { data } = useQuery({
    queryKey: ["oauth"],
    queryFn: ({ signal }) => api.get<OAuthStatus>("/oauth/status", {}, signal),
    refetchInterval: REFRESH_MS,
    enabled: isAdmin,
  });
  if (data?.state !== "reconnect") return null;
  return (
    <div className={styles.away} role="status">
      <p>
        <strong>YouTube has to be connected again.</strong> {data.message}
      </p>
      <Link href="/settings">To the settings</Link>
    </div>
  );
}
