import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { LIFE_CYCLE, type LifeCycle } from "../api/resources.js";
import { type Begun, nextStep, type Seen, STUCK_MS, type Step, type Wish } from "./next-step.js";

const id = fc.option(fc.constantFrom("x"), { nil: null });
const begun: fc.Arbitrary<Begun> = fc.record({
  state: fc.constantFrom("preparing", "ready", "live", "ended"),
  unsure: fc.constantFrom(null, "stream", "broadcast"),
  ...{ streamId: id, broadcastId: id, bound: fc.boolean(), ownsStream: fc.boolean(), textsDiffer: fc.boolean() },
});
const seen: fc.Arbitrary<Seen | undefined> = fc.option(
  fc.record({
    lifeCycle: fc.constantFrom(...LIFE_CYCLE),
    streamStatus: fc.constantFrom(undefined, "ready", "active", "inactive", "error"),
    monitorStream: fc.boolean(),
    forMs: fc.nat(2 * STUCK_MS),
  }),
  { nil: undefined },
);
const wish: fc.Arbitrary<Wish> = fc.record({ onAir: fc.boolean(), over: fc.boolean(), keepUnused: fc.boolean() });

describe("the next step of a broadcast", () => {
  test("is a transition only where YouTube was seen to allow it", () => {
    fc.assert(
      fc.property(begun, seen, wish, (row, sight, wanted) => {
        const step = nextStep(row, sight, wanted);
        if (step.do !== "transition") return;
        const { lifeCycle, streamStatus, monitorStream } = sight as Seen;
        if (step.to === "complete") expect(wanted.over && ["live", "testing"].includes(lifeCycle)).toBe(true);
        else expect(wanted.onAir && !wanted.over).toBe(true);
        if (lifeCycle === "ready")
          expect([streamStatus, step.to]).toEqual(["active", monitorStream ? "testing" : "live"]);
      }),
    );
  });

  test("makes nothing while it is not known whether it was made, and nothing for what is over", () => {
    fc.assert(
      fc.property(begun, seen, wish, (row, sight, wanted) => {
        const { do: action } = nextStep(row, sight, wanted);
        if (action === "make-stream") expect(row.unsure).not.toBe("stream");
        if (action === "make-broadcast") expect(row.unsure).not.toBe("broadcast");
        if (wanted.over)
          expect(["make-stream", "make-broadcast", "bind", "hand-over", "send-texts"]).not.toContain(action);
        if (action === "delete-stream") expect(row.ownsStream && wanted.over).toBe(true);
        if (row.state === "ended") expect(action).toBe("wait");
      }),
    );
  });

  /** What YouTube has, and what is noted of it: two things that a crash or a lost answer can part. */
  class World {
    row: Begun = {
      ...{ state: "preparing", unsure: null, streamId: null, broadcastId: null, bound: false, textsDiffer: false },
      ownsStream: true,
    };
    seen: Seen | undefined;
    streams = 0;
    broadcasts = 0;
    made = 0;
    lifeCycle: LifeCycle = "created";
    active = false;
    constructor(
      readonly monitorStream: boolean,
      private readonly fate: () => "fine" | "lost" | "refused",
    ) {}

    /** Carries a step out; the answer may be lost, or the whole call. */
    take(step: Step): void {
      const fate = this.fate();
      const done = fate !== "refused";
      const heard = fate === "fine";
      switch (step.do) {
        case "make-stream":
          this.row.unsure = "stream";
          if (done) this.streams += 1;
          if (heard) this.row = { ...this.row, streamId: "x", unsure: null };
          return;
        case "find-stream":
          if (heard) this.row = { ...this.row, unsure: null, streamId: this.streams > 0 ? "x" : null };
          return;
        case "make-broadcast":
          this.row.unsure = "broadcast";
          if (done) this.broadcasts += 1;
          if (done) this.made += 1;
          if (heard) this.row = { ...this.row, broadcastId: "x", unsure: null };
          return;
        case "find-broadcast":
          if (heard) this.row = { ...this.row, unsure: null, broadcastId: this.broadcasts > 0 ? "x" : null };
          return;
        case "bind":
          if (done) this.lifeCycle = "ready";
          if (heard) this.row.bound = true;
          return;
        case "hand-over":
          this.row.state = "ready";
          return;
        case "note-live":
          this.row.state = "live";
          return;
        case "look":
          this.seen = heard ? this.sight() : undefined;
          return;
        case "transition":
          this.transition(step.to, done);
          this.seen = undefined;
          return;
        case "delete-broadcast":
          expect(["created", "ready"]).toContain(this.lifeCycle);
          if (done) this.broadcasts = 0;
          if (heard) this.row = { ...this.row, broadcastId: null, bound: false };
          return;
        case "delete-stream":
          if (done) this.streams = 0;
          if (heard) this.row.streamId = null;
          return;
        case "finish":
          this.row.state = "ended";
          return;
        default:
          return;
      }
    }

    private transition(to: string, done: boolean): void {
      if (to === "complete") expect(["live", "testing"]).toContain(this.lifeCycle);
      if (!done) return;
      this.lifeCycle = to === "complete" ? "complete" : to === "testing" ? "testStarting" : "liveStarting";
    }

    private sight(): Seen {
      const { lifeCycle, monitorStream, active } = this;
      // Transient states end by themselves.
      if (lifeCycle === "testStarting") this.lifeCycle = "testing";
      if (lifeCycle === "liveStarting") this.lifeCycle = "live";
      return { lifeCycle, streamStatus: active ? "active" : "ready", monitorStream, forMs: 0 };
    }
  }

  test("leads on air and to an end, whatever is lost on the way, with one broadcast and nothing left behind", () => {
    const fates = fc.array(fc.constantFrom("fine", "lost", "refused"), { maxLength: 40 });
    fc.assert(
      fc.property(fates, fc.boolean(), fc.nat(30), fc.boolean(), (given, monitorStream, stopAfter, crashes) => {
        let at = 0;
        const world = new World(monitorStream, () => (given[at++] as "fine" | undefined) ?? "fine");
        const run = (wanted: Wish, steps: number) => {
          for (let count = 0; count < steps; count += 1) {
            const step = nextStep(world.row, world.seen, wanted);
            if (step.do === "wait") return;
            world.take(step);
            // What YouTube said is not kept over a crash.
            if (crashes && count % 3 === 0) world.seen = undefined;
          }
        };
        run({ onAir: false, over: false, keepUnused: false }, stopAfter);
        world.active = true;
        run({ onAir: true, over: false, keepUnused: false }, stopAfter === 0 ? 200 : stopAfter);
        if (stopAfter === 0) expect([world.lifeCycle, world.row.state]).toEqual(["live", "live"]);
        world.seen = undefined;
        run({ onAir: false, over: true, keepUnused: false }, 300);
        expect(world.row.state).toBe("ended");
        expect(world.made).toBeLessThanOrEqual(1);
        expect(world.streams).toBe(0);
        expect(world.broadcasts === 0 || world.lifeCycle === "complete").toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
