import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { matches, token } from "../src/index.js";
import { assertSubject } from "../src/subject.js";

test("any text becomes one legal token, and different texts different ones", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 15 }), fc.string({ unit: "binary", maxLength: 15 }), (a, b) => {
      assertSubject(token(a));
      expect(token(a)).not.toContain(".");
      expect(token(a) === token(b)).toBe(a === b);
    }),
  );
});

const part = fc.constantFrom("a", "b", "c");
const subjects = fc.array(part, { minLength: 1, maxLength: 5 });

test("a subject fits itself, itself with stars, and any beginning of it with the rest left open", () => {
  fc.assert(
    fc.property(subjects, fc.array(fc.boolean(), { minLength: 5 }), fc.nat(4), (parts, stars, cut) => {
      const subject = parts.join(".");
      expect(matches(subject, subject)).toBe(true);
      expect(matches(parts.map((one, index) => (stars[index] ? "*" : one)).join("."), subject)).toBe(true);
      const open = [...parts.slice(0, cut), ">"].join(".");
      expect(matches(open, subject)).toBe(cut < parts.length);
      expect(matches(`${subject}.*`, subject)).toBe(false);
      expect(matches(subject, `${subject}.a`)).toBe(false);
    }),
  );
});
