import { expect, test } from "@jest/globals";
import { House } from "./house.js";

const LOUD = { width: 1920, height: 1080, fps: 60, bitrateKbps: 9000, gopSeconds: 4 };
const config = (destinations: object[], video: object = {}) => ({ source: { type: "test" }, destinations, video });
const TWITCH = { preset: "twitch", streamKey: "live_key_1" };

test("presets are listed with addresses, fields, recommendations and limits", async () => {
  await using house = await House.open();
  const { status, body } = await house.api("GET", "/v1/destination-presets");
  expect(status).toBe(200);
  expect(body.map(({ id }: { id: string }) => id)).toEqual([
    ...["youtube", "twitch", "facebook", "custom-rtmp", "custom-srt"],
  ]);
  expect(body[1]).toMatchObject({
    name: "Twitch",
    fields: [{ name: "streamKey", required: true, secret: true }],
    recommended: { gopSeconds: 2 },
    limits: { videoKbps: 6000, gopSeconds: 2 },
  });
});

test("a job's destination may be named by its preset; its agent is given it in full", async () => {
  await using house = await House.open();
  const agent = await house.agent({ slots: 3 });
  const inlineConfig = config([TWITCH, { type: "file", path: "a.mp4" }]);
  const job = await house.submit({ inlineConfig });
  expect(job.inlineConfig).toEqual(inlineConfig);
  expect(job.warnings).toBeUndefined();
  const given = (await agent.assignmentOf(job.id)).config;
  expect(given).toEqual({
    ...inlineConfig,
    destinations: [
      {
        ...{ type: "rtmp", preset: "twitch", streamKey: "live_key_1" },
        url: "rtmps://ingest.global-contribute.live-video.net:443/app",
      },
      { type: "file", path: "a.mp4" },
    ],
  });
  await house.api("POST", "/v1/templates", { id: "to-twitch", name: "To Twitch", config: config([TWITCH]) });
  const templated = await house.submit({ templateId: "to-twitch", inlineConfig: undefined });
  expect((await agent.assignmentOf(templated.id)).config.destinations[0].type).toBe("rtmp");
  const wrong = await house.api("POST", "/v1/jobs", { inlineConfig: config([{ preset: "twitch" }]) });
  expect(wrong).toMatchObject({ status: 422, body: { code: "VALIDATION_FAILED" } });
  expect(wrong.body.error).toContain("destinations.0.streamKey");
});

test("what its platforms may not take is told in the answer and in the job's log, and stops nothing", async () => {
  await using house = await House.open();
  await house.agent();
  const body = { inlineConfig: config([{ ...TWITCH, id: "twitch" }], LOUD), idempotencyKey: "once" };
  const job = await house.submit(body);
  expect(job.warnings).toEqual([
    {
      code: "VIDEO_BITRATE_TOO_HIGH",
      path: "video.bitrateKbps",
      destination: "twitch",
      message: "Twitch takes at most 6000 kbit/s of 1080p at 60 frames a second; the job sends 9000.",
    },
    expect.objectContaining({ code: "KEYFRAMES_TOO_RARE", path: "video.gopSeconds" }),
  ]);
  await house.jobIn(job.id, "RUNNING");
  const again = await house.api("POST", "/v1/jobs", body);
  expect(again).toMatchObject({ status: 200, body: { id: job.id, warnings: job.warnings } });
  const noted = (await house.eventsOf(job.id)).filter(({ type }) => type === "job.config_warning");
  expect(noted.map(({ message, data }) => ({ message, ...data }))).toEqual(job.warnings);
  expect((await house.job(job.id)).warnings).toBeUndefined();
});

test("a destination that is added while a stream runs may be named by its preset too", async () => {
  await using house = await House.open();
  const agent = await house.agent({ features: ["destinations"], modern: {} });
  agent.onMessage(({ payload }) => {
    const { commandId, jobId } = payload ?? {};
    if (commandId !== undefined) agent.send("agent.job.command.ack", { jobId, commandId, success: true });
  });
  const { id } = await house.submit({ inlineConfig: config([], { width: 1280, height: 720, bitrateKbps: 4500 }) });
  await house.jobIn(id, "RUNNING");
  const add = (destination: unknown) => house.api("POST", `/v1/jobs/${id}/destinations`, { destination });
  expect(await add({ preset: "facebook", streamKey: "FB-key" })).toMatchObject({
    status: 201,
    body: { destinationId: "rtmp-1", warnings: [{ code: "VIDEO_BITRATE_TOO_HIGH", destination: "rtmp-1" }] },
  });
  const noted = (await house.eventsOf(id)).filter(({ type }) => type === "job.config_warning");
  expect(noted).toHaveLength(1);
  expect((await add({ preset: "twitch", streamKey: "k" })).body.warnings).toBeUndefined();
  const { payload } = await agent.next("orchestrator.job.destination.add");
  expect(payload.destination).toMatchObject({ type: "rtmp", preset: "facebook", streamKey: "FB-key" });
  for (const [destination, words] of [
    [{ preset: "facebook" }, "destination.streamKey"],
    [{ type: "rtmp", url: "http://x" }, "destination.url"],
    ["facebook", "destination"],
  ] as const) {
    const answer = await add(destination);
    expect([answer.status, answer.body.error]).toEqual([422, expect.stringContaining(words)]);
  }
});
