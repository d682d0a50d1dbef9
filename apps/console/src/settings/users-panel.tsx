import type { UserRecord } from "@stream-control/protocol";
import type { FormEvent } from "react";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { dayAndTime } from "../ui/format.js";
import { Table } from "../ui/table.js";
import { Panel } from "./panel.js";
import { RoleSelect, rightsOf } from "./rights.js";
import styles from "./settings.module.css";
import { useList, useListChange } from "./use-list.js";

const PATH = "/v1/users";

/** People who sign in. */
export function UsersPanel() {
  const api = useApi();
  const { items, error } = useList<UserRecord>(PATH);
  const create = useListChange(PATH, (body: object) => api.send<UserRecord>("POST", PATH, body));
  const change = useListChange(PATH, ({ id, disabled }: { id: string; disabled: boolean }) =>
    api.send("PATCH", `${PATH}/${encodeURIComponent(id)}`, { disabled }),
  );
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    create.mutate(
      { login: String(given.get("login")), password: String(given.get("password")), role: String(given.get("role")) },
      { onSuccess: () => form.reset() },
    );
  };
  const problem = error ?? create.error ?? change.error;
  return (
    <Panel title="People">
      {problem !== null && <p role="alert">{messageOf(problem)}</p>}
      <Table columns={["Login", "May", "Last here"]} actions>
        {items.map(({ id, login, grants, lastSignInAt, disabledAt }) => (
          <tr key={id}>
            <td>{login}</td>
            <td>{rightsOf(grants)}</td>
            <td>{lastSignInAt === null ? "never" : dayAndTime(lastSignInAt)}</td>
            <td>
              <Button small onClick={() => change.mutate({ id, disabled: disabledAt === null })}>
                {disabledAt === null ? "Disable" : "Enable"}
              </Button>
            </td>
          </tr>
        ))}
      </Table>
      <form className={styles.row} onSubmit={submit} aria-label="New person">
        <Field label="Login">
          {(control) => <input {...control} name="login" required maxLength={200} autoComplete="off" />}
        </Field>
        <Field label="Password" hint="At least 12 characters.">
          {(control) => (
            <input {...control} name="password" type="password" required minLength={12} autoComplete="new-password" />
          )}
        </Field>
        <RoleSelect />
        <Button type="submit">Add</Button>
      </form>
    </Panel>
  );
}
