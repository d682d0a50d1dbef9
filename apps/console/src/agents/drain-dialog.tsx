import type { AgentRecord } from "@stream-control/protocol";
import { useState } from "react";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Field, Tick } from "../ui/field.js";
import { count } from "../ui/format.js";

/** Takes an agent out of service, gently. */
export function DrainDialog({ agent, onClose }: { agent: AgentRecord; onClose: () => void }) {
  const api = useApi();
  const [migrate, setMigrate] = useState(false);
  const [minutes, setMinutes] = useState("");
  const [problem, setProblem] = useState<string>();
  const drain = async () => {
    try {
      const deadlineMs = minutes === "" ? null : Number(minutes) * 60_000;
      await api.send("POST", `/v1/agents/${encodeURIComponent(agent.id)}/drain`, { drain: true, migrate, deadlineMs });
      onClose();
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Drain ${agent.name}?`}
      description={`It is given nothing new and finishes what it runs (${count(agent.currentJobIds.length, "stream")}).`}
      actions={
        <Button tone="primary" onClick={() => void drain()}>
          Drain
        </Button>
      }
    >
      <Tick
        label="Move streams to other agents now"
        hint="Those that start again after a failure; one after another, where there is room."
        checked={migrate}
        onChange={setMigrate}
      />
      <Field label="Stop what is left after (minutes)" hint="Empty: it may take as long as it takes." problem={problem}>
        {(props) => (
          <input
            {...props}
            type="number"
            min={0}
            max={10_080}
            step={1}
            value={minutes}
            onChange={({ target }) => setMinutes(target.value)}
          />
        )}
      </Field>
    </Dialog>
  );
}
