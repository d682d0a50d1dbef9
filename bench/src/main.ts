import { cpus, totalmem } from "node:os";
import { measureDispatch } from "./dispatch.js";
import { measureFirstFrame } from "./first-frame.js";
import { measureIdleAgents } from "./idle-agents.js";
import { measureSourceLoss } from "./slate.js";

/** Prints one table: what was measured, what it should be, and on which machine. */
const ms = (value: number) => `${value.toFixed(1)} ms`;
const { full, half, calm } = await measureDispatch();
const idle = await measureIdleAgents();
const frame = await measureFirstFrame();
const loss = await measureSourceLoss();

const rows: [what: string, measured: string, wanted: string][] = [
  ["POST to assignment at the agent, 50 jobs/s, p50", ms(calm.p50Ms), ""],
  ["POST to assignment at the agent, 50 jobs/s, p99", ms(calm.p99Ms), ""],
  ["jobs dispatched and finished, 200 agents, durable", `${Math.round(full.finishedPerSecond)} /s`, ">= 2000 /s"],
  [`POST to assignment at ${Math.round(half.finishedPerSecond)} jobs/s (half), p50`, ms(half.p50Ms), ""],
  [`POST to assignment at ${Math.round(half.finishedPerSecond)} jobs/s (half), p99`, ms(half.p99Ms), "< 20 ms"],
  [`memory with ${idle.agents} idle agents`, `${Math.round(idle.rssMiB)} MiB`, ""],
  [`CPU with ${idle.agents} idle agents, of one core`, `${idle.cpuPercent.toFixed(1)} %`, ""],
  ["POST to first encoded frame, median", ms(frame.productMs), ""],
  ["the same ffmpeg by hand, median", ms(frame.byHandMs), ""],
  ["more than by hand, median", ms(frame.moreMs), "<= 250 ms"],
  ["more than by hand, worst of 15", ms(frame.worstMoreMs), ""],
  [`source lost to slate at the receiver, ${loss.rounds} runs, p50`, ms(loss.p50Ms), "< 1000 ms"],
  [`source lost to slate at the receiver, ${loss.rounds} runs, p99`, ms(loss.p99Ms), "< 1000 ms"],
  ["reconnects at the RTMP server meanwhile", String(loss.reconnects), "0"],
  ["errors of the receiver's decoder meanwhile", String(loss.decodeErrors), "0"],
];
const width = Math.max(...rows.map(([what]) => what.length));
console.log(
  `\n${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n`,
);
for (const [what, measured, wanted] of rows)
  console.log(`${what.padEnd(width)}  ${measured.padStart(10)}  ${wanted}`.trimEnd());
