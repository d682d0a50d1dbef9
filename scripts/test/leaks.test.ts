import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { keepLog, secret, temporaryFolder } from "@stream-control/test-kit";
import { describeLeaks, findLeaks } from "../lib/leaks.mjs";
import { runStep } from "../lib/run-step.mjs";

test("a secret that a test has used is found in the outputs and logs of the run, and told without being repeated", async () => {
  const folder = await temporaryFolder();
  const before = { SECRETS_USED: process.env.SECRETS_USED, TEST_LOGS: process.env.TEST_LOGS };
  try {
    const [file, logs] = [folder.file("secrets.jsonl"), folder.file("logs")];
    expect(findLeaks(file, logs)).toEqual({ secrets: 0, files: 0, leaks: [] });
    Object.assign(process.env, { SECRETS_USED: file, TEST_LOGS: logs });
    const [quiet, leaked, printed] = [secret("token"), secret("stream-key"), secret("passphrase")];
    keepLog("service", `started\n{"msg":"pushing to rtmp://h/live/${leaked}"}\n`);
    const found = findLeaks(file, logs);
    expect(found).toMatchObject({ secrets: 3, files: 1, leaks: [{ kind: "stream-key" }] });
    expect(describeLeaks(found)).toMatch(/^Secrets stand in what was written: a stream-key in service-\w+\.log\.$/);
    expect(describeLeaks(found)).not.toContain(leaked);

    // Read from a file, so that it stands in no command line; shown on this test's own output it would count as a leak.
    await writeFile(
      folder.file("print.mjs"),
      `process.stdout.write(${JSON.stringify(printed)}.slice(0, 9)); console.error("x")`,
    );
    const copyTo = folder.file("logs", "Tests.out");
    expect(await runStep("Tests", [folder.file("print.mjs")], { cwd: folder.path, quiet: true, copyTo })).toBe(true);
    expect(await readFile(copyTo, "utf8")).toContain(printed.slice(0, 9));
    expect(describeLeaks({ secrets: 3, files: 2, leaks: [] })).toBe(
      "None of the 3 secrets that were used stands in the 2 logs.",
    );
    expect(await readFile(file, "utf8")).toContain(quiet);
  } finally {
    for (const [name, value] of Object.entries(before))
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    await folder.remove();
  }
});
