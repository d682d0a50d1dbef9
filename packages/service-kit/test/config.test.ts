import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { z } from "zod";
import { ConfigError, envVar, readConfig } from "../src/index.js";

const schema = z.object({
  PORT: envVar.port().default(8080),
  TOKEN: z.string().min(8),
  TIMEOUT_MS: envVar.ms().default(3000),
  DEBUG: envVar.flag().default(false),
  ORIGINS: envVar.list().default([]),
  LOG_LEVEL: envVar.logLevel().default("info"),
});
const failure = (env: Record<string, string>) => {
  try {
    readConfig(schema, env);
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.message;
    throw thrown;
  }
  throw new Error("The config was taken.");
};

test("defaults fill what is absent, and a blank variable counts as absent", () => {
  expect(readConfig(schema, { TOKEN: "long-enough", PORT: "  ", DEBUG: "" })).toEqual({
    PORT: 8080,
    TOKEN: "long-enough",
    TIMEOUT_MS: 3000,
    DEBUG: false,
    ORIGINS: [],
    LOG_LEVEL: "info",
  });
});

test("every kind of variable is read", () => {
  const env = {
    TOKEN: "long-enough",
    PORT: "0",
    TIMEOUT_MS: "250",
    DEBUG: "yes",
    ORIGINS: " http://a , ,http://b",
    LOG_LEVEL: "warn",
  };
  expect(readConfig(schema, env)).toEqual({
    PORT: 0,
    TOKEN: "long-enough",
    TIMEOUT_MS: 250,
    DEBUG: true,
    ORIGINS: ["http://a", "http://b"],
    LOG_LEVEL: "warn",
  });
});

test("one error names every variable that is wrong", () => {
  const message = failure({ PORT: "99999", TIMEOUT_MS: "1.5", DEBUG: "maybe", LOG_LEVEL: "loud" });
  for (const name of ["PORT", "TOKEN", "TIMEOUT_MS", "DEBUG", "LOG_LEVEL"]) expect(message).toContain(name);
  expect(message).not.toContain("ORIGINS");
});

test("a wrong value never falls back to the default, and is never repeated in the error", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-z]{12,20}$/),
      fc.constantFrom("PORT", "TIMEOUT_MS", "DEBUG", "LOG_LEVEL"),
      (value, name) => {
        const message = failure({ TOKEN: "long-enough", [name]: value });
        expect(message).toContain(name);
        expect(message).not.toContain(value);
      },
    ),
  );
  expect(failure({ TOKEN: "hunter2" })).not.toContain("hunter2");
});

test("variables that the schema does not have are left alone", () => {
  expect(readConfig(z.object({ A: z.string().default("a") }), { B: "b", __proto__: "c" })).toEqual({ A: "a" });
});
