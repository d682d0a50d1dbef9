import type { TemplateRecord } from "@stream-control/protocol";
import { type FormEvent, useId, useState } from "react";
import { useApi, useMay } from "../api/context.js";
import { messageOf } from "../api/orchestrator-api.js";
import { Button } from "../ui/button.js";
import { Dialog, Question } from "../ui/dialog.js";
import { Field } from "../ui/field.js";
import { Table } from "../ui/table.js";
import { Panel } from "./panel.js";
import styles from "./settings.module.css";
import { useList, useListChange } from "./use-list.js";

const PATH = "/v1/templates";
const pathOf = ({ id }: { id: string }) => `${PATH}/${encodeURIComponent(id)}`;

/** Named configs that streams are started from. */
export function TemplatesPanel() {
  const api = useApi();
  const mayChange = useMay("operator");
  const [edited, setEdited] = useState<TemplateRecord | "new">();
  const [doomed, setDoomed] = useState<TemplateRecord>();
  const { items, error } = useList<TemplateRecord>(PATH);
  const remove = useListChange(PATH, (template: TemplateRecord) => api.send("DELETE", pathOf(template)));
  const problem = error ?? remove.error;
  return (
    <Panel title="Templates">
      {problem !== null && <p role="alert">{messageOf(problem)}</p>}
      <Table columns={["Template"]} actions>
        {items.map((template) => (
          <tr key={template.id}>
            <td>
              {template.name} <code className="soft">{template.id}</code>
              <p className="soft">{template.description}</p>
            </td>
            <td>
              {mayChange && !template.builtIn && (
                <div className={styles.row}>
                  <Button small onClick={() => setEdited(template)}>
                    Edit
                  </Button>
                  <Button small tone="danger" onClick={() => setDoomed(template)}>
                    Delete
                  </Button>
                </div>
              )}
              {template.builtIn && <span className="soft">built in</span>}
            </td>
          </tr>
        ))}
      </Table>
      {mayChange && (
        <div className={styles.row}>
          <Button onClick={() => setEdited("new")}>New template</Button>
        </div>
      )}
      {edited !== undefined && <TemplateDialog template={edited} onClose={() => setEdited(undefined)} />}
      <Question
        open={doomed !== undefined}
        onClose={() => setDoomed(undefined)}
        title={`Delete the template “${doomed?.name ?? ""}”?`}
        description="Streams that were started from it keep their config."
        deed="Delete"
        onConfirm={() => doomed !== undefined && remove.mutate(doomed)}
      />
    </Panel>
  );
}

const BLANK = { source: { type: "test" }, video: { width: 1280, height: 720 } };

function TemplateDialog({ template, onClose }: { template: TemplateRecord | "new"; onClose: () => void }) {
  const api = useApi();
  const form = useId();
  const [problem, setProblem] = useState<string>();
  const known = template === "new" ? undefined : template;
  const store = useListChange(PATH, (body: object) =>
    known === undefined ? api.send("POST", PATH, body) : api.send("PUT", pathOf(known), body),
  );
  const save = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const given = new FormData(event.currentTarget);
    try {
      const config: unknown = JSON.parse(String(given.get("config")));
      await store.mutateAsync({
        name: String(given.get("name")),
        description: String(given.get("description")),
        config,
      });
      onClose();
    } catch (error) {
      setProblem(error instanceof SyntaxError ? `The config is no JSON: ${error.message}` : messageOf(error));
    }
  };
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      title={known === undefined ? "New template" : `Edit “${known.name}”`}
      actions={
        <Button tone="primary" type="submit" form={form}>
          Save
        </Button>
      }
    >
      <form id={form} className={styles.form} onSubmit={(event) => void save(event)}>
        <Field label="Name">
          {(control) => <input {...control} name="name" required maxLength={200} defaultValue={known?.name} />}
        </Field>
        <Field label="Description">
          {(control) => <input {...control} name="description" maxLength={2000} defaultValue={known?.description} />}
        </Field>
        <Field label="Config (JSON)" problem={problem}>
          {(control) => (
            <textarea
              {...control}
              name="config"
              rows={14}
              required
              spellCheck={false}
              defaultValue={JSON.stringify(known?.config ?? BLANK, null, 2)}
            />
          )}
        </Field>
      </form>
    </Dialog>
  );
}
