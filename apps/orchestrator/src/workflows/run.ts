import type { JsonObject } from "@stream-control/protocol";
import type { RunState } from "./core/state.js";
import type { WorkflowDefinition } from "./definition.js";

/** A run as it is now. */
export interface WorkflowRun {
  id: string;
  /** Whoever starts a run with a key that there is gets that run. */
  key: string;
  /** Which handlers carry it out. */
  kind: string;
  room: string;
  /** As it was when the run was started. */
  definition: WorkflowDefinition;
  state: RunState;
  createdAt: string;
  updatedAt: string;
  endedAt: string | null;
  /** What units gave back, by their names. */
  outputs: Readonly<Record<string, JsonObject>>;
}

/** A run to be started. */
export interface NewRun {
  id: string;
  key: string;
  kind: string;
  room: string;
  definition: WorkflowDefinition;
  /** What it is about; encrypted where it is stored. */
  input: JsonObject;
  /** What conditions ask for. */
  facts?: Record<string, boolean>;
  /** Steps that are done already, with what they gave. */
  done?: Record<string, JsonObject>;
  /** A person's name, perhaps: it is read where it is needed, and held nowhere, so that it can be erased. */
  requestedBy: string | null;
}
