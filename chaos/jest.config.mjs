import base from "../jest.base.mjs";

// A short storm has real encoders and waits for real leases.
export default { ...base, maxWorkers: 1, testTimeout: 240_000 };
