import { expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { Ticker } from "../src/service/ticker.js";

test("fires in the order of what is due, never early, and not what was taken back", async () => {
  const late: number[] = [];
  const ticker = new Ticker({ now: Date.now, onLate: (ms) => late.push(ms) });
  const began = Date.now();
  const fired: number[] = [];
  for (const afterMs of [40, 10, 30, 20, 50]) ticker.at(began + afterMs, () => fired.push(afterMs));
  ticker.at(began + 25, () => fired.push(-1)).cancel();
  await waitFor(() => fired.length === 5);
  ticker.stop();
  expect(fired).toEqual([10, 20, 30, 40, 50]);
  expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
});

test("lets others have their turn, however much is due, and what is fired plans the next", async () => {
  const ticker = new Ticker({ now: Date.now });
  let fired = 0;
  const again = (nowMs: number) => {
    fired += 1;
    const untilMs = performance.now() + 1;
    while (performance.now() < untilMs);
    ticker.at(nowMs + 1, again);
  };
  for (let index = 0; index < 50; index += 1) ticker.at(Date.now(), again);
  let turns = 0;
  const turn = setInterval(() => {
    turns += 1;
  }, 1);
  await waitFor(() => fired > 300 && turns > 5);
  clearInterval(turn);
  ticker.stop();
  const then = fired;
  await new Promise((resolve) => setImmediate(resolve));
  expect(fired).toBe(then);
});
