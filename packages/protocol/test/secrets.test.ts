import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  createRedactor,
  isSecretName,
  maskSecrets,
  redactAddress,
  redactText,
  redactValue,
  secretsOf,
  streamConfigSchema,
} from "../src/index.js";

const key = fc
  .stringMatching(/^[A-Za-z0-9_-]{8,30}$/)
  .filter((text) => !"[secret]rtmp://host/livelocalhostpassphrase".includes(text));

describe("names of secrets", () => {
  test.each([
    ...["streamKey", "stream_key", "STREAM-KEY", "passphrase", "srtPassphrase", "password", "dbPasswd", "token"],
    ...["refreshToken", "x-api-key", "apiKey", "apikey", "Authorization", "cookie", "clientSecret", "webhook_secret"],
    ...["key", "privateKey", "rtspPass", "auth"],
  ])("%s is one", (name) => expect(isSecretName(name)).toBe(true));

  test.each([
    ...[
      "idempotencyKey",
      "keyframeInterval",
      "author",
      "passThrough",
      "tokens",
      "monkey",
      "url",
      "title",
      "gopSeconds",
    ],
    ...["partitionKey", "keywords", "", "compass", "secretary"],
  ])("%s is none", (name) => expect(isSecretName(name)).toBe(false));
});

describe("a masked config", () => {
  const planted = fc.record({ a: key, b: key, c: key, d: key });

  test("holds none of its secrets, in any field of any form, and every other value", () => {
    fc.assert(
      fc.property(planted, fc.constantFrom("rtsp", "http", "rtmp"), ({ a, b, c, d }, scheme) => {
        const config = streamConfigSchema.parse({
          source: { type: scheme, url: `${scheme}://admin:${a}@localhost/live/${b}?token=${c}` },
          destinations: [
            { type: "rtmp", id: "one", url: `rtmp://localhost/live/${d}?auth=${c}` },
            { type: "rtmp", id: "two", url: "rtmp://localhost/live", streamKey: a },
            { type: "srt", url: `srt://localhost:9?streamid=${b}&latency=200`, passphrase: `${d}-long-enough` },
          ],
          sourceLoss: { backup: { type: "rtsp", url: `rtsp://u:${d}@localhost/cam` } },
        });
        const unknown = {
          vendor: { camera: { user: "u", rtspPassword: b }, webhooks: [{ signing_key: c, retries: 3 }] },
        };
        const whole = { ...config, ...unknown, note: `push to rtmp://localhost/live/${a} with ${c}` };
        const masked = maskSecrets(whole);
        const text = JSON.stringify(masked).split("[secret]").join("\0");
        // The path of a camera is no secret by its place; only RTMP's is.
        const hidden = scheme === "rtmp" ? [a, b, c, d] : [a, c, d];
        for (const secret of hidden) expect(text).not.toContain(secret);
        expect(masked.video).toEqual(config.video);
        expect(masked.destinations.map(({ id, type }) => [id, type])).toEqual([
          ["one", "rtmp"],
          ["two", "rtmp"],
          [undefined, "srt"],
        ]);
        expect(masked.vendor).toEqual({
          camera: { user: "u", rtspPassword: "[secret]" },
          webhooks: [{ signing_key: "[secret]", retries: 3 }],
        });
        for (const secret of hidden) expect(secretsOf(whole)).toContain(secret);
      }),
    );
  });

  test("masked again stays as it is, whatever JSON it is; the original is not touched", () => {
    const name = fc.oneof(fc.string(), fc.constantFrom("streamKey", "url", "auth", "key", "publicUrl", "__proto__"));
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc
        .tuple(fc.constantFrom("rtmp", "https", "srt", "x"), fc.string())
        .map(([scheme, rest]) => `${scheme}://${rest}`),
    );
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 4 }, text, fc.double(), fc.boolean(), fc.constant(null), tie("list"), tie("object")),
      list: fc.array(tie("value"), { maxLength: 4 }),
      object: fc.dictionary(name, tie("value"), { maxKeys: 4 }),
    }));
    fc.assert(
      fc.property(value, (given) => {
        const before = JSON.stringify(given);
        const masked = maskSecrets(given);
        expect(maskSecrets(masked)).toEqual(masked);
        expect(JSON.stringify(given)).toBe(before);
      }),
    );
  });

  test("may be nested as deep as a body can be", () => {
    let deep: unknown = { streamKey: "deep-secret-value" };
    for (let depth = 0; depth < 100_000; depth += 1) deep = [deep];
    expect(JSON.stringify(maskSecrets({ deep }))).not.toContain("deep-secret-value");
    expect(secretsOf({ deep })).toEqual([]);
  });

  test("keeps what a viewer needs of an address that is made to be handed around", () => {
    const record = {
      streamMetadata: {
        publicUrl: "https://www.youtube.com/watch?v=abc123&token=s3cr3t-token",
        adminUrl: "https://studio.example/edit?session=s3cr3t-session",
        youtube: { streamKey: "abcd-efgh-ijkl", streamUrl: "rtmp://a.rtmp.youtube.com/live2", broadcastId: "b1" },
      },
      createdAt: "2026-11-21T00:00:00.000Z",
      idempotencyKey: "order-1",
    };
    expect(maskSecrets(record)).toEqual({
      ...record,
      streamMetadata: {
        publicUrl: "https://www.youtube.com/watch?v=abc123&token=[secret]",
        adminUrl: "https://studio.example/edit?[secret]",
        youtube: { streamKey: "[secret]", streamUrl: "rtmp://a.rtmp.youtube.com/live2", broadcastId: "b1" },
      },
    });
  });
});

describe("redaction of text", () => {
  test("takes the secrets out of addresses of every kind, in a sentence and alone", () => {
    expect(redactText("cannot reach postgres://sc:pw@db/sc?sslmode=on, nor rtsp://a:b@h/cam.")).toBe(
      "cannot reach postgres://db/sc?[secret], nor rtsp://h/cam.",
    );
    expect(redactText("vendor+x://a:b'c@h/p?q=1")).toBe("vendor+x://h/p?[secret]");
    expect(redactText("rtmp://a/b/c|rtmp://d/e/f")).toBe("rtmp://a/b/[secret]|rtmp://d/e/[secret]");
    expect(redactAddress("https://token-only@h/x")).toBe("https://h/x");
  });

  test("an event that repeats what its job keeps secret loses it", () => {
    const redact = createRedactor(secretsOf({ destinations: [{ streamKey: "abcd-1234" }] }));
    expect(
      redactValue({ lastLines: ["key abcd-1234 is taken"], code: 7, at: ["rtmp://h/live/abcd-1234"] }, redact),
    ).toEqual({
      lastLines: ["key [secret] is taken"],
      code: 7,
      at: ["rtmp://h/live/[secret]"],
    });
  });

  test("leaves the names by which things are found, also where a key is called the same", () => {
    const redact = createRedactor(["works"]);
    const progress = {
      destinations: [{ id: "works", state: "LIVE", target: "rtmp://h/live/works", message: "works" }],
    };
    expect(redactValue(progress, redact)).toEqual({
      destinations: [{ id: "works", state: "LIVE", target: "rtmp://h/live/[secret]", message: "[secret]" }],
    });
  });

  test("survives anything", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => typeof createRedactor([text])(text) === "string"));
  });
});
