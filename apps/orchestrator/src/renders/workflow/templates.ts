import { RENDER_TEMPLATES } from "@stream-control/protocol";
import {
  inSequence,
  type RetryPolicy,
  type StepDefinition,
  type WorkflowDefinition,
} from "../../workflows/definition.js";

const MINUTE_MS = 60_000;

/** Names of the templates, the smallest first. */
export const TEMPLATE_NAMES = RENDER_TEMPLATES;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

/** The unit that one job on an agent carries out, and what it does where. */
export const CARRIED = "render";
const carried = { group: CARRIED, kind: "render" } as const;

/** The unit that makes the parts of a render, by as many jobs. */
export const PARTS = "parts";

/** Tries of what is quick and done here: the store may be busy. */
const LOCAL_RETRY: RetryPolicy = { retries: 5, backoffMs: 500, factor: 2 };
/** A try that was stopped may take as long as any stop. */
const REMOVAL_RETRY: RetryPolicy = { retries: 10, backoffMs: 500, factor: 2 };

type Written = Omit<StepDefinition, "after"> & { after?: readonly string[] };
const local = { retry: LOCAL_RETRY, timeoutMs: MINUTE_MS, joins: true } as const;
const VALIDATE: Written = { name: "validate", kind: "validate", ...local };
const UPDATE: Written = { name: "update", kind: "update", ...local };
const NOTIFY: Written = { name: "notify", kind: "notify", when: "callback", final: true };
const CLEANUP: Written = { name: "cleanup", kind: "cleanup", final: true, retry: LOCAL_RETRY, timeoutMs: MINUTE_MS };

const thorough = (name: TemplateName, timeoutMs: number, retry: RetryPolicy): WorkflowDefinition => ({
  ...{ name, timeoutMs },
  steps: inSequence([
    VALIDATE,
    { name: "create_record", kind: "create_record", ...local },
    { name: "queue", ...carried, waits: true, retry, compensate: "discard_result" },
    { name: "allocate", ...carried, waits: true },
    { name: "download", ...carried },
    { name: "analyze", ...carried, timeoutMs: 5 * MINUTE_MS },
    { name: "process", ...carried },
    { name: "qa", ...carried, timeoutMs: 10 * MINUTE_MS },
    { name: "upload", ...carried },
    UPDATE,
    NOTIFY,
    CLEANUP,
  ]),
});

/** The ways in which a render is carried out. */
export const TEMPLATES: Readonly<Record<TemplateName, WorkflowDefinition>> = {
  quick_sync: {
    ...{ name: "quick_sync", timeoutMs: MINUTE_MS, relaxAfterMs: 30_000 },
    steps: inSequence([
      VALIDATE,
      {
        ...{ name: "allocate", ...carried, waits: true, compensate: "discard_result" },
        retry: { retries: 1, backoffMs: 1000, factor: 2 },
      },
      { name: "download", ...carried },
      { name: "process", ...carried },
      { name: "upload", ...carried },
      UPDATE,
      NOTIFY,
      CLEANUP,
    ]),
  },
  balanced_async: thorough("balanced_async", 15 * MINUTE_MS, { retries: 3, backoffMs: 2000, factor: 2 }),
  resource_intensive: thorough("resource_intensive", 45 * MINUTE_MS, { retries: 2, backoffMs: 15_000, factor: 2 }),
  distributed: {
    ...{ name: "distributed", timeoutMs: 90 * MINUTE_MS },
    steps: inSequence([
      VALIDATE,
      { name: "create_record", kind: "create_record", ...local },
      // An agent looks into the sources; where there is none, it is waited for.
      { name: "analyze", kind: "look", waits: true, retry: { retries: 1000, backoffMs: 5000, factor: 1 } },
      { name: "partition", kind: "partition", ...local },
      { name: "queue", group: PARTS, kind: "parts", waits: true, compensate: "discard_parts" },
      { name: "process", group: PARTS, kind: "parts" },
      {
        ...{ name: "merge", group: CARRIED, kind: "merge", compensate: "discard_result" },
        retry: { retries: 2, backoffMs: 2000, factor: 2 },
      },
      { name: "qa", group: CARRIED, kind: "merge", timeoutMs: 10 * MINUTE_MS },
      { name: "upload", group: CARRIED, kind: "merge" },
      UPDATE,
      NOTIFY,
      // Not behind those who are told, which may take a day.
      {
        ...{ name: "remove_parts", kind: "remove_parts", after: ["update"], final: true },
        ...{ retry: REMOVAL_RETRY, timeoutMs: MINUTE_MS },
      },
      { ...CLEANUP, after: ["notify", "remove_parts"] },
    ]),
  },
};

/** What a retry policy means to the job that carries a step. */
export const restartLimits = ({ retries, backoffMs, factor }: RetryPolicy) => ({
  ...{ maxRestarts: retries, baseMs: backoffMs },
  maxMs: Math.round(backoffMs * factor ** Math.max(0, retries - 1)),
});
