// An ffmpeg with bad habits, for the supervisor's tests: `bad-ffmpeg.mjs HABIT…`.
import { writeSync } from "node:fs";

const habits = new Set(process.argv.slice(2));
const progress = (frame, end = false) =>
  writeSync(3, `frame=${frame}\nfps=25.0\nspeed=1x\nprogress=${end ? "end" : "continue"}\n`);

if (habits.has("deaf-to-term")) process.on("SIGTERM", () => writeSync(2, "[warning] SIGTERM ignored\n"));
if (habits.has("ends-badly")) {
  writeSync(2, "[error] tcp://127.0.0.1:1: Connection refused\n");
  process.exit(1);
}
if (habits.has("floods"))
  for (let index = 0; index < 200_000; index += 1) process.stderr.write(`[warning] flood ${index}\n`);
if (habits.has("mutters")) process.stderr.write("x".repeat(5_000_000));
if (habits.has("ends-well")) process.exitCode = 0;
else {
  let frame = 0;
  progress(1);
  setInterval(() => {
    if (!habits.has("stalls")) frame += 1;
    progress(frame + 1);
  }, 20);
  process.stdin.setEncoding("utf8").on("data", (text) => {
    if (text === "q" && !habits.has("deaf-to-q")) {
      progress(frame, true);
      process.exit(0);
    }
    for (const line of text.split("\n").filter((part) => part.startsWith("c"))) {
      writeSync(2, "\nEnter command: <target>|all <time>|-1 <command>[ <argument>]\n");
      if (habits.has("silent")) continue;
      writeSync(2, "Command reply for stream 0: ret:-38 res:\n");
      writeSync(2, `Command reply for stream 1: ret:${habits.has("refuses") ? -22 : 0} res:\n`);
      writeSync(2, `[info] took ${JSON.stringify(line)}\n`);
    }
  });
}
