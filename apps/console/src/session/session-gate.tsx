import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { VisitorContext } from "../api/context.js";
import { messageOf, type OrchestratorApi } from "../api/orchestrator-api.js";
import { FeedContext } from "../live/hooks.js";
import { RoomFeed } from "../live/room-feed.js";
import { SignIn } from "./sign-in.js";

const SESSION = ["session"];
/** How often an orchestrator that does not answer is asked again. */
const RETRY_MS = 2000;

/** Lets in whoever is signed in, or needs not to be, and follows the room for them; shows the form to others. */
export function SessionGate({ api, children }: { api: OrchestratorApi; children: ReactNode }) {
  const queries = useQueryClient();
  const { data: session, error } = useQuery({
    queryKey: SESSION,
    queryFn: () => api.session(),
    retry: true,
    retryDelay: RETRY_MS,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const [feed, setFeed] = useState<RoomFeed>();
  const visitor = session?.id;
  useEffect(() => {
    if (visitor === undefined) return;
    const following = new RoomFeed({
      address: () => api.socketAddress("/ui"),
      isThere: () => api.isThere(),
      onShutOut: () => void queries.invalidateQueries({ queryKey: SESSION }),
    });
    following.start();
    setFeed(following);
    return () => {
      following.stop();
      setFeed(undefined);
    };
  }, [api, queries, visitor]);

  if (session === null) return <SignIn api={api} onSignedIn={(next) => queries.setQueryData(SESSION, next)} />;
  if (session === undefined || feed === undefined)
    return <p role="status">{error === null ? "Connecting…" : `${messageOf(error)} Trying again…`}</p>;

  const signOut = () => {
    void api.signOut().finally(() => {
      // The next one to sign in is shown nothing of the last one's.
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== SESSION[0] });
      queries.setQueryData(SESSION, null);
    });
  };
  return (
    <VisitorContext value={{ api, session, signOut }}>
      <FeedContext value={feed}>{children}</FeedContext>
    </VisitorContext>
  );
}
