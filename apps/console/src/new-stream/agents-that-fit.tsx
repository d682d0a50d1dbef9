import type { AgentRecord } from "@stream-control/protocol";
import { useRoomList } from "../live/hooks.js";
import type { JsonObject } from "../schema-form/schema.js";
import { count } from "../ui/format.js";
import { fitAgents } from "./fitting-agents.js";
import styles from "./new-stream.module.css";

/** Which agents could run what is in the form, by what they can really do. */
export function AgentsThatFit({ config, room }: { config: JsonObject; room: string }) {
  const agents = useRoomList<AgentRecord>(({ agents }) =>
    [...agents.values()].filter((agent) => room === "" || agent.room === room),
  );
  const fits = fitAgents(config, agents);
  const able = fits.filter(({ why }) => why === undefined);
  return (
    <section className={styles.panel} aria-labelledby="agents-that-fit">
      <h2 id="agents-that-fit">Who could run it</h2>
      <p role="status">
        {able.length > 0
          ? `${count(able.length, "agent")} could run it now.`
          : "No agent could run it now; it would wait until one can."}
      </p>
      <ul>
        {fits.map(({ agent, why }) => (
          <li key={agent.id}>
            {why === undefined ? "✓" : "✕"} {agent.name}
            {why !== undefined && <span className="soft"> — {why}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}
