import type { Metadata, Participant } from "./stream.js";

/** What is heard of somebody's presence. `sid` and `sidJoinedAt` are LiveKit's; a join by REST has none yet. */
export type PresenceFact =
  | {
      kind: "joined";
      identity: string;
      at: number;
      metadata: Metadata | null;
      sid: string | null;
      sidJoinedAt: number | null;
    }
  | {
      kind: "left";
      identity: string;
      at: number;
      metadata: Metadata | null;
      sid: string | null;
      sidJoinedAt: number | null;
    };

/** What became of it, and what is to be told. */
export interface PresenceChange {
  participant: Participant;
  told: readonly ("participant_joined" | "participant_left")[];
}

/**
 * One truth out of what REST and LiveKit say in any order, late and repeated. A connection of LiveKit has an id: whatever is
 * said of one that is older than the one that is known changes nothing.
 *
 * @returns undefined where nothing changes.
 */
export function presence(known: Participant | undefined, fact: PresenceFact): PresenceChange | undefined {
  return fact.kind === "joined" ? joined(known, fact) : left(known, fact);
}

function joined(known: Participant | undefined, fact: PresenceFact): PresenceChange | undefined {
  const fresh: Participant = {
    identity: fact.identity,
    joinedAt: fact.sidJoinedAt ?? fact.at,
    leftAt: null,
    metadata: fact.metadata ?? known?.metadata ?? null,
    sid: fact.sid,
    sidJoinedAt: fact.sidJoinedAt,
  };
  if (known === undefined) return { participant: fresh, told: ["participant_joined"] };
  if (fact.sid === null) {
    // By REST: it asks for a token, so whoever has left is coming back.
    if (known.leftAt !== null)
      return {
        participant: { ...fresh, joinedAt: fact.at, sid: known.sid, sidJoinedAt: known.sidJoinedAt },
        told: ["participant_joined"],
      };
    if (fact.metadata === null || same(fact.metadata, known.metadata)) return undefined;
    return { participant: { ...known, metadata: fact.metadata }, told: [] };
  }
  if (fact.sid === known.sid || isOlder(fact, known)) return undefined;
  if (known.leftAt !== null) return { participant: fresh, told: ["participant_joined"] };
  return { participant: { ...fresh, joinedAt: known.joinedAt }, told: [] };
}

function left(known: Participant | undefined, fact: PresenceFact): PresenceChange | undefined {
  if (known === undefined) {
    // By REST about nobody: nothing to say. By LiveKit: the word of the join is lost or still to come.
    if (fact.sid === null) return undefined;
    const joinedAt = fact.sidJoinedAt ?? fact.at;
    const { identity, at, metadata, sid, sidJoinedAt } = fact;
    return {
      participant: { identity, joinedAt, leftAt: Math.max(at, joinedAt), metadata, sid, sidJoinedAt },
      told: ["participant_joined", "participant_left"],
    };
  }
  const isNew = fact.sid !== null && fact.sid !== known.sid;
  if (isNew && isOlder(fact, known)) return undefined;
  const sid = isNew ? { sid: fact.sid, sidJoinedAt: fact.sidJoinedAt } : {};
  if (known.leftAt !== null) {
    if (!isNew) return undefined;
    // A whole visit of which nothing was heard before.
    const joinedAt = Math.max(fact.sidJoinedAt ?? fact.at, known.leftAt);
    const participant = { ...known, ...sid, joinedAt, leftAt: Math.max(fact.at, joinedAt) };
    return { participant, told: ["participant_joined", "participant_left"] };
  }
  // The end of a connection that was over before somebody came back by REST.
  if (!isNew && fact.sid !== null && fact.at < known.joinedAt) return undefined;
  return { participant: { ...known, ...sid, leftAt: Math.max(fact.at, known.joinedAt) }, told: ["participant_left"] };
}

/** Whether a connection began before the one that is known, or before somebody came back. */
function isOlder(fact: PresenceFact, known: Participant): boolean {
  if (fact.sidJoinedAt === null) return false;
  return known.sidJoinedAt !== null ? fact.sidJoinedAt <= known.sidJoinedAt : false;
}

const same = (a: Metadata | null, b: Metadata | null): boolean => JSON.stringify(a) === JSON.stringify(b);
