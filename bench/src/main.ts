import { cpus, totalmem } from "node:os";
import { measureAdoption } from "./adoption.js";
import { measureDispatch } from "./dispatch.js";
import { measureDistributed } from "./distributed.js";
import { FAILOVER_WANTED_MS, measureFailover } from "./failover.js";
import { measureFirstFrame } from "./first-frame.js";
import { measureFlood } from "./flood.js";
import { measureIdleAgents } from "./idle-agents.js";
import { measureLivestream } from "./livestream.js";
import { measurePlacement } from "./placement.js";
import { measureQueue } from "./queue.js";
import { measureReconcile } from "./reconcile.js";
import { measureRender } from "./render.js";
import { measureFanOut, measureTicks } from "./scenes.js";
import { measureSourceLoss } from "./slate.js";

type Row = [what: string, measured: string, wanted: string];
const ms = (value: number) => `${value.toFixed(1)} ms`;
const seconds = (valueMs: number) => `${(valueMs / 1000).toFixed(1)} s`;

/** Every benchmark by its name; `pnpm bench NAME…` runs some of them. */
const benchmarks: Record<string, () => Promise<Row[]>> = {
  dispatch: async () => {
    const { full, half, calm } = await measureDispatch();
    const halfLoad = `POST to assignment at ${Math.round(half.finishedPerSecond)} jobs/s (half)`;
    return [
      ["POST to assignment at the agent, 50 jobs/s, p50", ms(calm.p50Ms), ""],
      ["POST to assignment at the agent, 50 jobs/s, p99", ms(calm.p99Ms), ""],
      ["jobs dispatched and finished, 200 agents, durable", `${Math.round(full.finishedPerSecond)} /s`, ">= 2000 /s"],
      [`${halfLoad}, p50`, ms(half.p50Ms), ""],
      [`${halfLoad}, p99`, ms(half.p99Ms), "< 20 ms"],
    ];
  },
  flood: async () => {
    const flood = await measureFlood();
    const turned = `${Math.round(flood.refusedPerSecond)} /s`;
    return [
      ["others' p50 / p99, 50 requests/s, normally", `${ms(flood.normalP50Ms)} / ${ms(flood.normalP99Ms)}`, ""],
      [
        "the same while one caller asks for ten times its limit",
        `${ms(flood.floodP50Ms)} / ${ms(flood.floodP99Ms)}`,
        `p99 < ${ms(2 * flood.normalP99Ms)} (twice)`,
      ],
      ["that caller's requests, turned away / answered", `${turned} / ${Math.round(flood.answeredPerSecond)} /s`, ""],
      ["others' requests, turned away", String(flood.othersRefused), "0"],
    ];
  },
  idle: async () => {
    const idle = await measureIdleAgents();
    return [
      [`memory with ${idle.agents} idle agents`, `${Math.round(idle.rssMiB)} MiB`, ""],
      [`CPU with ${idle.agents} idle agents, of one core`, `${idle.cpuPercent.toFixed(1)} %`, ""],
    ];
  },
  "first-frame": async () => {
    const frame = await measureFirstFrame();
    return [
      ["POST to first encoded frame, median", ms(frame.productMs), ""],
      ["the same ffmpeg by hand, median", ms(frame.byHandMs), ""],
      ["more than by hand, median", ms(frame.moreMs), "<= 250 ms"],
      ["more than by hand, worst of 15", ms(frame.worstMoreMs), ""],
    ];
  },
  render: async () => {
    const { productMs, byHandMs } = await measureRender();
    return [
      ["render of 12 s, request to answer, median of 5", ms(productMs), ""],
      ["the same ffmpeg by hand, median of 5", ms(byHandMs), ""],
      ["more than by hand", ms(productMs - byHandMs), `<= ${ms(byHandMs * 0.03 + 200)} (3 % + 200 ms)`],
    ];
  },
  placement: async () =>
    measurePlacement().flatMap(({ scenario, strategy, makespanMs, p95DoneMs, p95WaitMs, bestOther }) => {
      const isLearned = strategy === "ai_driven";
      const done = `${seconds(makespanMs)} / ${seconds(p95DoneMs)} / ${seconds(p95WaitMs)}`;
      const wanted = isLearned
        ? `<= ${seconds(bestOther.makespanMs)} / ${seconds(bestOther.p95DoneMs)} (the others)`
        : "";
      return [[`${scenario}, ${strategy}: all done / p95 result / p95 start`, done, wanted] as Row];
    }),
  queue: async () => {
    const { decisions, full, empty } = await measureQueue();
    const dispatch = ({ p50Ms, p99Ms }: { p50Ms: number; p99Ms: number }) => `${ms(p50Ms)} / ${ms(p99Ms)}`;
    return [
      ...decisions.map(
        ({ strategy, p50Ms, p99Ms }): Row => [
          `decision with 10,000 renders waiting, 4 lanes, 200 agents, ${strategy}, p50 / p99`,
          `${p50Ms.toFixed(3)} / ${p99Ms.toFixed(3)} ms`,
          "< 1 ms",
        ],
      ),
      ["slot free to next job at the agent, durable, 10,000 waiting, p50 / p99", dispatch(full), ""],
      ["the same with 200 waiting", dispatch(empty), ""],
    ];
  },
  distributed: async () => {
    const { seconds: length, oneAgentMs, twoAgentsMs, timesAsFast } = await measureDistributed();
    return [
      [`render of ${length} s in 720p by an agent with one core, median of 3`, seconds(oneAgentMs), ""],
      ["the same in parts by two such agents, median of 3", seconds(twoAgentsMs), ""],
      ["times as fast, median of the 3 rounds", timesAsFast.toFixed(2), ">= 1.8"],
    ];
  },
  livestream: async () => {
    const { websocket, grpc, joinsPerSecond } = await measureLivestream();
    return [
      [
        "livestream event from write to 1,000 WebSockets, p50 / p99",
        `${ms(websocket.p50Ms)} / ${ms(websocket.p99Ms)}`,
        "p99 < 50 ms",
      ],
      [
        "the same to 1,000 gRPC subscribers beside them, p50 / p99",
        `${ms(grpc.p50Ms)} / ${ms(grpc.p99Ms)}`,
        "p99 < 50 ms",
      ],
      ["joins, 32 streams, durable", `${Math.round(joinsPerSecond)} /s`, ""],
    ];
  },
  "scenes:ticks": async () => {
    const ticks = await measureTicks();
    const many = `${ticks.timelines} timelines`;
    return [
      [`${many} at 10 ticks/s in one process, ticks`, `${Math.round(ticks.ticksPerSecond)} /s`, "50000 /s"],
      ["  jitter, p50 / p99", `${ms(ticks.p50Ms)} / ${ms(ticks.p99Ms)}`, "p99 < 20 ms"],
      ["  CPU of one core", `${ticks.cpuPercent.toFixed(0)} %`, ""],
      [`${many} running without subscribers, CPU of one core`, `${ticks.quietCpuPercent.toFixed(1)} %`, "nothing"],
      ["  memory of a timeline", `${ticks.kibPerTimeline.toFixed(1)} KiB`, ""],
    ];
  },
  "scenes:subscribers": async () => {
    const fan = await measureFanOut();
    return [
      [
        `${fan.subscribers} subscribers of one timeline, updates`,
        `${Math.round(fan.updatesPerSecond)} /s`,
        "100000 /s",
      ],
      ["  delivery, p50 / p99", `${ms(fan.p50Ms)} / ${ms(fan.p99Ms)}`, "p99 < 100 ms"],
      ["  of what each should get", `${(fan.delivered * 100).toFixed(1)} %`, "100 %"],
      ["  memory of a subscriber", `${fan.kibPerSubscriber.toFixed(1)} KiB`, ""],
    ];
  },
  slate: async () => {
    const loss = await measureSourceLoss();
    return [
      [`source lost to slate at the receiver, ${loss.rounds} runs, p50`, ms(loss.p50Ms), "< 1000 ms"],
      [`source lost to slate at the receiver, ${loss.rounds} runs, p99`, ms(loss.p99Ms), "< 1000 ms"],
      ["reconnects at the RTMP server meanwhile", String(loss.reconnects), "0"],
      ["errors of the receiver's decoder meanwhile", String(loss.decodeErrors), "0"],
    ];
  },
  reconcile: async () =>
    (await measureReconcile()).map(({ outageMs, allBackMs }) => [
      `1,000 agents and jobs back after SIGKILL and ${outageMs / 1000} s away`,
      seconds(allBackMs),
      "<= 5 s",
    ]),
  failover: async () => {
    const { elsewhereMs } = await measureFailover();
    const worst = `dead machine to media from another, worst of ${elsewhereMs.length}`;
    return [[worst, seconds(Math.max(...elsewhereMs)), `<= ${FAILOVER_WANTED_MS / 1000} s`]];
  },
  adoption: async () => {
    const { supervisedMs, longestFrameMs, frameMs } = await measureAdoption();
    const rounds = supervisedMs.length;
    return [
      [
        `killed agent's start to its job measured again, worst of ${rounds}`,
        seconds(Math.max(...supervisedMs)),
        "<= 2 s",
      ],
      ["longest distance of two frames at the receiver meanwhile", ms(longestFrameMs), `${frameMs} ms: none lost`],
    ];
  },
};

const names = process.argv.slice(2).filter((name) => name !== "--");
/** `scenes` means `scenes:ticks` and `scenes:subscribers`. */
const isMeant = (name: string, asked: string) => name === asked || name.startsWith(`${asked}:`);
const unknown = names.find((asked) => !Object.keys(benchmarks).some((name) => isMeant(name, asked)));
if (unknown !== undefined)
  throw new Error(`There is no benchmark "${unknown}"; there are ${Object.keys(benchmarks).join(", ")}.`);
const rows: Row[] = [];
for (const [name, measure] of Object.entries(benchmarks))
  if (names.length === 0 || names.some((asked) => isMeant(name, asked))) rows.push(...(await measure()));

// One table: what was measured, what it should be, and on which machine.
const width = Math.max(...rows.map(([what]) => what.length));
console.log(
  `\n${cpus().length} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n`,
);
for (const [what, measured, wanted] of rows)
  console.log(`${what.padEnd(width)}  ${measured.padStart(10)}  ${wanted}`.trimEnd());
