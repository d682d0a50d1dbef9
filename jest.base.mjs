import { fileURLToPath } from "node:url";

/** One jest recipe for every package: ESM TypeScript through swc, tests beside the sources or under `test/`. */
export default {
  testEnvironment: "node",
  extensionsToTreatAsEsm: [".ts"],
  testMatch: ["<rootDir>/src/**/*.test.ts", "<rootDir>/test/**/*.test.ts"],
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  transform: {
    "^.+\\.ts$": [
      "@swc/jest",
      { jsc: { parser: { syntax: "typescript" }, target: "es2024" }, module: { type: "es6" } },
    ],
  },
  testTimeout: 30_000,
  // The second hands the totals to `pnpm test`, which adds them up over all packages.
  reporters: ["default", fileURLToPath(new URL("./scripts/lib/totals-reporter.mjs", import.meta.url))],
};
