import type { DeliveryReply, SavedWebhook, Webhook } from "@stream-control/protocol";
import { type FormEvent, useState } from "react";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Badge } from "../streams/badge.js";
import type { Tone } from "../streams/health.js";
import { Button } from "../ui/button.js";
import { Question } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { dayAndTime } from "../ui/format.js";
import { Table } from "../ui/table.js";
import { useSaying } from "../ui/toasts.js";
import { Panel } from "./panel.js";
import styles from "./settings.module.css";
import { useList, useListChange } from "./use-list.js";

const PATH = "/v1/webhooks";
const pathOf = ({ id }: Webhook) => `${PATH}/${encodeURIComponent(id)}`;
/** What most receivers are for. */
const ALARMS = "stream.alarm_*, job.failed";

function stateOf({ enabled, failingSince, disabledReason, lastDeliveryAt }: Webhook): [tone: Tone, words: string] {
  if (!enabled) return ["idle", disabledReason ?? "switched off"];
  if (failingSince !== null) return ["bad", `nothing was taken since ${dayAndTime(failingSince)}`];
  return ["good", lastDeliveryAt === null ? "nothing sent yet" : `last taken ${dayAndTime(lastDeliveryAt)}`];
}

/** Where events, alarms above all, are sent to other systems. */
export function WebhooksPanel() {
  const api = useApi();
  const { done, failed } = useSaying();
  const [doomed, setDoomed] = useState<Webhook>();
  const { items, error } = useList<Webhook>(PATH);
  const create = useListChange(PATH, (body: object) => api.send<SavedWebhook>("POST", PATH, body));
  const change = useListChange(PATH, (webhook: Webhook) =>
    api.send("PUT", pathOf(webhook), { enabled: !webhook.enabled }),
  );
  const remove = useListChange(PATH, (webhook: Webhook) => api.send("DELETE", pathOf(webhook)));
  const tryOut = useListChange(PATH, (webhook: Webhook) => api.send<DeliveryReply>("POST", `${pathOf(webhook)}/test`));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    const events = String(given.get("events")).split(/[\s,]+/);
    create.mutate({ url: String(given.get("url")), events: events.filter(Boolean) }, { onSuccess: () => form.reset() });
  };
  const test = (webhook: Webhook) =>
    tryOut.mutate(webhook, {
      onSuccess: ({ ok, delivery }) =>
        ok ? done(`${webhook.url} took the test.`) : failed("The test was not taken", delivery.error),
      onError: (thrown) => failed("The test could not be sent", thrown),
    });
  const problem = error ?? create.error ?? change.error ?? remove.error;
  return (
    <Panel title="Webhooks">
      {problem !== null && <p role="alert">{messageOf(problem)}</p>}
      {items.length > 0 && (
        <Table columns={["Address and events", "State"]} actions>
          {items.map((webhook) => {
            const [tone, words] = stateOf(webhook);
            return (
              <tr key={webhook.id}>
                <td>
                  {webhook.url}
                  <p className="soft">{webhook.events.join(", ")}</p>
                </td>
                <td>
                  <Badge tone={tone}>{webhook.enabled ? "on" : "off"}</Badge>
                  <p className="soft">{words}</p>
                </td>
                <td>
                  <div className={styles.row}>
                    <Button small onClick={() => test(webhook)} disabled={tryOut.isPending}>
                      Test
                    </Button>
                    <Button small onClick={() => change.mutate(webhook)}>
                      {webhook.enabled ? "Switch off" : "Switch on"}
                    </Button>
                    <Button small tone="danger" onClick={() => setDoomed(webhook)}>
                      Delete
                    </Button>
                  </div>
                </td>
              </tr>
            );
          })}
        </Table>
      )}
      <form className={styles.row} onSubmit={submit} aria-label="New webhook">
        <Field label="Address">
          {(control) => <input {...control} name="url" type="url" required placeholder="https://example.com/hook" />}
        </Field>
        <Field label="Events" hint="Types, * for the rest of one.">
          {(control) => <input {...control} name="events" required defaultValue={ALARMS} />}
        </Field>
        <Button type="submit">Add</Button>
      </form>
      {create.data?.secrets !== undefined && (
        <div role="status">
          <p>What it is sent is signed with this secret, shown only this once:</p>
          <pre className={styles.secret}>{create.data.secrets.join("\n")}</pre>
        </div>
      )}
      <Question
        open={doomed !== undefined}
        onClose={() => setDoomed(undefined)}
        title="Delete the webhook?"
        description={`${doomed?.url ?? ""} is sent nothing any more, what waits included.`}
        deed="Delete"
        onConfirm={() => doomed !== undefined && remove.mutate(doomed)}
      />
    </Panel>
  );
}
