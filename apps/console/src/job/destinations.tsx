import type { DestinationState, DestinationStatus } from "@stream-control/protocol";
import { Badge } from "../streams/badge.js";
import type { Tone } from "../streams/health.js";
import { Table } from "../ui/table.js";

const TONES: Record<DestinationState, Tone> = {
  CONNECTING: "warn",
  LIVE: "good",
  RETRYING: "warn",
  FAILED: "bad",
  ENDED: "idle",
};

/** Where the stream goes, and how each destination fares. */
export function Destinations({ destinations }: { destinations: readonly DestinationStatus[] }) {
  return (
    <Table columns={["Destination", "State", "Address", "Restarts"]}>
      {destinations.map(({ id, state, target, message, restarts }) => (
        <tr key={id}>
          <td>{id}</td>
          <td>
            <Badge tone={TONES[state]}>{state}</Badge>
          </td>
          <td>
            {target ?? "–"}
            {message !== undefined && <p className="soft">{message}</p>}
          </td>
          <td className="figure">{restarts ?? 0}</td>
        </tr>
      ))}
    </Table>
  );
}
