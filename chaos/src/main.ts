import { randomInt } from "node:crypto";
import { freePort, temporaryFolder } from "@stream-control/test-kit";
import { chaosOptions } from "./options.js";
import { runStorm } from "./storm.js";
import { summary } from "./summary.js";

const say = (line: string) => process.stderr.write(`${line}\n`);

const interrupted = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => interrupted.abort());

try {
  const { seed = randomInt(2 ** 32), seconds, only, verbose } = chaosOptions(process.argv.slice(2));
  say(`seed ${seed}`);
  const folder = await temporaryFolder("sc-chaos-");
  let good = false;
  try {
    const report = await runStorm({
      ...{ seed, seconds, only, folder: folder.path, port: await freePort() },
      env: { PATH: process.env.PATH ?? "", LOG_LEVEL: "info" },
      say: verbose ? say : () => {},
      signal: interrupted.signal,
    });
    for (const { kind, about, what } of report.findings) say(`${kind}: ${about}: ${what}`);
    process.stdout.write(`${summary(seed, seconds, report)}\n`);
    good = report.findings.length === 0;
  } finally {
    if (good) await folder.remove();
    else say(`What the processes wrote is in ${folder.path}; the seed was ${seed}.`);
  }
  process.exitCode = good ? 0 : 1;
} catch (thrown) {
  say(thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  // What was going on when it was interrupted must not keep the process.
  process.exit(1);
}
