import type { IncomingMessage } from "node:http";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ConfigError } from "../src/config.js";
import { addressKey, ClientAddresses, isLoopback, plainAddress } from "../src/http/index.js";

/** What of a request the address is taken from. */
const request = (remoteAddress: string, headers: Record<string, string> = {}, encrypted = false) =>
  ({ socket: { remoteAddress, encrypted }, connection: { remoteAddress }, headers }) as unknown as IncomingMessage;

const anyText = fc.oneof(fc.string({ unit: "binary" }), fc.ipV4(), fc.ipV6(), fc.constantFrom("127.0.0.1", "::1", ","));

describe("the caller's address", () => {
  test("is the connection's where no proxy is named, whatever the headers say", () => {
    const addresses = new ClientAddresses();
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.array(anyText), anyText, (peer, forwarded, proto) => {
        const headers = {
          "x-forwarded-for": forwarded.join(", "),
          "x-forwarded-proto": proto,
          forwarded: `for=${proto}`,
        };
        expect(addresses.of(request(peer, headers))).toBe(plainAddress(peer));
        expect(addresses.isSecure(request(peer, headers))).toBe(false);
      }),
    );
  });

  test("is what the nearest named proxies say, and never what a caller wrote before them", () => {
    const addresses = new ClientAddresses(["loopback", "10.0.0.0/8"]);
    fc.assert(
      fc.property(fc.array(anyText), (spoofed) => {
        const forwarded = [...spoofed, "203.0.113.7", "10.1.2.3"].join(", ");
        expect(addresses.of(request("::ffff:127.0.0.1", { "x-forwarded-for": forwarded }))).toBe("203.0.113.7");
        // The same text from somebody who is no proxy of ours.
        expect(addresses.of(request("198.51.100.9", { "x-forwarded-for": forwarded }))).toBe("198.51.100.9");
      }),
    );
  });

  test("is the proxy's own where it passes on no address", () => {
    const addresses = new ClientAddresses(["127.0.0.1"]);
    for (const forwarded of ["<script>", "unknown", "", "1.2.3.4.5", "x, y"])
      expect(addresses.of(request("127.0.0.1", { "x-forwarded-for": forwarded }))).toBe("127.0.0.1");
  });

  test("knows https from its own TLS and from named proxies", () => {
    const addresses = new ClientAddresses(["loopback"]);
    const forwarded = { "x-forwarded-proto": "https" };
    expect(addresses.isSecure(request("127.0.0.1", forwarded))).toBe(true);
    expect(addresses.isSecure(request("192.0.2.1", forwarded))).toBe(false);
    expect(addresses.isSecure(request("192.0.2.1", {}, true))).toBe(true);
  });

  test("counts as one caller by its IPv4 address or its block of IPv6", () => {
    expect(addressKey("2001:db8:1:2::1")).toBe(addressKey("2001:db8:1:2:ffff::9"));
    expect(addressKey("2001:db8:1:2::1")).not.toBe(addressKey("2001:db8:1:3::1"));
    expect(addressKey("192.0.2.1")).not.toBe(addressKey("192.0.2.2"));
    expect(["127.0.0.1", "127.9.9.9", "::1"].every(isLoopback)).toBe(true);
    expect(["128.0.0.1", "::2", "10.127.0.1"].some(isLoopback)).toBe(false);
  });
});

test("a proxy that is no address stops the start and is named", () => {
  for (const wrong of ["everyone", "10.0.0.0/99", "*", "true"])
    try {
      new ClientAddresses(["127.0.0.1", wrong]);
      throw new Error("It was taken.");
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(ConfigError);
      expect((thrown as Error).message).toContain(`TRUSTED_PROXIES: "${wrong}" is no address, no CIDR block`);
    }
});
