import { writeFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  ffprobe,
  frameDistances,
  run,
  streamOf,
  temporaryFolder,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";
import { answerPreview, StreamSocket, send, someStream, watch } from "./preview-kit.js";
import type { SeedAgentOptions } from "./seed-agent.js";

let stream: Buffer;
beforeAll(async () => {
  stream = await someStream();
});
const files = temporaryFolder();
afterAll(async () => (await files).remove());

type HouseOptions = Parameters<typeof House.open>[0];

/** A house in which an agent that can show what it sends runs a job. */
async function running(options: HouseOptions = {}, agentOptions: SeedAgentOptions = {}) {
  const house = await House.open(options);
  const agent = await house.agent({ agentId: "a", slots: 9, features: ["preview"], modern: {}, ...agentOptions });
  const job = async () => {
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    return id as string;
  };
  const dispose = () => house[Symbol.asyncDispose]();
  return { house, agent, job, id: await job(), [Symbol.asyncDispose]: dispose };
}

async function playable(bytes: Buffer): Promise<void> {
  const file = (await files).file(`${crypto.randomUUID()}.ts`);
  await writeFile(file, bytes);
  const media = await ffprobe(file);
  expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264" });
  expect(streamOf(media, "audio")).toMatchObject({ codec_name: "aac" });
  expect((await videoPackets(file))[0]).toMatchObject({ key: true });
}

describe("a preview", () => {
  test("asks the job's agent, and brings what it sends to everybody who watches, each from a keyframe on", async () => {
    await using world = await running();
    const { house, agent, id } = world;
    expect(agent.ofType("orchestrator.job.preview")).toEqual([]);
    await using first = await watch(house, id);
    await using source = await answerPreview(house, agent);
    expect(agent.ofType("orchestrator.job.preview")[0]?.payload).toMatchObject({
      ...{ jobId: id, epoch: (await house.job(id)).epoch, ticket: expect.stringMatching(/^[\w-]{43}$/) },
    });
    const half = Math.floor(stream.length / 2);
    send(source, stream.subarray(0, half));
    await waitFor(() => first.bytes.length > 0.8 * half || undefined);
    await playable(first.bytes);
    // Who comes now begins with what was sent before, without another word to the agent.
    await using second = await watch(house, id);
    await second.got(188);
    await playable(second.bytes);
    expect(second.bytes.length).toBeLessThan(first.bytes.length);
    send(source, stream.subarray(half));
    await waitFor(() => first.bytes.length > 0.99 * stream.length || undefined);
    expect(stream.includes(first.bytes.subarray(376))).toBe(true);
    await waitFor(() => second.bytes.length > 0.5 * stream.length || undefined);
    await playable(second.bytes);
    expect(agent.ofType("orchestrator.job.preview")).toHaveLength(1);
  });

  test("is ended some time after the last one left, and asked for again by the next", async () => {
    await using world = await running({ previews: { lingerMs: 300 } });
    const { house, agent, id } = world;
    const first = await watch(house, id);
    await using source = await answerPreview(house, agent);
    send(source, stream);
    await first[Symbol.asyncDispose]();
    // Within that time somebody else takes it over.
    const second = await watch(house, id);
    await second.got(1000);
    expect(agent.ofType("orchestrator.job.preview")).toHaveLength(1);
    await second[Symbol.asyncDispose]();
    expect(await source.closed).toEqual({ code: 1000, reason: "nobody watches any more" });
    const since = agent.received.length;
    await using third = await watch(house, id);
    await using again = await answerPreview(house, agent, since);
    send(again, stream);
    await playable(await third.got(100_000));
  });

  test("drops who does not read, and nobody else waits for that one", async () => {
    await using world = await running({ previews: { stuckMs: 300 } });
    const { house, agent, id } = world;
    await using quick = await watch(house, id);
    await using slow = await watch(house, id);
    await using source = await answerPreview(house, agent);
    slow.socket.pause();
    const rounds = Math.ceil(15_000_000 / stream.length);
    for (let round = 1; round <= rounds; round += 1) {
      send(source, stream, 100_000);
      // It began with the newest keyframe of the first piece.
      await quick.got(round * stream.length - 150_000);
    }
    // More than every buffer on the way holds; from here on nothing of it is taken for longer than it may be.
    const until = performance.now() + 1000;
    await waitFor(() => {
      send(source, stream.subarray(0, 18_800));
      return performance.now() > until || undefined;
    });
    // It is told once it reads again, for the close stands behind what waits.
    slow.socket.resume();
    expect((await slow.closed).code).not.toBe(1000);
    expect(slow.size).toBeLessThan(0.8 * quick.size);
    expect(quick.socket.readyState).toBe(quick.socket.OPEN);
    expect((await house.job(id)).status).toBe("RUNNING");
  });

  test("lets who is too slow miss whole pictures up to a keyframe, so that what is seen stays live", async () => {
    await using world = await running();
    const { house, agent, id } = world;
    const long = await someStream(40, "color=s=320x180:r=20,noise=alls=60:allf=t", 5000);
    expect(long.length).toBeGreaterThan(15_000_000);
    await using quick = await watch(house, id);
    await using slow = await watch(house, id);
    await using source = await answerPreview(house, agent);
    const most = Math.floor(long.length * 0.9);
    send(source, long.subarray(0, 100_000));
    await slow.got(1000);
    slow.socket.pause();
    // No faster than the quick one takes it.
    const sendUpTo = async (from: number, to: number, step: number) => {
      for (let at = from; at < to; at += step) {
        send(source, long.subarray(at, Math.min(at + step, to)), 100_000);
        await quick.got(at - 1_000_000);
      }
    };
    await sendUpTo(100_000, most, 1_000_000);
    slow.socket.resume();
    // What waited comes first; then it is there again, at what is sent now.
    await sendUpTo(most, long.length, 50_000);
    const last = long.subarray(-3 * 188);
    await waitFor(() => slow.bytes.subarray(-3 * 188).equals(last) || undefined, { what: "the end of the stream" });
    expect(slow.size).toBeLessThan(0.8 * quick.size);
    const file = (await files).file("missed.ts");
    await writeFile(file, slow.bytes);
    expect((await run("ffmpeg", ["-v", "error", "-i", file, "-map", "0:v", "-f", "null", "-"])).stderr).toBe("");
    expect(Math.max(...frameDistances(await videoPackets(file)))).toBeGreaterThan(1);
  });
});

describe("whoever wants to watch is told why there is nothing", () => {
  const reason = async (house: House, id: string) => {
    await using viewer = await watch(house, id);
    return await viewer.closed;
  };

  test("of a job that waits or has ended, an agent that can't, and one that is away", async () => {
    await using house = await House.open();
    const waiting = await house.submit();
    expect(await reason(house, waiting.id)).toEqual({
      code: 4005,
      reason: "the job does not run yet, it is PENDING; watch it when it is RUNNING",
    });
    const agent = await house.agent({ agentId: "old", modern: {} });
    await house.jobIn(waiting.id, "RUNNING");
    expect(await reason(house, waiting.id)).toEqual({
      code: 4005,
      reason: "the job's agent can't show what it sends; its newest picture is all there is",
    });
    await agent.cut();
    await house.agentIn("old", "OFFLINE");
    expect(await reason(house, waiting.id)).toEqual({
      code: 1013,
      reason: "the job's agent is away; come back when it is connected",
    });
    const other = await house.submit();
    await house.api("POST", `/v1/jobs/${other.id}/stop`);
    expect(await reason(house, other.id)).toEqual({ code: 4005, reason: "the job has ended" });
    await expect(watch(house, "none")).rejects.toThrow("404");
    await expect(watch(house, "%E0%A4%A")).rejects.toThrow("400");
  });

  test("in the agent's own words, cut to what fits and without secrets", async () => {
    await using world = await running();
    const { house, agent, id } = world;
    for (const [code, closeCode] of [
      ["NOT_SUPPORTED", 4005],
      ["AGENT_BUSY", 1013],
    ] as const) {
      const since = agent.received.length;
      const closed = reason(house, id);
      const { payload } = await agent.next("orchestrator.job.preview", undefined, { since });
      const error = { code, message: `No picture of rtmp://h/live/s3cr3t-key today. ${"Ä".repeat(100)}` };
      agent.send("agent.job.command.ack", { jobId: id, commandId: payload.commandId, success: false, error });
      const told = await closed;
      expect(told.code).toBe(closeCode);
      expect(told.reason).toMatch(/^No picture of rtmp:\/\/h\/live\/.*Ä…$/);
      expect(told.reason).not.toContain("s3cr3t");
      expect(Buffer.byteLength(told.reason)).toBeLessThanOrEqual(123);
    }
  });

  test("where the agent says yes and sends nothing", async () => {
    await using world = await running();
    const { house, agent, id } = world;
    const closed = reason(house, id);
    const { payload } = await agent.next("orchestrator.job.preview");
    agent.send("agent.job.command.ack", { jobId: id, commandId: payload.commandId, success: true });
    expect(await closed).toMatchObject({ code: 1013, reason: expect.stringContaining("opened no connection") });
  });

  test("where as many watch as may", async () => {
    await using world = await running({ previews: { viewersPerJob: 2, previewsPerAgent: 1 } });
    const { house, agent, id, job } = world;
    await using _one = await watch(house, id);
    await using _source = await answerPreview(house, agent);
    await using _two = await watch(house, id);
    expect(await reason(house, id)).toMatchObject({ code: 1013, reason: expect.stringContaining("2 watch this job") });
    expect(await reason(house, await job())).toMatchObject({
      ...{ code: 1013, reason: expect.stringContaining("1 other jobs of this agent are watched") },
    });
    await using off = await running({ previews: { viewersPerJob: 0 } });
    expect(await reason(off.house, off.id)).toEqual({ code: 4005, reason: "previews are switched off here" });
  });
});

describe("a preview that runs ends", () => {
  /** A job that is watched. */
  async function watched(options: HouseOptions = {}) {
    const world = await running(options);
    const viewer = await watch(world.house, world.id);
    const source = await answerPreview(world.house, world.agent);
    send(source, stream);
    await viewer.got(1000);
    return { ...world, viewer, source, [Symbol.asyncDispose]: world[Symbol.asyncDispose] };
  }

  test("when the job does", async () => {
    await using world = await watched();
    world.agent.stopped(world.id);
    expect(await world.viewer.closed).toEqual({ code: 1000, reason: "the job has ended" });
    expect(await world.source.closed).toMatchObject({ code: 1000 });
  });

  test("when the agent ends it, loses its connection, or goes away", async () => {
    await using done = await watched();
    done.source.socket.close(1000, "the stream has ended");
    expect(await done.viewer.closed).toEqual({ code: 1000, reason: "the stream has ended" });
    await using cut = await watched();
    cut.source.socket.terminate();
    expect(await cut.viewer.closed).toMatchObject({ code: 1013, reason: expect.stringContaining("come back") });
    await using gone = await watched();
    await gone.agent.cut();
    expect(await gone.viewer.closed).toMatchObject({ code: 1013, reason: expect.stringContaining("agent is away") });
    expect(await gone.source.closed).toMatchObject({ code: 1000 });
  });

  test("when the agent sends what is no stream, or more than any has", async () => {
    await using text = await watched();
    text.source.socket.send("hello");
    expect(await text.source.closed).toMatchObject({ code: 1003 });
    expect(await text.viewer.closed).toMatchObject({ code: 1013, reason: "the agent sent what is no stream" });
    // Little enough that a busy machine sends more.
    await using flood = await watched({ previews: { bytesPerMs: 2000 } });
    const megabyte = Buffer.alloc(1_000_000, 0x47);
    await waitFor(
      () => {
        for (let n = 0; n < 8; n += 1) flood.source.socket.send(megabyte);
        return flood.source.socket.readyState !== flood.source.socket.OPEN || undefined;
      },
      { everyMs: 1 },
    );
    expect(await flood.source.closed).toMatchObject({ code: 1008 });
    await using huge = await watched();
    huge.source.socket.send(Buffer.alloc(5_000_000));
    expect(await huge.source.closed).toMatchObject({ code: 1009 });
    expect(await huge.viewer.closed).toMatchObject({ code: 1013 });
  });

  test("when the orchestrator stops", async () => {
    await using world = await watched();
    await world.house.stop();
    expect(await world.viewer.closed).toMatchObject({ code: 1001 });
  });
});

describe("who may watch", () => {
  test("is whoever may see the job, for as long as they may", async () => {
    await using guarded = await GuardedHouse.open();
    const { house } = guarded;
    const agent = await house.agent({ agentId: "a", room: "hall", features: ["preview"], modern: {} });
    const { id } = (await guarded.admin.api("POST", "/v1/jobs", { inlineConfig: { kind: "test" }, room: "hall" })).body;
    await agent.assignmentOf(id);
    const viewer = await guarded.let({ hall: "viewer" });
    const stranger = await guarded.let({ annex: "admin" });
    await expect(watch(house, id)).rejects.toThrow("401");
    await expect(watch(house, id, "?ticket=wrong")).rejects.toThrow("401");
    await expect(watch(house, id, "", stranger.headers)).rejects.toThrow("404");
    const { ticket } = (await viewer.api("POST", "/v1/tickets")).body;
    await using page = await watch(house, id, `?ticket=${ticket}`);
    await using source = await answerPreview(house, agent);
    send(source, stream);
    await page.got(1000);
    await expect(watch(house, id, `?ticket=${ticket}`)).rejects.toThrow("401");
    await guarded.admin.api("DELETE", `/v1/keys/${viewer.id}`);
    expect(await page.closed).toMatchObject({ code: 4001 });
  });

  test("an agent's ticket opens one socket, once", async () => {
    await using world = await running();
    const { house, agent, id } = world;
    const open = (query: string) => StreamSocket.open(`${house.agentUrl}/preview${query}`);
    await using _viewer = await watch(house, id);
    const { payload } = await agent.next("orchestrator.job.preview");
    await expect(open("")).rejects.toThrow("401");
    await expect(open("?ticket=wrong")).rejects.toThrow("401");
    await using _source = await open(`?ticket=${payload.ticket}`);
    await expect(open(`?ticket=${payload.ticket}`)).rejects.toThrow("401");
  });
});
