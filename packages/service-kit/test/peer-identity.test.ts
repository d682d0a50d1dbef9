import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { alternativeNames } from "../src/http/door/peer-identity.js";

test("alternative names are told apart, also where one contains what separates them", () => {
  expect(alternativeNames(undefined)).toEqual([]);
  expect(alternativeNames("DNS:a.example, IP Address:127.0.0.1, URI:spiffe://room/encoder")).toEqual([
    "DNS:a.example",
    "IP Address:127.0.0.1",
    "URI:spiffe://room/encoder",
  ]);
  // What a certificate would have to contain to speak for another host (CVE-2021-44532).
  expect(alternativeNames('URI:"http://x/, DNS:victim.example", DNS:own.example')).toEqual([
    "URI:http://x/, DNS:victim.example",
    "DNS:own.example",
  ]);
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (names) => {
      const text = names.map((name) => `URI:${JSON.stringify(name)}`).join(", ");
      expect(alternativeNames(text)).toEqual(names.map((name) => `URI:${name}`));
    }),
  );
});
