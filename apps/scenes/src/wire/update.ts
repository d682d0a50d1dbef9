import {
  create,
  fromBinary,
  type MessageInitShape,
  type StateUpdate,
  StateUpdateSchema,
  toBinary,
  UpdateKind,
  Mode as WireMode,
} from "@stream-control/proto/scenes";
import type { Mode, Observation } from "../timeline/index.js";
import { FieldWriter } from "./field-writer.js";

export { UpdateKind };

export interface Heading {
  readonly streamId: string;
  readonly epoch: number;
  readonly sequence: number;
  readonly kind: UpdateKind;
}

const MODES: Record<Mode, WireMode> = {
  ...{ idle: WireMode.IDLE, running: WireMode.RUNNING, paused: WireMode.PAUSED },
  ...{ finished: WireMode.FINISHED, stopped: WireMode.STOPPED },
};

const moment = (ms: number | null): bigint | undefined => (ms === null ? undefined : BigInt(Math.round(ms)));
/** Fields that are absent are left out, rather than there and undefined. */
const present = <T extends object>(fields: { [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;

/** What of an update changes with every tick. */
type Passing = { kind: true; atMs: true; sequence: true };

/** What stays the same from tick to tick, as a message. */
function lasting(
  { streamId, epoch }: Pick<Heading, "streamId" | "epoch">,
  seen: Observation,
): MessageInitShape<typeof StateUpdateSchema> {
  const { onAir, next, status, run } = seen;
  return present<MessageInitShape<typeof StateUpdateSchema> & Partial<Passing>>({
    ...{ streamId, epoch: BigInt(epoch), revision: BigInt(seen.revision), mode: MODES[seen.mode], round: seen.round },
    ...{ upcoming: seen.upcoming, stopReason: seen.stopReason ?? "", run: run?.number ?? 0 },
    ...{ startAtMs: moment(seen.startAtMs), runStartedAtMs: moment(run?.startedAtMs ?? null) },
    ...{ endedAtMs: moment(seen.endedAtMs), plannedEndMs: moment(seen.plannedEndMs) },
    scene:
      onAir === null
        ? undefined
        : present({
            ...{
              id: onAir.scene.id,
              name: onAir.scene.name,
              index: onAir.index ?? undefined,
              instance: onAir.instance,
            },
            ...{ startedAtMs: moment(onAir.startedAtMs), endsAtMs: moment(onAir.endsAtMs), held: onAir.held },
            zeroAtMs: seen.mode === "running" ? moment(onAir.zeroMs) : 0n,
            ...{ durationMs: BigInt(onAir.durationMs), adjustedMs: BigInt(onAir.adjustedMs) },
            metadata: { ...onAir.scene.metadata },
          }),
    next:
      next === null
        ? undefined
        : present({
            ...{ id: next.scene.id, name: next.scene.name, durationMs: BigInt(next.scene.durationMs), cued: next.cued },
            ...{ startsAtMs: moment(next.startsAtMs), metadata: { ...next.scene.metadata } },
          }),
    status: status === null ? undefined : { ...status, updatedAtMs: BigInt(status.updatedAtMs) },
  });
}

/**
 * Encodes updates of one timeline. What stays the same is encoded once; each tick appends only what has changed, which makes
 * one message of both: a parser takes the parts of a message in any order and merges messages inside
 * (https://protobuf.dev/programming-guides/encoding/#last-one-wins).
 */
export class UpdateEncoder {
  private key = "";
  private constant = new Uint8Array();
  private readonly writer = new FieldWriter();

  constructor(private readonly names: Pick<Heading, "streamId" | "epoch">) {}

  encode({ kind, sequence }: Pick<Heading, "kind" | "sequence">, seen: Observation): Uint8Array {
    const { onAir } = seen;
    const key = `${seen.revision} ${seen.mode} ${onAir?.instance} ${seen.round} ${seen.upcoming} ${seen.run?.number}`;
    if (key !== this.key) {
      this.constant = toBinary(StateUpdateSchema, create(StateUpdateSchema, lasting(this.names, seen)));
      this.key = key;
    }
    const { writer } = this;
    if (onAir !== null) {
      writer
        .varint(12, onAir.elapsedMs)
        .varint(13, onAir.remainingMs)
        .varint(14, onAir.overMs)
        .double(15, onAir.progress);
      writer.wrap(9);
    }
    writer.varint(2, kind).varint(3, seen.atMs).varint(5, sequence);
    writer.varint(13, seen.elapsedMs).varint(14, seen.remainingMs).double(15, seen.progress).text(16, seen.timecode);
    if (seen.predictedEndMs !== null) writer.varint(22, seen.predictedEndMs);
    if (seen.overUnderMs !== null) writer.varint(23, seen.overUnderMs);
    return writer.finish(this.constant);
  }
}

/** @throws for bytes that are no update. */
export const decodeUpdate = (data: Uint8Array): StateUpdate => fromBinary(StateUpdateSchema, data);

export function updateOf(heading: Heading, seen: Observation): StateUpdate {
  return decodeUpdate(new UpdateEncoder(heading).encode(heading, seen));
}
