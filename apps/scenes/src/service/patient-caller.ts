import { setTimeout as pause } from "node:timers/promises";
import { type Bus, BusError } from "@stream-control/bus";
import {
  fromBinary,
  type OrchestratorCommandSchema,
  type OrchestratorReplySchema,
  type SubscriptionCommandSchema,
  type SubscriptionReplySchema,
  toBinary,
} from "@stream-control/proto/scenes";

/** Longer than a timeline takes to find a new owner. */
const PATIENCE_MS = 4000;
/** How long one owner is waited for; an owner that lives answers in a few milliseconds. */
const ANSWER_MS = 1000;
const BETWEEN_MS = 100;

/** Asks the owner of a timeline, and the next one where that does not answer. Commands carry an id, so asking twice does no harm. */
export class PatientCaller {
  constructor(
    private readonly bus: Bus,
    private readonly isElsewhere: (streamId: string) => boolean,
  ) {}

  /** @returns the owner's answer; undefined where none answers in time, or it is another's no more. */
  async ask<
    In extends typeof OrchestratorCommandSchema | typeof SubscriptionCommandSchema,
    Out extends typeof OrchestratorReplySchema | typeof SubscriptionReplySchema,
  >(streamId: string, subject: string, schema: In, message: Parameters<typeof toBinary<In>>[1], answer: Out) {
    const data = toBinary(schema, message);
    const untilMs = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const reply = fromBinary(answer, await this.bus.request(subject, data, { timeoutMs: ANSWER_MS }));
        if (reply.problem?.code !== "TIMELINE_UNAVAILABLE" || performance.now() > untilMs) return reply;
      } catch (thrown) {
        if (!(thrown instanceof BusError)) throw thrown;
        if (performance.now() > untilMs) return undefined;
      }
      await pause(BETWEEN_MS);
      if (!this.isElsewhere(streamId)) return undefined;
    }
  }
}
