import { randomBytes } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  accessCheck,
  originCheck,
  productionWarnings,
  refuseWeakProduction,
  secretCheck,
  weakness,
} from "../src/production/index.js";

describe("a secret", () => {
  test.each([
    "dev-shared-token",
    "2short!",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "abcabcabcabcabcabcabcabcabcabc",
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789012345678901234567890123456789",
    "changeme-changeme-changeme",
    "my_Secret_Token_2026!!",
    "your-secret-token",
    "developmentsharedtoken",
    "please replace this password",
  ])("%s is weak, and the reason does not repeat it", (secret) => {
    const why = weakness(secret);
    expect(why).toMatch(/^it /);
    expect(why).not.toContain(secret);
  });

  test("that is random is strong, in hexadecimal and in base64", () => {
    fc.assert(
      fc.property(fc.integer({ min: 16, max: 64 }), (length) => {
        expect(weakness(randomBytes(length).toString("hex"))).toBeUndefined();
        expect(weakness(randomBytes(length).toString("base64"))).toBeUndefined();
      }),
    );
  });

  test("must differ from others that are named", () => {
    const secret = randomBytes(32).toString("hex");
    expect(weakness(secret, { SESSION_KEY: secret })).toBe("it is the same as SESSION_KEY");
  });
});

describe("production", () => {
  const flag = (variable: string, isSet = false) => ({ variable, isSet });
  const weak = (isSet: boolean) =>
    secretCheck("AGENT_TOKEN", "dev-shared-token", flag("ALLOW_WEAK_AGENT_TOKEN", isSet));

  test("is refused with every problem at once, what to do, and how to say that it is wanted", () => {
    const refuse = () => refuseWeakProduction([weak(false), originCheck(["*"], false), accessCheck(false, false)]);
    expect(refuse).toThrow(
      "NODE_ENV=production does not start like this: " +
        '(1) AGENT_TOKEN is weak: it is made of words that stand in examples. Set AGENT_TOKEN to a random text, such as the output of "openssl rand -hex 32", or say ALLOW_WEAK_AGENT_TOKEN=true. ' +
        "(2) ALLOWED_ORIGINS=* lets every page on the web use this service. List the origins of your pages in ALLOWED_ORIGINS, or say ALLOW_ANY_ORIGIN=true. " +
        "(3) ACCESS_CONTROL=off lets everybody in. Take ACCESS_CONTROL away, so that callers need a key, or say ALLOW_NO_ACCESS_CONTROL=true.",
    );
  });

  test("starts with what was said in words, and with what is in order", () => {
    refuseWeakProduction([weak(true), originCheck(["*"], true), accessCheck(false, true)]);
    refuseWeakProduction([originCheck(["https://a.example"], false), accessCheck(true, false)]);
    expect(() => refuseWeakProduction([weak(true), originCheck(["*"], false)])).toThrow("ALLOW_ANY_ORIGIN=true");
  });

  test("warns of plain connections unless TLS is here or at a named proxy", () => {
    const origins = { allowedOrigins: ["https://a.example"] };
    expect(productionWarnings({ ...origins, hasTls: false, trustedProxies: [] })).toHaveLength(1);
    expect(productionWarnings({ ...origins, hasTls: true, trustedProxies: [] })).toEqual([]);
    expect(productionWarnings({ ...origins, hasTls: false, trustedProxies: ["loopback"] })).toEqual([]);
  });
});
