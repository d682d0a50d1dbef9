import type { JobEvent } from "@stream-control/protocol";
import { useNow } from "../ui/clock.js";
import { dayAndTime, duration } from "../ui/format.js";
import { attemptsOf } from "./event-tone.js";

/** Every assignment of the job: on which agent, for how long, and how it ended. */
export function Attempts({ events }: { events: readonly JobEvent[] }) {
  const nowMs = useNow();
  const attempts = attemptsOf(events);
  if (attempts.length === 0) return <p className="soft">No agent has been given it yet.</p>;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">Try</th>
          <th scope="col">Agent</th>
          <th scope="col">From</th>
          <th scope="col">For</th>
          <th scope="col">How it ended</th>
        </tr>
      </thead>
      <tbody>
        {attempts.map(({ epoch, agentId, from, until, outcome }) => (
          <tr key={epoch}>
            <td>{epoch}</td>
            <td>{agentId}</td>
            <td>{dayAndTime(from)}</td>
            <td className="figure">{duration((until === null ? nowMs : Date.parse(until)) - Date.parse(from))}</td>
            <td>{outcome}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
