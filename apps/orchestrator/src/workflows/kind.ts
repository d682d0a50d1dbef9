import type { JsonObject } from "@stream-control/protocol";
import type { Transaction } from "@stream-control/store";
import type { Tables } from "../store/tables.js";
import type { WorkflowError } from "./core/state.js";
import type { RetryPolicy } from "./definition.js";
import type { WorkflowRun } from "./run.js";

/** What a handler works with. */
export interface StepContext {
  /** The run when the handler was begun. */
  readonly run: WorkflowRun;
  /** The step, or the group, that it carries out. */
  readonly unit: string;
  /**
   * Belongs to this doing of the step, `<run>:<unit>:<generation>`, and to every later round of it with the round behind it: the
   * same after a crash, another one for a new try. Whatever the handler does outside is to be done by it.
   */
  readonly key: string;
  readonly retry: RetryPolicy | undefined;
  /** Aborted with a {@link StepAborted}. */
  readonly signal: AbortSignal;
  /** What the run was started with. */
  input(): Promise<JsonObject>;
  /** What a unit before it gave back. */
  output(unit: string): JsonObject | undefined;
  /** Of a group: which of its steps is being done now. Told again, it changes nothing. */
  enter(step: string): void;
  /** The step of the group that it is at, also after a restart. */
  current(): string | undefined;
}

/** What came of a step. */
export interface StepResult {
  /** Encrypted where it is stored. */
  output?: JsonObject;
  /** For conditions of later steps. */
  facts?: Record<string, boolean>;
  /** Written in the transaction in which the step is done: with it exactly once. May be called more than once. */
  alongside?: (tx: Transaction<Tables>) => Promise<void>;
}

/**
 * Carries a step out. It has to be safe to call again with the same key: after a crash nobody knows how far it came. When its
 * signal is aborted, it ends what it began, or leaves it where the reason is a shutdown, and then rejects or resolves.
 *
 * @throws StepError
 */
export type StepHandler = (context: StepContext) => Promise<StepResult | undefined>;

/** Takes back what a step did, or may have done. Safe to call again. */
export type Compensation = (context: Omit<StepContext, "enter" | "current" | "retry">) => Promise<void>;

/** Other limits for a run whose work takes longer than was thought. */
export interface RelaxedLimits {
  /** Name of the template whose limits they are. */
  limits: string;
  timeoutMs: number;
  /** When to ask again, in milliseconds of work; null: never. */
  relaxAfterMs: number | null;
}

/** What carries out the workflows of one kind. */
export interface WorkflowKind {
  readonly handlers: Readonly<Record<string, StepHandler>>;
  readonly compensations: Readonly<Record<string, Compensation>>;
  readonly relax?: (run: WorkflowRun) => Promise<RelaxedLimits>;
}

/** A step that failed, in words that may be shown. */
export class StepError extends Error {
  override readonly name = "StepError";

  constructor(
    readonly info: WorkflowError,
    /** Whether another try can help. */
    readonly retryable: boolean,
  ) {
    super(info.message);
  }
}

/** Why a handler is told to give up. `shutdown`: the service ends, and takes the step up again when it is back. */
export class StepAborted extends Error {
  override readonly name = "StepAborted";

  constructor(readonly reason: "timeout" | "stop" | "shutdown") {
    super(`The step was ended: ${reason}.`);
  }
}
