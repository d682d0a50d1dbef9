import { useState } from "react";
import { useMaySomewhere } from "../api/context.js";
import { useRoom, useRoomList } from "../live/hooks.js";
import { Page } from "../shell/page.js";
import { Button } from "../ui/button.js";
import { count } from "../ui/format.js";
import { AddAgent } from "./add-agent.js";
import { AgentCard } from "./agent-card.js";
import styles from "./agents-page.module.css";

const names = new Intl.Collator(undefined, { numeric: true });

/** The encoders of the room. */
export function AgentsPage() {
  const [adding, setAdding] = useState(false);
  const mayOperate = useMaySomewhere("operator");
  const complete = useRoom((room) => room.complete);
  const ids = useRoomList(({ agents }) =>
    [...agents.values()].sort((a, b) => names.compare(a.name, b.name)).map(({ id }) => id),
  );
  return (
    <Page
      title="Agents"
      subtitle={<Summary />}
      actions={
        mayOperate && (
          <Button tone="primary" onClick={() => setAdding(true)}>
            Add an agent
          </Button>
        )
      }
    >
      {complete && ids.length === 0 && <p>No agent has connected yet. “Add an agent” shows how.</p>}
      <ul className={styles.grid} aria-label="Agents">
        {ids.map((id) => (
          <AgentCard key={id} id={id} />
        ))}
      </ul>
      {adding && <AddAgent onClose={() => setAdding(false)} />}
    </Page>
  );
}

function Summary() {
  const words = useRoom(({ agents }) => {
    const here = [...agents.values()].filter(({ state }) => state !== "OFFLINE");
    const slots = here.reduce((sum, { capabilities }) => sum + capabilities.slots, 0);
    const used = here.reduce((sum, { currentJobIds }) => sum + currentJobIds.length, 0);
    const away = agents.size - here.length;
    return `${count(here.length, "agent")} here${away > 0 ? `, ${away} away` : ""} · ${used} of ${count(slots, "slot")} in use`;
  });
  return <p>{words}</p>;
}
