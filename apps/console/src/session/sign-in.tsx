import type { SessionRecord } from "@stream-control/protocol";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { messageOf, type OrchestratorApi } from "../api/orchestrator-api.js";
import { Button, buttonClass } from "../ui/button.js";
import { Field } from "../ui/field.js";
import styles from "./sign-in.module.css";

/** Asks who is there: a login and a password, an API key, or an account at the provider where there is one. */
export function SignIn({ api, onSignedIn }: { api: OrchestratorApi; onSignedIn: (session: SessionRecord) => void }) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  // Whoever cannot be shown the way to the provider still has the form.
  const provider = useQuery({
    queryKey: ["provider"],
    queryFn: () => api.get<{ start: string }>("/v1/session/oidc"),
    retry: false,
  });

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const login = String(given.get("login")).trim();
    const secret = String(given.get("secret"));
    setBusy(true);
    setProblem("");
    try {
      onSignedIn(await api.signIn(login === "" ? { key: secret.trim() } : { login, password: secret }));
    } catch (error) {
      setProblem(messageOf(error));
      form.reset();
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className={styles.page}>
      <form className={styles.form} aria-label="Sign in" onSubmit={(event) => void submit(event)}>
        <div className={styles.brand}>
          <img src="/icon.svg" alt="" width="32" height="32" />
          <h1>Stream Control</h1>
        </div>
        <Field label="Login" hint="Empty for an API key.">
          {(props) => <input {...props} name="login" autoComplete="username" />}
        </Field>
        <Field label="Password or API key">
          {(props) => <input {...props} name="secret" type="password" autoComplete="current-password" required />}
        </Field>
        <p className={styles.problem} role="alert">
          {problem}
        </p>
        <Button type="submit" tone="primary" disabled={busy}>
          Sign in
        </Button>
        {provider.data !== undefined && (
          <a className={buttonClass()} href={provider.data.start}>
            Sign in at your provider
          </a>
        )}
      </form>
    </main>
  );
}
