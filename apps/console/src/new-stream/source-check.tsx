import type { ProbedSource } from "@stream-control/protocol";
import { useState } from "react";
import { canDo, useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { useRoomList } from "../live/hooks.js";
import type { Json } from "../schema-form/schema.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { bitrate } from "../ui/format.js";
import styles from "./new-stream.module.css";

/** Lets an agent look at the source before anything goes on air. */
export function SourceCheck({ source }: { source: Json }) {
  const api = useApi();
  const agents = useRoomList(({ agents }) =>
    [...agents.values()].filter((agent) => agent.state !== "OFFLINE" && canDo(agent, "probe")),
  );
  const [agentId, setAgentId] = useState("");
  const [busy, setBusy] = useState(false);
  const [seen, setSeen] = useState<ProbedSource>();
  const [problem, setProblem] = useState<string>();
  const asked = agents.find(({ id }) => id === agentId) ?? agents[0];
  if (asked === undefined) return <p className="soft">No agent is here that could look at the source.</p>;
  const check = async () => {
    setBusy(true);
    setSeen(undefined);
    setProblem(undefined);
    try {
      const path = `/v1/agents/${encodeURIComponent(asked.id)}/probe`;
      setSeen((await api.send<{ probe: ProbedSource }>("POST", path, { source })).probe);
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <div className={styles.grid}>
        {agents.length > 1 && (
          <Field label="Seen from">
            {(control) => (
              <select {...control} value={asked.id} onChange={({ target }) => setAgentId(target.value)}>
                {agents.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </select>
            )}
          </Field>
        )}
        <div>
          <Button onClick={() => void check()} disabled={busy || source === undefined}>
            {busy ? "Looking…" : "Check the source"}
          </Button>
        </div>
      </div>
      <div role="status">
        {problem !== undefined && <p className={styles.problem}>{problem}</p>}
        {seen !== undefined && <SeenSource seen={seen} agentName={asked.name} />}
      </div>
    </>
  );
}

function SeenSource({ seen, agentName }: { seen: ProbedSource; agentName: string }) {
  const { container, streams, firstPacketMs } = seen;
  return (
    <div className={styles.seen}>
      <p>
        <strong>{agentName} sees it</strong>
        {container === undefined ? "" : ` (${container})`}
        {`, the first packet after ${Math.round(firstPacketMs)} ms.`}
      </p>
      <ul>
        {streams.map((stream, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a stream of a source is its number.
          <li key={index}>
            {[
              stream.type,
              stream.codec,
              stream.width === undefined ? undefined : `${stream.width}×${stream.height}`,
              stream.fps === undefined ? undefined : `${Number(stream.fps.toFixed(2))} fps`,
              stream.sampleRateHz === undefined ? undefined : `${stream.sampleRateHz} Hz`,
              stream.channels === undefined ? undefined : `${stream.channels} channels`,
              stream.bitrateKbps === undefined ? undefined : bitrate(stream.bitrateKbps),
            ]
              .filter((part) => part !== undefined)
              .join(" · ")}
          </li>
        ))}
      </ul>
    </div>
  );
}
