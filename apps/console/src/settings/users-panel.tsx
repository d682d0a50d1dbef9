import type { UserRecord } from "@stream-control/protocol";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { FormEvent } from "react";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { dayAndTime } from "../ui/format.js";
import { Panel } from "./panel.js";
import { RoleSelect, rightsOf } from "./rights.js";
import styles from "./settings.module.css";

const QUERY = ["users"];

/** People who sign in. */
export function UsersPanel() {
  const api = useApi();
  const queries = useQueryClient();
  const { data = [], error } = useQuery({ queryKey: QUERY, queryFn: () => api.get<UserRecord[]>("/v1/users") });
  const reload = () => queries.invalidateQueries({ queryKey: QUERY });
  const create = useMutation({
    mutationFn: (body: object) => api.send<UserRecord>("POST", "/v1/users", body),
    onSettled: reload,
  });
  const change = useMutation({
    mutationFn: ({ id, disabled }: { id: string; disabled: boolean }) =>
      api.send("PATCH", `/v1/users/${encodeURIComponent(id)}`, { disabled }),
    onSettled: reload,
  });
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
      <div className={styles.scroll}>
        <table>
          <thead>
            <tr>
              <th scope="col">Login</th>
              <th scope="col">May</th>
              <th scope="col">Last here</th>
              <th scope="col">
                <span className="hidden-text">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.map(({ id, login, grants, lastSignInAt, disabledAt }) => (
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
          </tbody>
        </table>
      </div>
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
