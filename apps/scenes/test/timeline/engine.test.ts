import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type Action,
  type Applied,
  apply,
  asRun,
  newTimeline,
  observe,
  type TimelineState,
} from "../../src/timeline/index.js";
import { action, rundown } from "./arbitraries.js";
import { CountingTimeline } from "./model.js";

const BEGIN = 1_000_000;
/** What happens: after so many milliseconds, these actions in one command. */
const story = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.nat({ max: 60 }), fc.constant(0)),
    actions: fc.array(action(BEGIN), { minLength: 1, maxLength: 3 }),
  }),
  { maxLength: 25 },
);

const command = (commandId: string, ...actions: Action[]) => ({ commandId, actions });

describe("a timeline", () => {
  test("shows at every moment what counting every millisecond shows, whatever is asked of it", () => {
    fc.assert(
      fc.property(rundown(BEGIN), story, fc.nat({ max: 400 }), (made, steps, afterwardsMs) => {
        let state: TimelineState = newTimeline(made, BEGIN);
        const model = new CountingTimeline(made, BEGIN);
        let nowMs = BEGIN;
        let serial = 0;
        const compare = () => {
          const seen = observe(state, nowMs);
          const shown = {
            ...{
              mode: seen.mode,
              scene: seen.onAir?.scene.id ?? null,
              next: seen.mode === "idle" ? null : (seen.next?.scene.id ?? null),
            },
            ...(seen.onAir === null
              ? {}
              : {
                  ...{ elapsedMs: seen.onAir.elapsedMs, durationMs: seen.onAir.durationMs, held: seen.onAir.held },
                  ...{ instance: seen.onAir.instance, round: seen.round, totalMs: seen.elapsedMs },
                  ...{ remainingMs: seen.onAir.remainingMs, overMs: seen.onAir.overMs },
                }),
          };
          const { elapsedMs, durationMs, held, instance, round, totalMs } = model;
          expect(shown).toEqual({
            ...{ mode: model.mode, scene: model.scene?.id ?? null, next: model.next?.id ?? null },
            ...(model.scene === null
              ? {}
              : {
                  ...{ elapsedMs, durationMs, held, instance, round, totalMs },
                  ...{ remainingMs: Math.max(0, durationMs - elapsedMs), overMs: Math.max(0, elapsedMs - durationMs) },
                }),
          });
        };
        compare();
        for (const { afterMs, actions } of steps) {
          nowMs += afterMs;
          model.passTo(nowMs);
          compare();
          for (const one of actions) {
            serial += 1;
            const applied = apply(state, command(`c${serial}`, one), nowMs);
            expect(applied.ok).toBe(model.act(one));
            if (applied.ok) state = JSON.parse(JSON.stringify(applied.state));
            compare();
          }
        }
        nowMs += afterwardsMs;
        model.passTo(nowMs);
        compare();
      }),
      { numRuns: 1500 },
    );
  });

  test("shows the same to two observers, whichever moments each of them looked at before", () => {
    fc.assert(
      fc.property(
        rundown(BEGIN),
        story,
        fc.array(fc.nat({ max: 2000 })),
        fc.nat({ max: 2000 }),
        (made, steps, looks, at) => {
          let state = newTimeline(made, BEGIN);
          let nowMs = BEGIN;
          for (const [index, { afterMs, actions }] of steps.entries()) {
            nowMs += afterMs;
            const applied = apply(state, command(`c${index}`, ...actions), nowMs);
            if (applied.ok) state = applied.state;
          }
          const copy: TimelineState = JSON.parse(JSON.stringify(state));
          for (const look of looks) observe(state, nowMs + look);
          expect(observe(copy, nowMs + at)).toEqual(observe(state, nowMs + at));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("names the next moment at which it shows something else, and shows the same scene until then", () => {
    fc.assert(
      fc.property(rundown(BEGIN), story, (made, steps) => {
        let state = newTimeline(made, BEGIN);
        let nowMs = BEGIN;
        for (const [index, { afterMs, actions }] of steps.entries()) {
          nowMs += afterMs;
          const applied = apply(state, command(`c${index}`, ...actions), nowMs);
          if (applied.ok) state = applied.state;
        }
        for (let look = 0; look < 10; look += 1) {
          const seen = observe(state, nowMs);
          const changesAtMs = seen.changesAtMs ?? nowMs + 500;
          expect(changesAtMs).toBeGreaterThan(nowMs);
          const before = observe(state, changesAtMs - 1);
          const what = ({ mode, onAir, upcoming }: typeof seen) => [mode, onAir?.instance, upcoming];
          expect(what(before)).toEqual(what(seen));
          if (seen.changesAtMs === null) return;
          expect(what(observe(state, changesAtMs))).not.toEqual(what(seen));
          nowMs = changesAtMs;
        }
      }),
      { numRuns: 300 },
    );
  });

  test("counts several actions of one command together or not at all", () => {
    fc.assert(
      fc.property(rundown(BEGIN), story, (made, steps) => {
        let state = newTimeline(made, BEGIN);
        let nowMs = BEGIN;
        for (const [index, { afterMs, actions }] of steps.entries()) {
          nowMs += afterMs;
          const whole = apply(state, command(`c${index}`, ...actions), nowMs);
          let oneByOne: TimelineState | undefined = state;
          for (const [place, one] of actions.entries()) {
            const applied: Applied | undefined = oneByOne && apply(oneByOne, command(`c${index}-${place}`, one), nowMs);
            oneByOne = applied?.ok ? applied.state : undefined;
          }
          expect(whole.ok).toBe(oneByOne !== undefined);
          if (!whole.ok) continue;
          const { revision: _, recent: __, ...rest } = whole.state;
          expect({ ...oneByOne, ...rest }).toEqual(oneByOne);
          state = whole.state;
        }
      }),
      { numRuns: 300 },
    );
  });

  test("has an as-run record without gaps and overlaps, that ends with what is on air", () => {
    fc.assert(
      fc.property(rundown(BEGIN), story, (made, steps) => {
        let state = newTimeline(made, BEGIN);
        let nowMs = BEGIN;
        const journal: { atMs: number; command: ReturnType<typeof command> }[] = [];
        for (const [index, { afterMs, actions }] of steps.entries()) {
          nowMs += afterMs;
          const entry = { atMs: nowMs, command: command(`c${index}`, ...actions) };
          const applied = apply(state, entry.command, nowMs);
          if (!applied.ok) continue;
          state = applied.state;
          journal.push(entry);
        }
        const entries = asRun({ rundown: made, atMs: BEGIN }, journal, nowMs, 10_000);
        for (const [index, { startedAtMs, endedAtMs, run }] of entries.entries()) {
          const following = entries[index + 1];
          if (following === undefined) continue;
          if (following.run === run) expect(following.startedAtMs).toBe(endedAtMs);
          else expect(following.startedAtMs).toBeGreaterThanOrEqual(endedAtMs ?? 0);
          expect(endedAtMs ?? 0).toBeGreaterThanOrEqual(startedAtMs);
        }
        const onAir = observe(state, nowMs).onAir;
        expect(entries.at(-1)?.endedAtMs === null ? entries.at(-1)?.sceneId : undefined).toBe(onAir?.scene.id);
      }),
      { numRuns: 500 },
    );
  });
});
