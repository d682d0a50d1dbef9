import { type Grants, type JobEvent, type JobRecord, maskSecrets } from "@stream-control/protocol";
import { includes, roleIn } from "@stream-control/service-kit/access";

/** Whether somebody is shown stream keys and passwords in a room: operators need them, viewers do not. */
export const seesSecrets = (grants: Grants, room: string): boolean => includes(roleIn(grants, room), "operator");

/** A job as somebody without the right to see its secrets is shown it. */
export function maskJob<R extends JobRecord>(record: R): R {
  return {
    ...record,
    inlineConfig: maskSecrets(record.inlineConfig),
    streamMetadata: maskSecrets(record.streamMetadata),
    metadata: maskSecrets(record.metadata),
    // Whoever knows the key of a submission could have its answer.
    idempotencyKey: null,
  };
}

/** An entry of a job's log as somebody without the right to see the job's secrets is shown it. */
export const maskEvent = <E extends JobEvent>(event: E): E =>
  event.data === undefined ? event : { ...event, data: maskSecrets(event.data) };
