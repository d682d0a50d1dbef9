import { expect, test } from "@jest/globals";
import { createLogger } from "../src/index.js";

function logged(write: (logger: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  write(createLogger({ name: "test" }, { write: (line) => lines.push(line) }));
  return lines.join("");
}

test("secret fields are replaced wherever they stand, up to two levels deep", () => {
  const text = logged((logger) => {
    for (const field of ["token", "streamKey", "passphrase", "password", "authorization", "cookie", "refreshToken"]) {
      logger.info({ [field]: `s3cret-${field}-0` }, "flat");
      logger.info({ youtube: { [field]: `s3cret-${field}-1` } }, "nested");
      logger.info({ job: { youtube: { [field]: `s3cret-${field}-2` } } }, "nested twice");
    }
    logger.child({ agent: { auth: { token: "s3cret-child" } } }).info("from a child");
    logger.info({ payload: { auth: { token: "s3cret-auth" } } }, "a hello");
  });
  expect(text).not.toContain("s3cret");
  expect(text).toContain("[secret]");
});

test("secrets are found by their look too: at any depth, in addresses, in errors and in messages", () => {
  const address = "rtsp://admin:s3cret-pw@camera/1?token=s3cret-token";
  const text = logged((logger) => {
    logger.info({ a: { b: { c: [{ webhookSecret: "s3cret-deep", rtmp_stream_key: "s3cret-deeper" }] } } }, "deep");
    logger.warn({ line: `cannot open ${address}: refused` }, "an address in a field");
    const error = Object.assign(new Error(`cannot open ${address}`), { url: address, passphrase: "s3cret-property" });
    logger.error({ err: error, jobId: "job-1" }, "an error");
    logger.error(error);
    logger.error(new Error("outer", { cause: error }), "with a cause");
    logger.info(`push to rtmp://h/live/s3cret-key`);
  });
  expect(text).not.toContain("s3cret");
  const [, , first, second] = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(first).toMatchObject({ jobId: "job-1", msg: "an error", err: { type: "Error", passphrase: "[secret]" } });
  expect(second.msg).toBe("cannot open rtsp://camera/1?[secret]");
});

test("everything else is logged as it is, one JSON object a line", () => {
  const text = logged((logger) => logger.warn({ jobId: "job-1", agent: { name: "a" } }, "a sentence"));
  expect(JSON.parse(text)).toMatchObject({
    name: "test",
    level: 40,
    msg: "a sentence",
    jobId: "job-1",
    agent: { name: "a" },
  });
});
