import type { JobRecord } from "@stream-control/protocol";
import { type FormEvent, useId, useState } from "react";
import { useApi } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Button } from "../ui/button.js";
import { Dialog } from "../ui/dialog.js";
import { Field } from "../ui/field.js";

/** Changes what viewers read; it reaches the broadcast too, where there is one. */
export function EditTitle({ job, open, onClose }: { job: JobRecord; open: boolean; onClose: () => void }) {
  const api = useApi();
  const form = useId();
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    setBusy(true);
    setProblem(undefined);
    try {
      await api.send("PUT", `/v1/jobs/${encodeURIComponent(job.id)}/metadata`, {
        title: String(given.get("title")),
        description: String(given.get("description")),
      });
      onClose();
    } catch (error) {
      setProblem(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog
      open={open}
      onClose={onClose}
      title="Edit title"
      actions={
        <Button tone="primary" type="submit" form={form} disabled={busy}>
          Save
        </Button>
      }
    >
      <form id={form} onSubmit={(event) => void save(event)}>
        <Field label="Title" problem={problem}>
          {(props) => (
            <input {...props} name="title" required maxLength={500} defaultValue={job.streamMetadata?.title ?? ""} />
          )}
        </Field>
        <Field label="Description">
          {(props) => (
            <textarea
              {...props}
              name="description"
              rows={5}
              maxLength={10_000}
              defaultValue={job.streamMetadata?.description ?? ""}
            />
          )}
        </Field>
      </form>
    </Dialog>
  );
}
