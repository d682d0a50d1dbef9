import type { AgentRecord } from "@stream-control/protocol";
import { useQuery } from "@tanstack/react-query";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Dialog } from "../ui/dialog.js";
import { timeOfDay } from "../ui/format.js";

const REFRESH_MS = 2000;

interface Line {
  level: string;
  message: string;
  ts: string;
}

/** The last lines that an agent logged for the streams it runs, in order of time. */
export function AgentLog({ agent, onClose }: { agent: AgentRecord; onClose: () => void }) {
  const api = useApi();
  const { data = [], error } = useQuery({
    queryKey: ["agent", agent.id, "log", agent.currentJobIds],
    queryFn: async ({ signal }) => {
      const logs = await Promise.all(
        agent.currentJobIds.map((id) => api.get<Line[]>(`/v1/jobs/${encodeURIComponent(id)}/logs`, {}, signal)),
      );
      return logs.flat().sort((a, b) => (a.ts < b.ts ? -1 : 1));
    },
    refetchInterval: REFRESH_MS,
  });
  return (
    <Dialog open onClose={onClose} title={`Log of ${agent.name}`} wide closeLabel="Close">
      {error !== null && <p role="alert">{messageOf(error)}</p>}
      <pre
        className="log"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1).
        tabIndex={0}
        role="log"
        aria-live="off"
      >
        {data.length === 0
          ? "Nothing yet."
          : data.map(({ ts, level, message }) => `${timeOfDay(ts)} ${level.padEnd(5)} ${message}\n`).join("")}
      </pre>
    </Dialog>
  );
}
