import { createSocket } from "node:dgram";
import { once } from "node:events";
import { stat } from "node:fs/promises";
import { describe, expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import fc from "fast-check";
import { classifyAddress } from "../src/egress/classify.js";
import { AllowedNetworks, canonicalHost, type LookUp, lookUpAside, resolveAllowed } from "../src/egress/index.js";

const allowed = (...entries: string[]) => AllowedNetworks.parse(entries);
const byte = fc.integer({ min: 0, max: 255 });
const ipv4 = fc.tuple(byte, byte, byte, byte);
type Ipv4 = [number, number, number, number];
const hex16 = (high: number, low: number) => (high * 256 + low).toString(16);
const never: LookUp = () => Promise.reject(new Error("No name was expected to be looked up."));

describe("an address belongs to", () => {
  test.each([
    ["8.8.8.8", "public"],
    ["2606:4700::1111", "public"],
    ["10.0.0.1", "private"],
    ["172.16.0.1", "private"],
    ["172.32.0.1", "public"],
    ["192.168.255.255", "private"],
    ["100.64.0.1", "private"],
    ["fd12:3456::1", "private"],
    ["fec0::1", "private"],
    ["127.0.0.1", "loopback"],
    ["127.255.0.1", "loopback"],
    ["::1", "loopback"],
    ["169.254.169.254", "link-local"],
    ["fe80::1", "link-local"],
    ["100.100.100.200", "metadata"],
    ["168.63.129.16", "metadata"],
    ["fd00:ec2::254", "metadata"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["192.0.2.1", "reserved"],
    ["198.51.100.7", "reserved"],
    ["198.18.0.1", "reserved"],
    ["192.0.0.192", "reserved"],
    ["240.0.0.1", "reserved"],
    ["255.255.255.255", "reserved"],
    ["2001:db8::1", "reserved"],
    ["2001::1", "reserved"],
    ["64:ff9b:1::1", "reserved"],
    ["::ffff:169.254.169.254", "link-local"],
    ["::ffff:a9fe:a9fe", "link-local"],
    ["::10.0.0.1", "private"],
    ["::a00:1", "private"],
    ["64:ff9b::7f00:1", "loopback"],
    ["64:ff9b::127.0.0.1", "loopback"],
    ["2002:a9fe:a9fe::", "link-local"],
    ["2002:808:808::", "public"],
  ])("%s: %s", (address, expected) => expect(classifyAddress(address)).toBe(expected));

  test("the same network whichever IPv6 address stands for it", () => {
    fc.assert(
      fc.property(ipv4, ([a, b, c, d]) => {
        // Compatible addresses below ::100 are IPv6's own.
        fc.pre(a + b + c > 0);
        const expected = classifyAddress(`${a}.${b}.${c}.${d}`);
        const tail = `${hex16(a, b)}:${hex16(c, d)}`;
        for (const other of [`::ffff:${tail}`, `::${tail}`, `64:ff9b::${tail}`, `2002:${tail}::1`])
          expect(classifyAddress(other)).toBe(expected);
      }),
    );
  });
});

/** Ways to write an IPv4 address that `inet_aton`, and so every program, understands. */
const SPELLINGS: ((address: Ipv4) => string)[] = [
  ([a, b, c, d]) => String(((a * 256 + b) * 256 + c) * 256 + d),
  ([a, b, c, d]) => `0x${(((a * 256 + b) * 256 + c) * 256 + d).toString(16)}`,
  ([a, b, c, d]) => `0${(((a * 256 + b) * 256 + c) * 256 + d).toString(8)}`,
  ([a, b, c, d]) => `${a}.${(b * 256 + c) * 256 + d}`,
  ([a, b, c, d]) => `0x${a.toString(16)}.0${b.toString(8)}.${c * 256 + d}`,
  ([a, b, c, d]) => `000${a.toString(8)}.${b}.${c}.0X${d.toString(16)}`,
  ([a, b, c, d]) => `${a}.${b}.${c}.${d}.`,
  ([a, b, c, d]) => `${a}。${b}．${c}｡${d}`,
];

describe("a host is read as every program reads it", () => {
  test("in every spelling of an IPv4 address", () => {
    fc.assert(
      fc.property(ipv4, fc.constantFrom(...SPELLINGS), (address, spell) => {
        expect(canonicalHost(spell(address))).toBe(address.join("."));
      }),
    );
  });

  test.each([
    ["EXAMPLE.com", "example.com"],
    ["[::FFFF:7f00:1]", "::ffff:7f00:1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["bücher.example", "xn--bcher-kva.example"],
    ["fe80::1%eth0", undefined],
    ["[fe80::1%25eth0]", undefined],
    ["256.256.256.256", undefined],
    ["1.2.3.4.5", undefined],
    ["a b", undefined],
    ["a%2eb", undefined],
    ["host\\@other", undefined],
    ["user@host", undefined],
    ["", undefined],
    ["[", undefined],
  ])("%j: %j", (host, expected) => expect(canonicalHost(host)).toBe(expected));

  test("no text makes it fail, and what it gives it leaves as it is", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.webAuthority(), fc.ipV6()), (text) => {
        const host = canonicalHost(text);
        if (host !== undefined) expect(canonicalHost(host)).toBe(host);
      }),
    );
  });
});

describe("an allow-list", () => {
  test("of words allows what they name, and link-local, metadata and the rest by none but any", () => {
    const usual = allowed("public", "private", "loopback");
    for (const address of ["8.8.8.8", "10.0.0.1", "127.0.0.1", "::1", "fd12::1"])
      expect(usual.allows(address)).toBe(true);
    for (const address of ["169.254.169.254", "fe80::1", "fd00:ec2::254", "224.0.0.1", "0.0.0.0", "192.0.2.1", "x", ""])
      expect(usual.allows(address)).toBe(false);
    expect(allowed("any").allows("169.254.169.254")).toBe(true);
    expect(allowed("any").allows("fe80::1%eth0")).toBe(false);
    expect(allowed("public").allows("10.0.0.1")).toBe(false);
    expect(allowed().allows("8.8.8.8")).toBe(false);
  });

  test("of networks allows their addresses, also as IPv6 writes them", () => {
    const list = allowed("169.254.10.0/24", "fe80::/64", "10.1.2.3");
    for (const address of ["169.254.10.7", "::ffff:169.254.10.7", "fe80::9", "10.1.2.3"])
      expect(list.allows(address)).toBe(true);
    for (const address of ["169.254.169.254", "fe80:0:0:1::9", "10.1.2.4", "8.8.8.8"])
      expect(list.allows(address)).toBe(false);
  });

  test("says what it does not understand", () => {
    for (const entry of ["intern", "10.0.0.0/33", "10.0.0/8", "fe80::/129", "1.2.3.4/", "10.0.0.0/-1", "::ffff:0:0/96"])
      expect(() => allowed("public", entry)).toThrow(`"${entry}" is neither one of public, private, loopback, any`);
  });
});

describe("resolving", () => {
  const names =
    (addresses: Record<string, string[]>): LookUp =>
    async (name) =>
      addresses[name] ?? [];
  const networks = allowed("public", "private");

  test("gives what was checked", async () => {
    const lookUp = names({ "cdn.example": ["203.0.112.5", "2606::5"] });
    expect(await resolveAllowed("CDN.example", { networks, lookUp })).toEqual(["203.0.112.5", "2606::5"]);
    expect(await resolveAllowed("0x0a.1", { networks, lookUp: never })).toEqual(["10.0.0.1"]);
  });

  test("refuses a name as soon as one of its addresses is not allowed, and does not say which it has", async () => {
    const lookUp = names({ "mixed.example": ["8.8.8.8", "169.254.169.254"] });
    const error = await resolveAllowed("mixed.example", { networks, lookUp }).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: "EgressError", code: "HOST_REFUSED" });
    expect(error.message).toContain("mixed.example");
    expect(error.message).not.toMatch(/169|8\.8/);
  });

  test("asks nobody what localhost is", async () => {
    for (const host of ["localhost", "a.localhost", "LOCALHOST."])
      await expect(resolveAllowed(host, { networks, lookUp: never })).rejects.toMatchObject({ code: "HOST_REFUSED" });
    const local = { networks: allowed("loopback"), lookUp: never };
    expect(await resolveAllowed("localhost", local)).toEqual(["127.0.0.1", "::1"]);
  });

  test("ends when there is no answer, none in time, or no host", async () => {
    const lookUp = names({});
    await expect(resolveAllowed("no.example", { networks, lookUp })).rejects.toMatchObject({ code: "HOST_NOT_FOUND" });
    await expect(resolveAllowed("no.example", { networks, lookUp: never })).rejects.toMatchObject({
      code: "HOST_NOT_FOUND",
    });
    const silent: LookUp = () => new Promise(() => {});
    await expect(resolveAllowed("slow.example", { networks, lookUp: silent, deadlineMs: 50 })).rejects.toMatchObject({
      code: "HOST_NOT_FOUND",
    });
    await expect(resolveAllowed("fe80::1%eth0", { networks, lookUp })).rejects.toMatchObject({ code: "HOST_INVALID" });
  });
});

describe("a look-up aside", () => {
  /** A name server that answers every question with this code, or not at all. */
  async function nameServer(code: number | "silent") {
    const socket = createSocket("udp4");
    let asked = 0;
    socket.on("message", (question, from) => {
      asked += 1;
      if (code === "silent") return;
      const answer = Buffer.from(question);
      // A response to a recursive question (RFC 1035 §4.1.1), without a record.
      answer.writeUInt16BE(0x8180 | code, 2);
      answer.writeUInt16BE(0, 10);
      socket.send(answer.subarray(0, endOfQuestion(question)), from.port, from.address);
    });
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
    const server = `127.0.0.1:${socket.address().port}`;
    return { server, asked: () => asked, [Symbol.dispose]: () => socket.close() };
  }
  /** Behind the name, its type and its class; what a resolver adds after that is its own. */
  const endOfQuestion = (question: Buffer) => question.indexOf(0, 12) + 5;

  test("asks the system only for what the name servers say that there is not", async () => {
    const fallback: LookUp = async (name) => [`of ${name}`];
    using unknown = await nameServer(3);
    using broken = await nameServer(2);
    expect(await lookUpAside({ servers: [unknown.server], fallback })("a.example")).toEqual(["of a.example"]);
    expect(await lookUpAside({ servers: [broken.server], fallback })("a.example")).toEqual([]);
  });

  test("of names whose servers are silent leaves the threads of the process to others", async () => {
    using silent = await nameServer("silent");
    const lookUp = lookUpAside({ servers: [silent.server], fallback: never });
    let waiting = 12;
    const all = Array.from({ length: waiting }, (_, n) =>
      lookUp(`n${n}.example`).finally(() => {
        waiting -= 1;
      }),
    );
    await waitFor(() => silent.asked() >= 24);
    await stat("/");
    expect(waiting).toBe(12);
    expect(await Promise.all(all)).toEqual(new Array(12).fill([]));
  }, 30_000);
});
