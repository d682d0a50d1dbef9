import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { decide, type Fact, mayFollow } from "../src/streams/decide.js";
import { type PresenceFact, presence } from "../src/streams/presence.js";
import { type Participant, STATUSES, type Status, type StreamState } from "../src/streams/stream.js";

/** Visits of one person as LiveKit sees them: each with an id, one after another. */
const visits = fc
  .integer({ min: 1, max: 5 })
  .chain((count) => fc.record({ count: fc.constant(count), stays: fc.boolean() }));
const factsOf = ({ count, stays }: { count: number; stays: boolean }): PresenceFact[] =>
  Array.from({ length: count }, (_, n) => {
    const common = { identity: "ann", metadata: null, sid: `PA_${n}`, sidJoinedAt: 1000 + n * 100 };
    const joined: PresenceFact = { ...common, kind: "joined", at: 1000 + n * 100 };
    const left: PresenceFact = { ...common, kind: "left", at: 1050 + n * 100 };
    return stays && n === count - 1 ? [joined] : [joined, left];
  }).flat();

const run = (facts: readonly PresenceFact[]) => {
  let known: Participant | undefined;
  const told: string[] = [];
  for (const fact of facts) {
    const change = presence(known, fact);
    if (change === undefined) continue;
    known = change.participant;
    told.push(...change.told);
  }
  return { known, told };
};

test("in whatever order and however often LiveKit tells it, who is there in the end is the same", () => {
  fc.assert(
    fc.property(
      visits.chain((made) => {
        const facts = factsOf(made);
        const all = fc.shuffledSubarray(facts, { minLength: facts.length });
        return fc.record({
          made: fc.constant(made),
          order: fc.tuple(all, fc.shuffledSubarray(facts)).map((parts) => parts.flat()),
        });
      }),
      ({ made, order }) => {
        const { known, told } = run(order);
        expect(known?.leftAt === null).toBe(made.stays);
        expect(told).toEqual(told.map((_, n) => (n % 2 === 0 ? "participant_joined" : "participant_left")));
        expect(told.length % 2 === 1).toBe(made.stays);
      },
    ),
    { numRuns: 500 },
  );
});

const anyFact = fc.oneof(
  fc.record({
    kind: fc.constantFrom("joined" as const, "left" as const),
    identity: fc.constantFrom("a", "b"),
    at: fc.nat(5000),
    metadata: fc.constant(null),
    sid: fc.constant(null),
    sidJoinedAt: fc.constant(null),
  }),
  fc
    .record({
      kind: fc.constantFrom("joined" as const, "left" as const),
      identity: fc.constantFrom("a", "b"),
      at: fc.nat(5000),
      visit: fc.nat(3),
    })
    .map(({ visit, ...rest }) => ({
      ...rest,
      metadata: null,
      sid: `PA_${rest.identity}${visit}`,
      sidJoinedAt: 1000 * visit + 1,
    })),
  fc.record({ kind: fc.constant("ready" as const), roomSid: fc.constantFrom("RM_1", "RM_2"), at: fc.nat(5000) }),
  fc.record({ kind: fc.constant("failed" as const), error: fc.constant("x"), at: fc.nat(5000) }),
  fc.record({ kind: fc.constantFrom("retry" as const, "stop" as const), at: fc.nat(5000) }),
  fc.record({ kind: fc.constant("ended" as const), roomSid: fc.constantFrom(null, "RM_1", "RM_2"), at: fc.nat(5000) }),
  fc.record({ kind: fc.constant("edit" as const), metadata: fc.constantFrom({ n: 1 }, { n: 2 }), at: fc.nat(5000) }),
) satisfies fc.Arbitrary<Fact>;

const first: StreamState = {
  stream: {
    ...{ id: "1", roomName: "r", status: "creating", metadata: null, createdAt: 0, updatedAt: 0, stoppedAt: null },
    ...{ version: 1, lastEvent: 1, roomSid: null, error: null },
  },
  participants: new Map(),
};

test("whatever happens, events are numbered without gaps, statuses follow the table, and nobody stays in what has stopped", () => {
  fc.assert(
    fc.property(fc.array(anyFact, { maxLength: 40 }), (facts) => {
      let state = first;
      let number = 1;
      const present = new Set<string>();
      for (const fact of facts) {
        let decision: ReturnType<typeof decide>;
        try {
          decision = decide(state, fact);
        } catch {
          continue;
        }
        for (const { type, after, identity = "", previousStatus } of decision.events) {
          number += 1;
          expect(after.stream.lastEvent).toBe(number);
          if (type === "participant_joined") expect(present.has(identity)).toBe(false);
          if (type === "participant_joined") present.add(identity);
          if (type === "participant_left") expect(present.delete(identity)).toBe(true);
          if (type === "stream_stopped") expect(present.size).toBe(0);
          const to = after.stream.status;
          if (previousStatus !== undefined && previousStatus !== to) expect(mayFollow(previousStatus, to)).toBe(true);
        }
        state = decision.state;
        expect(state.stream.lastEvent).toBe(number);
        const there = [...state.participants.values()]
          .filter(({ leftAt }) => leftAt === null)
          .map(({ identity }) => identity);
        expect(new Set(there)).toEqual(present);
      }
    }),
    { numRuns: 500 },
  );
});

test("stopped is final, and every status is reached from another", () => {
  const reached = (to: Status) => STATUSES.filter((from) => mayFollow(from, to));
  expect(STATUSES.filter((to) => mayFollow("stopped", to))).toEqual([]);
  for (const status of STATUSES) expect(reached(status).length).toBeGreaterThan(0);
});
