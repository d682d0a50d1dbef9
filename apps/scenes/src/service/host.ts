import { createHash } from "node:crypto";
import type { Bus, BusMessage, BusSubscription } from "@stream-control/bus";
import {
  create,
  fromBinary,
  type MessageInitShape,
  type OrchestratorCommand,
  OrchestratorCommandSchema,
  type OrchestratorReply,
  OrchestratorReplySchema,
  type SubscriptionCommand,
  SubscriptionCommandSchema,
  type SubscriptionReply,
  SubscriptionReplySchema,
  toBinary,
} from "@stream-control/proto/scenes";
import { DEFAULT_ROOM, roomSchema } from "@stream-control/protocol";
import { AppError, toError } from "@stream-control/service-kit";
import { asAppError } from "@stream-control/service-kit/http";
import { v7 as uuidv7 } from "uuid";
import { NotOwnerError, type TimelineRecord } from "../journal/journal.js";
import { newTimeline } from "../timeline/index.js";
import { askedOf } from "../wire/command.js";
import { problemOf } from "../wire/problem.js";
import { QUEUE, subjects } from "../wire/subjects.js";
import { ManagedTimeline, type TimelineParts } from "./managed-timeline.js";
import { PatientCaller } from "./patient-caller.js";

export interface HostOptions extends TimelineParts {
  /** The name of this instance. */
  instance: string;
}

/** Longest id of a stream or a client. */
const MAX_ID = 128;
const SWEEP_MAX_MS = 5000;

/**
 * The timelines of this instance, and the way to those of others: what comes for a timeline that is another's is passed on to its
 * owner, and waits while that is changing.
 */
export class TimelineHost {
  private readonly own = new Map<string, ManagedTimeline>();
  private readonly doors = new Map<string, BusSubscription[]>();
  /** Those that are being made, each until that has come to an end. */
  private readonly making = new Map<string, Promise<void>>();
  private readonly subscriptions: BusSubscription[] = [];
  private readonly caller: PatientCaller;
  private sweeping: NodeJS.Timeout | undefined;
  private stopped = false;

  constructor(private readonly options: HostOptions) {
    this.caller = new PatientCaller(options.bus, (streamId) => this.isElsewhere(streamId));
  }

  async start(): Promise<void> {
    const { bus, journal, settings } = this.options;
    await journal.start({ gained: (record) => this.gained(record), lost: (streamId) => this.lost(streamId) });
    this.subscriptions.push(
      await this.serve(bus, subjects.command, OrchestratorCommandSchema, (command) => this.command(command), true),
      await this.serve(
        bus,
        subjects.subscription,
        SubscriptionCommandSchema,
        (command) => this.subscription(command),
        true,
      ),
    );
    const everyMs = Math.min(SWEEP_MAX_MS, Math.max(20, Math.min(settings.staleTimeoutMs, settings.idleTimeoutMs) / 6));
    this.sweeping = setInterval(() => this.sweep(), everyMs);
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearInterval(this.sweeping);
    for (const subscription of this.subscriptions) subscription.unsubscribe();
    for (const streamId of [...this.own.keys()]) this.lost(streamId);
    await this.options.journal.stop();
  }

  get counts(): { timelines: number; subscribers: number } {
    let subscribers = 0;
    for (const timeline of this.own.values()) subscribers += timeline.subscribers.size;
    return { timelines: this.own.size, subscribers };
  }

  /** Takes a command of anybody, for any timeline. What is wrong with it is in the reply. */
  async command(given: OrchestratorCommand): Promise<OrchestratorReply> {
    // Made here, so that whoever passes it on may do so twice.
    const commandId = given.commandId === "" ? uuidv7() : given.commandId;
    const isNew = given.command.case === "start" && given.command.value.config !== undefined;
    const streamId = given.streamId === "" && isNew ? streamIdFor(commandId) : given.streamId;
    const command = { ...given, commandId, streamId };
    try {
      requireId(streamId, "stream_id");
      requireId(commandId, "command_id");
      // Another one may be making it at this moment; what that one made may have come of this very command.
      await this.making.get(streamId);
      const known = await this.commandToKnown(command);
      if (known !== undefined) return known;
      if (!isNew) throw notFound(streamId);
      const made = this.make(command);
      const settled = made.then(
        () => {},
        () => {},
      );
      this.making.set(streamId, settled);
      try {
        return await made;
      } catch (thrown) {
        if (!(thrown instanceof AppError) || thrown.code !== "TIMELINE_EXISTS") throw thrown;
        const reply = await this.commandToKnown(command);
        if (reply === undefined) throw thrown;
        return reply;
      } finally {
        if (this.making.get(streamId) === settled) this.making.delete(streamId);
      }
    } catch (thrown) {
      return create(OrchestratorReplySchema, { streamId, problem: this.problem(thrown) });
    }
  }

  /** Gives a command to a timeline that is there, here or elsewhere; undefined where there is none. */
  private async commandToKnown(command: OrchestratorCommand): Promise<OrchestratorReply | undefined> {
    const { streamId } = command;
    const timeline = this.own.get(streamId);
    if (timeline !== undefined) return this.commandHere(timeline, command);
    if (!this.isElsewhere(streamId)) return undefined;
    const subject = subjects.ownerCommand(streamId);
    // However long it takes to find the owner, it counts as of now.
    const late = { ...command, atMs: command.atMs ?? BigInt(this.options.now()) };
    const reply = await this.caller.ask(streamId, subject, OrchestratorCommandSchema, late, OrchestratorReplySchema);
    // It may have become ours meanwhile.
    const gained = this.own.get(streamId);
    return reply ?? (gained === undefined ? unavailable() : await this.commandHere(gained, late));
  }

  /** Takes what a subscriber of any timeline has to say. */
  async subscription(command: SubscriptionCommand): Promise<SubscriptionReply> {
    const { streamId } = command;
    try {
      requireId(streamId, "stream_id");
      if (command.command.case !== "inspect") requireId(command.clientId, "client_id");
      const timeline = this.own.get(streamId);
      if (timeline !== undefined) return await this.subscriptionHere(timeline, command);
      if (!this.isElsewhere(streamId)) throw notFound(streamId);
      const subject = subjects.ownerSubscription(streamId);
      const reply = await this.caller.ask(
        streamId,
        subject,
        SubscriptionCommandSchema,
        command,
        SubscriptionReplySchema,
      );
      const gained = this.own.get(streamId);
      return reply ?? (gained === undefined ? unavailable() : await this.subscriptionHere(gained, command));
    } catch (thrown) {
      return create(SubscriptionReplySchema, { problem: this.problem(thrown) });
    }
  }

  private async commandHere(timeline: ManagedTimeline, command: OrchestratorCommand): Promise<OrchestratorReply> {
    const { atMs, repeated, state } = await timeline.command(command).catch((thrown: unknown) => {
      if (thrown instanceof NotOwnerError) this.lost(timeline.streamId);
      throw thrown;
    });
    if (timeline.removed) this.lost(timeline.streamId);
    return create(OrchestratorReplySchema, { streamId: timeline.streamId, atMs: BigInt(atMs), repeated, state });
  }

  private async subscriptionHere(timeline: ManagedTimeline, command: SubscriptionCommand): Promise<SubscriptionReply> {
    const { settings, monotonic } = this.options;
    const { streamId, clientId, command: what } = command;
    const reply: MessageInitShape<typeof SubscriptionReplySchema> = {
      heartbeatIntervalMs: settings.heartbeatIntervalMs,
      staleTimeoutMs: settings.staleTimeoutMs,
      updatesSubject: subjects.state(streamId),
    };
    switch (what.case) {
      case "register":
        if (what.value.ownSubject) reply.updatesSubject = subjects.own(streamId, clientId);
        return create(SubscriptionReplySchema, { ...reply, state: await timeline.register(command) });
      case "unregister":
        await timeline.unregister(clientId);
        return create(SubscriptionReplySchema, reply);
      case "heartbeat":
        if (!timeline.subscribers.heard(clientId, monotonic()))
          throw new AppError("NOT_FOUND", `"${clientId}" does not follow this timeline; register first.`);
        return create(SubscriptionReplySchema, reply);
      case "inspect":
        return create(SubscriptionReplySchema, { ...reply, state: timeline.snapshot(), stats: timeline.stats() });
      default:
        throw new AppError(
          "VALIDATION_FAILED",
          "The command says nothing that this service knows; register, unregister or heartbeat.",
        );
    }
  }

  private async make(command: OrchestratorCommand): Promise<OrchestratorReply> {
    const { journal, settings, now, instance, logger } = this.options;
    const nowMs = now();
    const asked = askedOf(command, nowMs);
    if (asked.kind !== "create") throw notFound(command.streamId);
    const room = roomSchema.safeParse(asked.room === "" ? DEFAULT_ROOM : asked.room);
    if (!room.success)
      throw new AppError("VALIDATION_FAILED", "room must be small letters, digits, dots, dashes and underscores.");
    if (journal.size >= settings.maxTimelines)
      throw new AppError("TOO_MANY_TIMELINES", `There are ${settings.maxTimelines} timelines already; remove some.`);
    const record = await journal.create({
      ...{ streamId: command.streamId, room: room.data, state: newTimeline(asked.rundown, nowMs) },
      made: { rundown: asked.rundown, atMs: nowMs, commandId: command.commandId },
      ...{ position: 0, owner: instance, epoch: 1, watched: false, removedAtMs: null },
    });
    logger.info({ streamId: record.streamId, scenes: asked.rundown.scenes.length }, "a timeline was made");
    const timeline = this.gained(record);
    return create(OrchestratorReplySchema, {
      streamId: record.streamId,
      atMs: BigInt(nowMs),
      state: timeline.snapshot(),
    });
  }

  private gained(record: TimelineRecord): ManagedTimeline {
    const before = this.own.get(record.streamId);
    before?.release();
    const timeline = new ManagedTimeline(record, this.options);
    this.own.set(record.streamId, timeline);
    this.openDoor(record.streamId);
    // Whoever follows it from elsewhere learns by this that it must register anew.
    if (record.epoch > 1) timeline.announce();
    return timeline;
  }

  private lost(streamId: string): void {
    this.own.get(streamId)?.release();
    this.own.delete(streamId);
    for (const subscription of this.doors.get(streamId) ?? []) subscription.unsubscribe();
    this.doors.delete(streamId);
  }

  /** Hears what other instances pass on for a timeline of this one. */
  private openDoor(streamId: string): void {
    const { bus, logger } = this.options;
    if (this.doors.has(streamId)) return;
    const opened: BusSubscription[] = [];
    this.doors.set(streamId, opened);
    const add = (subscription: BusSubscription) => {
      if (this.doors.get(streamId) === opened) opened.push(subscription);
      else subscription.unsubscribe();
    };
    Promise.all([
      this.serve(bus, subjects.ownerCommand(streamId), OrchestratorCommandSchema, (command) =>
        this.command(command),
      ).then(add),
      this.serve(bus, subjects.ownerSubscription(streamId), SubscriptionCommandSchema, (command) =>
        this.subscription(command),
      ).then(add),
    ]).catch((thrown: unknown) =>
      logger.error({ err: toError(thrown), streamId }, "a timeline cannot be reached by others"),
    );
  }

  private serve<In extends typeof OrchestratorCommandSchema | typeof SubscriptionCommandSchema>(
    bus: Bus,
    subject: string,
    schema: In,
    handle: (message: ReturnType<typeof fromBinary<In>>) => Promise<OrchestratorReply | SubscriptionReply>,
    shared = false,
  ): Promise<BusSubscription> {
    const answer = async ({ data, respond }: BusMessage) => {
      const reply = await handle(decoded(schema, data));
      const replySchema =
        reply.$typeName === OrchestratorReplySchema.typeName ? OrchestratorReplySchema : SubscriptionReplySchema;
      respond(toBinary(replySchema, reply as never));
    };
    const onMessage = (message: BusMessage) => {
      answer(message).catch((thrown: unknown) => {
        const problem = this.problem(thrown);
        const isCommand = (schema as unknown) === OrchestratorCommandSchema;
        message.respond(
          isCommand
            ? toBinary(OrchestratorReplySchema, create(OrchestratorReplySchema, { problem }))
            : toBinary(SubscriptionReplySchema, create(SubscriptionReplySchema, { problem })),
        );
      });
    };
    return bus.subscribe(subject, onMessage, shared ? { queue: QUEUE } : {});
  }

  private isElsewhere(streamId: string): boolean {
    // What is ours by the journal and not here yet, or no more, is waited for like what is another's.
    return !this.own.has(streamId) && this.options.journal.find(streamId) !== undefined;
  }

  private sweep(): void {
    const { logger } = this.options;
    for (const [streamId, timeline] of this.own)
      timeline
        .sweep()
        .catch((thrown: unknown) => {
          if (thrown instanceof NotOwnerError) this.lost(streamId);
          else if (!this.stopped)
            logger.error({ err: toError(thrown), streamId }, "a timeline could not be looked after");
        })
        .finally(() => {
          if (timeline.removed && this.own.get(streamId) === timeline) this.lost(streamId);
        });
  }

  private problem(thrown: unknown) {
    const error =
      thrown instanceof NotOwnerError
        ? new AppError("TIMELINE_UNAVAILABLE", "The timeline changes its owner; try again.", { cause: thrown })
        : asAppError(thrown);
    if (error.status >= 500 && error.code !== "TIMELINE_UNAVAILABLE")
      this.options.logger.error({ err: toError(thrown) }, "a request over the bus failed");
    return problemOf(error);
  }
}

export const notFound = (streamId: string): AppError =>
  new AppError("TIMELINE_NOT_FOUND", `There is no timeline "${streamId}".`);

const unavailable = (): never => {
  throw new AppError("TIMELINE_UNAVAILABLE", "Nobody runs this timeline at the moment; try again.");
};

/** The same command makes the same stream, so that one that is sent twice makes one. */
function streamIdFor(commandId: string): string {
  const hex = createHash("sha256").update(`stream:${commandId}`).digest("hex");
  // In the form of a UUID of version 8 (RFC 9562 §5.8), as clients of old expect one.
  return [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    "-",
  );
}

function requireId(value: string, name: string): void {
  if (value === "" || value.length > MAX_ID || /\p{Cc}/u.test(value))
    throw new AppError("VALIDATION_FAILED", `${name} must be 1 to ${MAX_ID} printable characters.`);
}

function decoded<In extends typeof OrchestratorCommandSchema | typeof SubscriptionCommandSchema>(
  schema: In,
  data: Uint8Array,
) {
  try {
    return fromBinary(schema, data);
  } catch (cause) {
    throw new AppError("INVALID_REQUEST", `The message is no ${schema.typeName}.`, { cause });
  }
}
