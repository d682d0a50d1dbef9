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
