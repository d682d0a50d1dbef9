import base from "../jest.base.mjs";

// Real encoders share two cores with the tests beside them: one file at a time, and time enough.
export default { ...base, maxWorkers: 1, testTimeout: 120_000 };
