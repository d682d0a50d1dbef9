import { expect, test } from "@jest/globals";
import { Ballistics, FLOOR_DBFS, onScale } from "./levels.js";

test("a meter shows the peaks of a report one after another, and falls slowly after them", () => {
  const meter = new Ballistics(1);
  expect(meter.at(0)).toBe(FLOOR_DBFS);
  meter.report(
    {
      intervalMs: 100,
      rmsDbfs: [-20, -20],
      peaksDbfs: [
        [-50, -30],
        [-50, -6],
        [-50, -40],
      ],
    },
    1000,
  );
  expect(meter.at(1050)).toBe(-30);
  expect(meter.at(1150)).toBe(-6);
  // 20 dB in 1.7 s (IEC 60268-18).
  expect(meter.at(1150 + 1700)).toBeCloseTo(-26, 1);
  expect(meter.at(20_000)).toBe(FLOOR_DBFS);
});

test("the scale ends at full scale and at the floor", () => {
  expect([-120, FLOOR_DBFS, FLOOR_DBFS / 2, 0, 3].map(onScale)).toEqual([0, 0, 0.5, 1, 1]);
});
