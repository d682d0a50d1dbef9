import {
  inSequence,
  type RetryPolicy,
  type StepDefinition,
  type WorkflowDefinition,
} from "../../workflows/definition.js";

const MINUTE_MS = 60_000;

/** Names of the templates, the smallest first. */
export const TEMPLATE_NAMES = ["quick_sync", "balanced_async", "resource_intensive"] as const;
export type TemplateName = (typeof TEMPLATE_NAMES)[number];

/** The unit that one job on an agent carries out, and what it does where. */
export const CARRIED = "render";
const carried = { group: CARRIED, kind: "render" } as const;

/** Tries of what is quick and done here: the store may be busy. */
const LOCAL_RETRY: RetryPolicy = { retries: 5, backoffMs: 500, factor: 2 };

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
};

/** What a retry policy means to the job that carries a step. */
export const restartLimits = ({ retries, backoffMs, factor }: RetryPolicy) => ({
  ...{ maxRestarts: retries, baseMs: backoffMs },
  maxMs: Math.round(backoffMs * factor ** Math.max(0, retries - 1)),
});
