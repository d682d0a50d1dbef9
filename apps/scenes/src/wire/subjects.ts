import { subjectWord } from "@stream-control/bus";

const PREFIX = "scenes.v1";

/** Subjects of the service on the bus (docs/scenes.md). A stream's id is one word of them, see `subjectWord`. */
export const subjects = {
  /** OrchestratorCommand → OrchestratorReply, of anybody, to any instance. */
  command: `${PREFIX}.command`,
  /** SubscriptionCommand → SubscriptionReply, of anybody, to any instance. */
  subscription: `${PREFIX}.subscription`,
  /** StateUpdate, of whoever owns the timeline. */
  state: (streamId: string) => `${PREFIX}.state.${subjectWord(streamId)}`,
  /** StateUpdate for one subscriber, filtered as it asked. */
  own: (streamId: string, clientId: string) => `${PREFIX}.own.${subjectWord(streamId)}.${subjectWord(clientId)}`,
  /** Between instances: the same two, to the owner of a timeline. */
  ownerCommand: (streamId: string) => `${PREFIX}.owner.${subjectWord(streamId)}.command`,
  ownerSubscription: (streamId: string) => `${PREFIX}.owner.${subjectWord(streamId)}.subscription`,
} as const;

/** Instances share what any of them can answer. */
export const QUEUE = "scenes";
