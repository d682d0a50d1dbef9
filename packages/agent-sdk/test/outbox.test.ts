import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { EventOutbox } from "../src/event-outbox.js";

const job = { jobId: "a", epoch: 1 };
const flushed = (outbox: EventOutbox, mark: number, of = job) => {
  const texts: string[] = [];
  outbox.flush(
    of,
    mark,
    (text) => texts.push(text) > 0,
    (count) => `dropped ${count}`,
  );
  return texts;
};

test("events stay in order until they have arrived, and go out again after a loss", () => {
  const outbox = new EventOutbox();
  outbox.add(job, "1");
  outbox.add(job, "2");
  expect(flushed(outbox, 1)).toEqual(["1", "2"]);
  expect(flushed(outbox, 1)).toEqual([]);
  outbox.add(job, "3");
  expect(flushed(outbox, 2)).toEqual(["3"]);
  outbox.arrived(1);
  outbox.forgetSent();
  outbox.add(job, "4");
  expect(flushed(outbox, 1)).toEqual(["3", "4"]);
  outbox.arrived(1);
  outbox.forgetSent();
  expect(flushed(outbox, 1)).toEqual([]);
});

test("too many events cost the oldest: silently those that were sent, counted those that were not", () => {
  const outbox = new EventOutbox({ perJob: 3, total: 1000 });
  for (const text of ["1", "2"]) outbox.add(job, text);
  flushed(outbox, 1);
  for (const text of ["3", "4", "5", "6"]) outbox.add(job, text);
  expect(flushed(outbox, 1)).toEqual(["dropped 1", "4", "5", "6"]);
});

test("what all jobs keep together is bounded", () => {
  const outbox = new EventOutbox({ perJob: 100, total: 30 });
  const other = { jobId: "b", epoch: 1 };
  for (let index = 0; index < 5; index++) outbox.add(job, "xxxxx");
  for (let index = 0; index < 5; index++) outbox.add(other, "yyyyy");
  expect(flushed(outbox, 1)).toEqual(["dropped 4", "xxxxx"]);
  expect(flushed(outbox, 1, other)).toHaveLength(5);
  outbox.forget(job);
  outbox.forget(other);
  for (let index = 0; index < 6; index++) outbox.add(other, "zzzzz");
  expect(flushed(outbox, 1, other)).toHaveLength(6);
});

test("whatever is lost when, every event arrives or is counted, each job's in its order", () => {
  const step = fc.constantFrom("add", "add", "flush", "answer", "lose");
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const outbox = new EventOutbox({ perJob: 10, total: 10_000 });
      let added = 0;
      let mark = 1;
      let counted = 0;
      // What the orchestrator has for certain, and what is on its way on the present connection.
      const arrived: number[] = [];
      let underway: number[] = [];
      const send = (text: string) => underway.push(Number(text)) > 0;
      const flush = () => outbox.flush(job, mark, send, (count) => `${-count}`);
      const deliver = () => {
        for (const number of underway) {
          if (number < 0) counted -= number;
          else arrived.push(number);
        }
        underway = [];
      };
      for (const next of steps) {
        if (next === "add") outbox.add(job, `${++added}`);
        if (next === "flush") flush();
        if (next === "answer") {
          deliver();
          outbox.arrived(mark);
          mark += 1;
        }
        if (next === "lose") {
          deliver();
          outbox.forgetSent();
          mark = 1;
        }
      }
      flush();
      deliver();
      expect(new Set(arrived).size + counted).toBeGreaterThanOrEqual(added);
      const first = arrived.filter((number, index) => arrived.indexOf(number) === index);
      expect(first).toEqual(first.toSorted((a, b) => a - b));
      expect(arrived.at(-1) ?? 0).toBe(added);
    }),
  );
});
