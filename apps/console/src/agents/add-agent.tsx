import type { NewAgentToken } from "@stream-control/protocol";
import { useState } from "react";
import { useApi, useMay } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { useSaying } from "../ui/toasts.js";
import { agentCommand } from "./agent-command.js";
import styles from "./agents-page.module.css";

const DEFAULT_ROOM = "default";

/** How to bring another encoder box into the room: the command to copy, with a token of its own for whoever may make one. */
export function AddAgent({ onClose }: { onClose: () => void }) {
  const api = useApi();
  const { done, failed } = useSaying();
  const [agentId, setAgentId] = useState("encoder-2");
  const [room, setRoom] = useState(DEFAULT_ROOM);
  const [made, setMade] = useState<{ agentId: string; token: string }>();
  const [problem, setProblem] = useState<string>();
  const mayIssue = useMay("admin", room);
  const token = made?.agentId === agentId ? made.token : undefined;
  const command = agentCommand({ origin: location.origin, agentId: agentId || "encoder-2", token });
  const issue = async () => {
    setProblem(undefined);
    try {
      const answer = await api.send<NewAgentToken>("POST", `/v1/agents/${encodeURIComponent(agentId)}/tokens`, {
        room,
      });
      setMade({ agentId, token: answer.token });
    } catch (error) {
      setProblem(messageOf(error));
    }
  };
  const copy = () => {
    // Without https a browser lets no page write to the clipboard; the text can still be selected.
    if (navigator.clipboard === undefined) return failed("The browser does not let the page copy", "Select the text.");
    navigator.clipboard.writeText(command).then(
      () => done("Copied."),
      (error: unknown) => failed("It could not be copied", error),
    );
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Add an agent"
      description="On the encoder box, in a checkout of Stream Control, with ffmpeg installed:"
      closeLabel="Close"
      wide
      actions={
        <>
          {mayIssue && token === undefined && <Button onClick={() => void issue()}>Make a token of its own</Button>}
          <Button tone="primary" onClick={copy}>
            Copy the command
          </Button>
        </>
      }
    >
      <div className={styles.two}>
        <Field label="Its id" hint="Unique; by it the agent is known again." problem={problem}>
          {(props) => <input {...props} value={agentId} onChange={({ target }) => setAgentId(target.value.trim())} />}
        </Field>
        {mayIssue && (
          <Field label="Its room">
            {(props) => <input {...props} value={room} onChange={({ target }) => setRoom(target.value.trim())} />}
          </Field>
        )}
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard (WCAG 2.1.1). */}
      <section className={styles.command} tabIndex={0} aria-label="Command">
        <pre>{command}</pre>
      </section>
      <p className="soft">
        {token === undefined
          ? "AGENT_TOKEN is the secret that all agents share, as the orchestrator was given it; a token of its own can be revoked alone."
          : "The token is shown only this once. From now on this agent is let in by it alone."}
      </p>
    </Dialog>
  );
}
