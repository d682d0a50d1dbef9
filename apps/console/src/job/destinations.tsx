import type { DestinationState, DestinationStatus } from "@stream-control/protocol";
import { Badge } from "../streams/badge.js";
import type { Tone } from "../streams/health.js";

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
    <table>
      <thead>
        <tr>
          <th scope="col">Destination</th>
          <th scope="col">State</th>
          <th scope="col">Address</th>
          <th scope="col">Restarts</th>
        </tr>
      </thead>
      <tbody>
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
      </tbody>
    </table>
  );
}
