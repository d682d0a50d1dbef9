import type { ApiKey, NewApiKey } from "@stream-control/protocol";
import { type FormEvent, useState } from "react";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Button } from "../ui/button.js";
import { Question } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { dayAndTime } from "../ui/format.js";
import { Table } from "../ui/table.js";
import { Panel } from "./panel.js";
import { RoleSelect, rightsOf } from "./rights.js";
import styles from "./settings.module.css";
import { useList, useListChange } from "./use-list.js";

const PATH = "/v1/keys";

/** Keys of programs. */
export function KeysPanel() {
  const api = useApi();
  const [doomed, setDoomed] = useState<ApiKey>();
  const { items, error } = useList<ApiKey>(PATH);
  const create = useListChange(PATH, (body: object) => api.send<NewApiKey>("POST", PATH, body));
  const revoke = useListChange(PATH, ({ id }: ApiKey) => api.send("DELETE", `${PATH}/${encodeURIComponent(id)}`));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    create.mutate(
      { name: String(given.get("name")), role: String(given.get("role")) },
      { onSuccess: () => form.reset() },
    );
  };
  const problem = error ?? create.error ?? revoke.error;
  const live = items.filter(({ revokedAt }) => revokedAt === null);
  return (
    <Panel title="API keys">
      {problem !== null && <p role="alert">{messageOf(problem)}</p>}
      <Table columns={["Name", "May", "Last used"]} actions>
        {live.map((key) => (
          <tr key={key.id}>
            <td>{key.name}</td>
            <td>{rightsOf(key.grants)}</td>
            <td>{key.lastUsedAt === null ? "never" : dayAndTime(key.lastUsedAt)}</td>
            <td>
              <Button small tone="danger" onClick={() => setDoomed(key)}>
                Revoke
              </Button>
            </td>
          </tr>
        ))}
      </Table>
      <form className={styles.row} onSubmit={submit} aria-label="New API key">
        <Field label="Name of the new key">
          {(control) => <input {...control} name="name" required maxLength={200} />}
        </Field>
        <RoleSelect />
        <Button type="submit">Make a key</Button>
      </form>
      {create.data !== undefined && (
        <div role="status">
          <p>The key of “{create.data.name}” is shown only this once:</p>
          <pre className={styles.secret}>{create.data.key}</pre>
        </div>
      )}
      <Question
        open={doomed !== undefined}
        onClose={() => setDoomed(undefined)}
        title={`Revoke the key “${doomed?.name ?? ""}”?`}
        description="Whatever uses it is shut out at once."
        deed="Revoke"
        onConfirm={() => doomed !== undefined && revoke.mutate(doomed)}
      />
    </Panel>
  );
}
