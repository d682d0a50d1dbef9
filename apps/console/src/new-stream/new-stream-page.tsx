import type { JobRecord, TemplateRecord } from "@stream-control/protocol";
import { parseStreamConfig, QUALITIES } from "@stream-control/protocol";
import schema from "@stream-control/protocol/schemas/stream-config.json";
import { useQuery } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useLocation, useSearchParams } from "wouter";
import { useApi } from "../api/context.js";
import { ApiError, messageOf } from "../api/orchestrator-api.js";
import { useRoomList } from "../live/hooks.js";
import { isObject, type JsonObject, kindOf, type Schema } from "../schema-form/schema.js";
import { ObjectFields, SchemaField, withField } from "../schema-form/schema-field.js";
import { Page } from "../shell/page.js";
import { Button } from "../ui/button.js";
import { Field } from "../ui/field.js";
import { AgentsThatFit } from "./agents-that-fit.js";
import styles from "./new-stream.module.css";
import { AddPlatform, PlatformWarnings } from "./platforms.js";
import { SourceCheck } from "./source-check.js";
import { jobBody, NO_WISHES, newKey, type Wishes } from "./submission.js";
import { PolicyFields, TitleFields, WhenFields } from "./wishes-fields.js";

const ROOT = schema as Schema;
const CONFIG = kindOf(ROOT, ROOT);
const SHOWN_ABOVE = ["source", "destinations", "video"];

const partOf = (name: string): Schema =>
  (CONFIG?.kind === "object" && CONFIG.properties.find(([each]) => each === name)?.[1]) || {};

interface Problem {
  path: string;
  message: string;
}

/** A new stream, from a template or from nothing; checked before it is sent. */
export function NewStreamPage() {
  const [parameters] = useSearchParams();
  const from = parameters.get("from");
  const api = useApi();
  const like = useQuery({
    queryKey: ["job", from],
    queryFn: ({ signal }) => api.get<JobRecord>(`/v1/jobs/${encodeURIComponent(from ?? "")}`, {}, signal),
    enabled: from !== null,
  });
  if (from !== null && like.data === undefined)
    return (
      <Page title="New stream">
        <p role="status">{like.error === null ? "Loading…" : messageOf(like.error)}</p>
      </Page>
    );
  return <StreamForm {...(like.data === undefined ? {} : { like: like.data })} />;
}

/** What the form begins with: another job's config and context, or a test picture. */
function beginWith(like: JobRecord | undefined): { config: JsonObject; wishes: Wishes } {
  if (like === undefined) return { config: { source: { type: "test" } }, wishes: NO_WISHES };
  const { context = "", drawNumber = "", sheet = "", team1 = "", team2 = "" } = like.streamContext ?? {};
  const made = like.streamContext !== null;
  return {
    config: (like.inlineConfig ?? {}) as JsonObject,
    wishes: {
      ...NO_WISHES,
      templateId: like.inlineConfig === null ? (like.templateId ?? "") : "",
      title: made ? "" : (like.streamMetadata?.title ?? ""),
      restart: like.restartPolicy === "onFailure",
      room: like.room,
      ...{ context, drawNumber: String(drawNumber), sheet, team1, team2 },
    },
  };
}

function StreamForm({ like }: { like?: JobRecord }) {
  const api = useApi();
  const [, navigate] = useLocation();
  const [begin] = useState(() => beginWith(like));
  const [config, setConfig] = useState(begin.config);
  const [wishes, setWishes] = useState(begin.wishes);
  const [key, setKey] = useState(newKey);
  const [problems, setProblems] = useState<readonly Problem[]>([]);
  const [busy, setBusy] = useState(false);
  const encoders = useRoomList(({ agents }) =>
    [...new Set([...agents.values()].flatMap(({ capabilities }) => capabilities.videoEncoders ?? []))].sort(),
  );
  const { data: templates = [] } = useQuery({
    queryKey: ["/v1/templates"],
    queryFn: ({ signal }) => api.get<TemplateRecord[]>("/v1/templates", {}, signal),
  });

  const choose = (id: string) => {
    setWishes({ ...wishes, templateId: id });
    const chosen = templates.find((template) => template.id === id);
    if (chosen !== undefined) setConfig(chosen.config as JsonObject);
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const checked = parseStreamConfig(config);
    if (!checked.ok) return setProblems(checked.issues);
    setBusy(true);
    setProblems([]);
    try {
      const job = await api.send<JobRecord>("POST", "/v1/jobs", jobBody(config, wishes, key));
      navigate(`/jobs/${encodeURIComponent(job.id)}`);
    } catch (error) {
      setProblems(problemsOf(error));
      // A submission that was refused was not made: the next one is another one.
      if (error instanceof ApiError && error.status !== 0) setKey(newKey());
    } finally {
      setBusy(false);
    }
  };

  const byPath = new Map(
    problems.map(({ path, message }) => [path.replace(/^(inlineConfig|configOverrides)\./, ""), message]),
  );
  const common = { root: ROOT, problems: byPath, suggestions: { "video.encoder": ["auto", ...encoders] } };
  const set = (name: string) => (value: Parameters<typeof withField>[2]) => setConfig(withField(config, name, value));
  return (
    <Page title="New stream">
      <div className="two-columns">
        <form className={styles.form} onSubmit={(event) => void submit(event)}>
          <fieldset className={styles.panel}>
            <legend>Begin with</legend>
            <Field label="Template" hint={templates.find(({ id }) => id === wishes.templateId)?.description}>
              {(control) => (
                <select {...control} value={wishes.templateId} onChange={({ target }) => choose(target.value)}>
                  <option value="">A config of its own</option>
                  {templates.map(({ id, name }) => (
                    <option key={id} value={id}>
                      {name}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          </fieldset>
          <fieldset className={styles.panel}>
            <legend>Source</legend>
            <SchemaField
              {...common}
              name="source"
              path="source"
              label="Where the picture comes from"
              schema={partOf("source")}
              value={config.source}
              onChange={set("source")}
              required
            />
            <SourceCheck source={config.source} />
          </fieldset>
          <fieldset className={styles.panel}>
            <legend>Destinations</legend>
            <p className="soft">Without any, the stream goes to its broadcast, or becomes a preview.</p>
            <AddPlatform
              onAdd={(destination) => {
                const known = Array.isArray(config.destinations) ? config.destinations : [];
                setConfig({ ...config, destinations: [...known, destination] });
              }}
            />
            <SchemaField
              {...common}
              name="destinations"
              path="destinations"
              schema={partOf("destinations")}
              value={config.destinations}
              onChange={set("destinations")}
            />
          </fieldset>
          <fieldset className={styles.panel}>
            <legend>Quality</legend>
            <QualityField config={config} onChange={setConfig} />
            <ObjectFields
              {...common}
              path="video"
              schema={partOf("video")}
              value={config.video}
              onChange={set("video")}
            />
          </fieldset>
          <TitleFields wishes={wishes} onChange={setWishes} />
          <WhenFields wishes={wishes} onChange={setWishes} />
          <PolicyFields wishes={wishes} onChange={setWishes} />
          <div className={styles.panel}>
            <details className={styles.more}>
              <summary>Everything else: sound, lost sources, pause, limits, monitoring, overlay</summary>
              <ObjectFields
                {...common}
                path=""
                schema={ROOT}
                value={config}
                onChange={(value) => isObject(value) && setConfig(value)}
                leaveOut={SHOWN_ABOVE}
              />
            </details>
          </div>
          {problems.length > 0 && (
            <div className={styles.problem} role="alert">
              <p>It was not started:</p>
              <ul>
                {problems.map(({ path, message }) => (
                  <li key={path + message}>{path === "" ? message : `${path}: ${message}`}</li>
                ))}
              </ul>
            </div>
          )}
          <div className={styles.submit}>
            <Button type="submit" tone="primary" disabled={busy}>
              {wishes.when.startAt === "" ? "Start the stream" : "Schedule the stream"}
            </Button>
          </div>
        </form>
        <div className={styles.side}>
          <AgentsThatFit config={config} room={wishes.room} />
          <PlatformWarnings config={config} />
        </div>
      </div>
    </Page>
  );
}

/** A picture size by its usual name, which sets size and bitrate together. */
function QualityField({ config, onChange }: { config: JsonObject; onChange: (config: JsonObject) => void }) {
  const video = isObject(config.video) ? config.video : {};
  const chosen = Object.entries(QUALITIES).find(
    ([, { width, height }]) => width === (video.width ?? 1280) && height === (video.height ?? 720),
  );
  return (
    <Field label="Picture" hint="Sets size and bitrate; both can be changed below.">
      {(control) => (
        <select
          {...control}
          value={chosen?.[0] ?? ""}
          onChange={({ target }) => {
            const quality = Object.entries(QUALITIES).find(([name]) => name === target.value)?.[1];
            if (quality !== undefined) onChange({ ...config, video: { ...video, ...quality } });
          }}
        >
          {chosen === undefined && <option value="">Another size</option>}
          {Object.entries(QUALITIES).map(([name, { width, height, bitrateKbps }]) => (
            <option key={name} value={name}>
              {name} ({width}×{height}, {bitrateKbps} kbit/s)
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** What was wrong, mistake by mistake where the orchestrator says so. */
function problemsOf(error: unknown): Problem[] {
  if (error instanceof ApiError && Array.isArray(error.details) && error.details.every(isProblem)) return error.details;
  return [{ path: "", message: messageOf(error) }];
}

const isProblem = (value: unknown): value is Problem =>
  isObject(value) && typeof value.path === "string" && typeof value.message === "string";
