import { mkdtempSync, rmSync } from "node:fs";
import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { ConfigError } from "../src/index.js";
import {
  generateKey,
  KeyRing,
  loadKeyRing,
  OWN_KEY_FILE,
  ownKeyRing,
  parseKeys,
  requireOneSource,
  SealError,
  sealedBy,
} from "../src/secrets/index.js";

const ringOf = (...keys: string[]) => new KeyRing(keys.flatMap((key) => parseKeys(key, "KEY")));

describe("a sealed text", () => {
  const ring = ringOf(generateKey());
  const any = fc.string({ unit: "binary" }).map((text) => text.toWellFormed());

  test("opens to what it was, at its own place alone", () => {
    fc.assert(
      fc.property(any, any, any, (text, place, other) => {
        const sealed = ring.seal(text, place);
        expect(sealed).toMatch(/^sc1:[0-9a-f]{16}:[A-Za-z0-9+/]+=*$/);
        expect(ring.open(sealed, place)).toBe(text);
        if (other !== place) expect(() => ring.open(sealed, other)).toThrow(SealError);
      }),
    );
  });

  test("does not open when anything of it was changed", () => {
    const sealed = ring.seal("a stream key", "jobs.config/job-1");
    const at = sealed.lastIndexOf(":") + 1;
    const bytes = Buffer.from(sealed.slice(at), "base64");
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (index, change) => {
        const changed = Buffer.from(bytes);
        changed.writeUInt8(changed.readUInt8(index) ^ change, index);
        const text = sealed.slice(0, at) + changed.toString("base64");
        expect(() => ring.open(text, "jobs.config/job-1")).toThrow(SealError);
      }),
    );
    for (const cut of ["", "plain", "sc1:", sealed.slice(0, at), `${sealed.slice(0, at)}AAAA`, sealed.slice(0, -8)])
      expect(() => ring.open(cut, "jobs.config/job-1")).toThrow(SealError);
  });

  test("is another one each time, and shows nothing of the text", () => {
    const texts = Array.from({ length: 100 }, () => ring.seal("hunter2-hunter2", "p"));
    expect(new Set(texts).size).toBe(100);
    expect(texts.join()).not.toContain("hunter2");
  });
});

test("what a ring authenticates counts as it is, for its purpose, with any key of the ring, and for nobody else's", () => {
  const [older, newer] = [generateKey(), generateKey()];
  const given = ringOf(older).authenticate("/job/render.mp4", "link");
  const holds = (keys: string[], text = "/job/render.mp4", purpose = "link", code = given.code) =>
    ringOf(...keys).isAuthentic(text, purpose, { keyId: given.keyId, code });
  expect([holds([older]), holds([newer, older])]).toEqual([true, true]);
  const changed = `${given.code.startsWith("A") ? "B" : "A"}${given.code.slice(1)}`;
  const others = [holds([newer]), holds([older], "/job/other.mp4"), holds([older], undefined, "ticket")];
  const broken = [changed, "", given.code.slice(1)].map((code) => holds([older], undefined, undefined, code));
  expect([...others, ...broken]).toEqual(Array.from({ length: 6 }, () => false));
});

describe("several keys", () => {
  const [old, fresh] = [generateKey(), generateKey()];

  test("the first one seals, all of them open", () => {
    const before = ringOf(old).seal("secret", "p");
    const ring = ringOf(fresh, old);
    expect(ring.open(before, "p")).toBe("secret");
    expect(sealedBy(ring.seal("secret", "p"))).toBe(ringOf(fresh).sealingKeyId);
    expect(ring.keyIds).toEqual([ringOf(fresh).sealingKeyId, ringOf(old).sealingKeyId]);
  });

  test("without the one that sealed, the error names it and says what to do", () => {
    const before = ringOf(old).seal("secret", "jobs.config/1");
    expect(() => ringOf(fresh).open(before, "jobs.config/1")).toThrow(
      new SealError(
        `What is stored as jobs.config/1 was sealed with the key ${ringOf(old).sealingKeyId}, which is not given. Add that key behind the first one.`,
      ),
    );
  });
});

describe("keys in variables", () => {
  const bytes = Buffer.from(generateKey(), "base64");
  const forms = [
    bytes.toString("base64"),
    bytes.toString("base64url"),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
  ];

  test.each(forms)("are read in every form", (form) => expect(parseKeys(` ${form}\n`, "KEY")).toEqual([bytes]));

  test("may be many, with comments between", () => {
    const other = generateKey();
    expect(parseKeys(`# new\n${other} # since May\n\n${forms[2]},`, "KEY")).toHaveLength(2);
  });

  test.each([
    ["nothing", "", "there is no key"],
    ["a comment alone", "# none", "there is no key"],
    ["a word", "changeme", "it is not 32 bytes"],
    ["one letter, 32 times", Buffer.alloc(32, "a").toString("base64"), "it is not random"],
    ["zeros", "0".repeat(64), "it is not random"],
    ["a key and a word", `${forms[0]} short-key-value`, "number 2 is not 32 bytes"],
  ])("%s is refused, and not repeated", (_, text, why) => {
    const thrown = (() => {
      try {
        return parseKeys(text, "SECRETS_KEY");
      } catch (error) {
        return error;
      }
    })();
    expect(thrown).toBeInstanceOf(ConfigError);
    expect(String(thrown)).toContain(`SECRETS_KEY is wrong: ${why}`);
    for (const word of text.split(" ").filter((part) => part.length > 5)) expect(String(thrown)).not.toContain(word);
  });

  test("are given once", () => {
    const none = { SECRETS_KEY_IN_DATA_DIR: false };
    expect(() => requireOneSource({ ...none, SECRETS_KEY: "k", SECRETS_KEY_FILE: "/f" })).toThrow(ConfigError);
  });
});

describe("keys in files", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sc-keys-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("a data folder gets a key file of its own once, for its user alone", async () => {
    const dataDir = join(folder, "data");
    const first = ownKeyRing(dataDir);
    expect((await stat(join(dataDir, OWN_KEY_FILE))).mode & 0o777).toBe(0o600);
    const sealed = first.seal("secret", "p");
    expect(loadKeyRing({ SECRETS_KEY_IN_DATA_DIR: false }, dataDir).open(sealed, "p")).toBe("secret");
    expect(await readFile(join(dataDir, OWN_KEY_FILE), "utf8")).toMatch(/^# .*\n[A-Za-z0-9+/]{43}=\n$/);
  });

  test("a file that was left empty is refused and not made anew: what it sealed would be lost", async () => {
    const dataDir = join(folder, "empty");
    ownKeyRing(dataDir);
    await writeFile(join(dataDir, OWN_KEY_FILE), "");
    expect(() => ownKeyRing(dataDir)).toThrow(/secrets\.key is wrong: there is no key in it/);
  });

  test("a given file is read, and one that cannot be is named", async () => {
    const file = join(folder, "given.key");
    await writeFile(file, `${generateKey()}\n${generateKey()}\n`);
    await chmod(file, 0o400);
    expect(loadKeyRing({ SECRETS_KEY_FILE: file, SECRETS_KEY_IN_DATA_DIR: false }, folder).keyIds).toHaveLength(2);
    expect(() => loadKeyRing({ SECRETS_KEY_FILE: join(folder, "no"), SECRETS_KEY_IN_DATA_DIR: false }, folder)).toThrow(
      /SECRETS_KEY_FILE \(.*\) cannot be read \(ENOENT\)/,
    );
  });
});
