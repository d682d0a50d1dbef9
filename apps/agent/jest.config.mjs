import base from "../../jest.base.mjs";

/** Most of these tests wait for streams, at the speed of the clock, so that more than one fits on each core. */
export default { ...base, maxWorkers: 3 };
