import type { JobEvent } from "@stream-control/protocol";
import { useNow } from "../ui/clock.js";
import { dayAndTime, duration } from "../ui/format.js";
import { Table } from "../ui/table.js";
import { attemptsOf } from "./event-tone.js";

/** Every assignment of the job: on which agent, for how long, and how it ended. */
export function Attempts({ events }: { events: readonly JobEvent[] }) {
  const nowMs = useNow();
  const attempts = attemptsOf(events);
  if (attempts.length === 0) return <p className="soft">No agent has been given it yet.</p>;
  return (
    <Table columns={["Try", "Agent", "From", "For", "How it ended"]}>
      {attempts.map(({ epoch, agentId, from, until, outcome }) => (
        <tr key={epoch}>
          <td>{epoch}</td>
          <td>{agentId}</td>
          <td>{dayAndTime(from)}</td>
          <td className="figure">{duration((until === null ? nowMs : Date.parse(until)) - Date.parse(from))}</td>
          <td>{outcome}</td>
        </tr>
      ))}
    </Table>
  );
}
