import { AppError } from "@stream-control/service-kit";
import type { Response } from "express";
import type { WorkflowRun } from "../workflows/run.js";
import { workflowId } from "../workflows/views.js";
import { renderIdOf } from "./renders.js";
import { isRetryable } from "./status.js";

/** Nobody waits any longer once the connection is closed. */
export function goneSignal(response: Response): AbortSignal {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  return gone.signal;
}

export const wrongRequest = (issues: { path: string; message: string }[]): AppError => {
  const words = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  return new AppError("VALIDATION_FAILED", `The request is wrong: ${words}.`, { details: issues });
};

/** What a failed render is answered with: whether the same request can help is the status's and the body's to say. */
export function failed(run: WorkflowRun): AppError {
  const error = run.state.error ?? { code: "INTERNAL_ERROR", message: "The render failed." };
  const details = {
    ...{ jobId: renderIdOf(run), workflow_id: workflowId(run), code: error.code },
    ...(error.detail?.issues === undefined ? {} : { issues: error.detail.issues }),
  };
  return new AppError(isRetryable(error) ? "RENDER_INTERRUPTED" : "RENDER_FAILED", error.message, { details });
}
