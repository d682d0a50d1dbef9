import { describe, expect, test } from "@jest/globals";
import { House } from "./house.js";

const INLINE = { inlineConfig: { streamUrl: "rtmp://example.com/live", outputPath: "/tmp/output.mp4" } };

describe("submitting a job", () => {
  test("answers 201 with every field of the record, absent values null", async () => {
    await using house = await House.open();
    const { status, body } = await house.api("POST", "/v1/jobs", INLINE);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      id: expect.stringMatching(/.+/),
      templateId: null,
      inlineConfig: INLINE.inlineConfig,
      status: "PENDING",
      wantedStatus: "RUNNING",
      agentId: null,
      startedAt: null,
      endedAt: null,
      error: null,
      requestedBy: null,
      idempotencyKey: null,
      restartPolicy: "never",
    });
    for (const moment of [body.createdAt, body.updatedAt]) expect(moment).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(body.streamMetadata).toMatchObject({ isMuted: false });
    expect((await house.job(body.id)).id).toBe(body.id);
  });

  test("with the same idempotency key answers 200 with the same job", async () => {
    await using house = await House.open();
    const request = { ...INLINE, idempotencyKey: "unique-job-key" };
    const first = await house.api("POST", "/v1/jobs", request);
    const again = await house.api("POST", "/v1/jobs", {
      inlineConfig: { other: true },
      idempotencyKey: "unique-job-key",
    });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(again.body.id).toBe(first.body.id);
    expect(again.body.inlineConfig).toEqual(INLINE.inlineConfig);
    expect((await house.api("GET", "/v1/jobs")).body).toHaveLength(1);
  });

  test("fifty times at once with one key makes one job", async () => {
    await using house = await House.open();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => house.api("POST", "/v1/jobs", { ...INLINE, idempotencyKey: "once" })),
    );
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(49);
  });

  test.each([
    ["neither templateId nor inlineConfig", {}],
    ["both", { ...INLINE, templateId: "stream-template-1" }],
    ["both null", { templateId: null, inlineConfig: null }],
    ["configOverrides without a template", { ...INLINE, configOverrides: { video: {} } }],
    ["a list", []],
  ])("with %s answers 422", async (_what, body) => {
    await using house = await House.open();
    const answer = await house.api("POST", "/v1/jobs", body);
    expect(answer.status).toBe(422);
    expect(answer.body).toMatchObject({ error: expect.any(String), code: "VALIDATION_FAILED" });
  });

  test("with wrong types names every mistake", async () => {
    await using house = await House.open();
    const { status, body } = await house.api("POST", "/v1/jobs", {
      inlineConfig: "rtmp://example.com",
      restartPolicy: "always",
      idempotencyKey: 7,
      streamContext: { drawNumber: -1 },
    });
    expect(status).toBe(422);
    const paths = body.details.map(({ path }: { path: string }) => path);
    for (const path of ["inlineConfig", "restartPolicy", "idempotencyKey", "streamContext.context"])
      expect(paths).toContain(path);
    for (const path of paths) expect(body.error).toContain(path);
  });

  test("with a wrong stream config names the field", async () => {
    await using house = await House.open();
    const { status, body } = await house.api("POST", "/v1/jobs", {
      inlineConfig: { source: { type: "test" }, video: { width: 1281 } },
    });
    expect(status).toBe(422);
    expect(body.details[0].path).toBe("video.width");
  });

  test.each([
    ["broken JSON", '{"inlineConfig": ', 400, "INVALID_JSON"],
    ["a bare word", '"job"', 400, "INVALID_JSON"],
    [
      "more than a megabyte",
      JSON.stringify({ inlineConfig: { pad: "x".repeat(1_100_000) } }),
      413,
      "PAYLOAD_TOO_LARGE",
    ],
  ])("with %s is refused in the common error shape", async (_what, body, status, code) => {
    await using house = await House.open();
    const answer = await house.api("POST", "/v1/jobs", body);
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual({ error: expect.any(String), code });
    expect((await house.api("GET", "/v1/jobs")).body).toEqual([]);
  });

  test("makes the title and the description that deployed pages know", async () => {
    await using house = await House.open();
    const { streamMetadata } = await house.submit({
      inlineConfig: { streamUrl: "rtmp://example.com/live" },
      streamContext: {
        context: "Tournament",
        drawNumber: 3,
        sheet: "A",
        team1: "Team Alpha",
        team2: "Team Beta",
      },
      idempotencyKey: "tournament-stream-001",
    });
    expect(streamMetadata.title).toMatch(
      /^Tournament - Draw 3 - Sheet A \(Team Alpha v\. Team Beta\) - \d{1,2}\/\d{1,2}\/\d{4}$/,
    );
    expect(streamMetadata.description).toBe(
      "This is an automated live stream created by the Stream Control system. Streaming tournament. Watch Team Alpha vs Team Beta live! Catch all the action from Sheet A. Join us for an exciting broadcast!",
    );
  });

  test("cannot say that the stream is muted or paused: that is what the agent says", async () => {
    await using house = await House.open();
    const job = await house.submit({ streamMetadata: { title: "Mine", isMuted: true, isPaused: true } });
    expect(job.streamMetadata).toMatchObject({ title: "Mine", isMuted: false });
    expect(job.streamMetadata).not.toHaveProperty("isPaused");
  });
});

describe("unknown ids", () => {
  test.each([
    ["GET", "/v1/jobs/nobody", "JOB_NOT_FOUND"],
    ["GET", "/v1/jobs/nobody/events", "JOB_NOT_FOUND"],
    ["GET", "/v1/jobs/nobody/logs", "JOB_NOT_FOUND"],
    ["POST", "/v1/jobs/nobody/stop", "JOB_NOT_FOUND"],
    ["POST", "/v1/jobs/nobody/mute", "JOB_NOT_FOUND"],
    ["POST", "/v1/jobs/nobody/unmute", "JOB_NOT_FOUND"],
    ["GET", "/v1/jobs/nobody/metadata", "JOB_NOT_FOUND"],
    ["PUT", "/v1/jobs/nobody/metadata", "JOB_NOT_FOUND"],
    ["GET", "/v1/agents/nobody", "AGENT_NOT_FOUND"],
    ["POST", "/v1/agents/nobody/drain", "AGENT_NOT_FOUND"],
    ["GET", "/v1/templates/nobody", "TEMPLATE_NOT_FOUND"],
    ["GET", "/v1/nothing", "ROUTE_NOT_FOUND"],
    ["DELETE", "/v1/jobs", "ROUTE_NOT_FOUND"],
    ["GET", "/v1/jobs/constructor", "JOB_NOT_FOUND"],
    ["GET", "/v1/agents/__proto__", "AGENT_NOT_FOUND"],
    ["GET", "/v1/templates/__proto__", "TEMPLATE_NOT_FOUND"],
  ])("%s %s answers 404 %s", async (method, path, code) => {
    await using house = await House.open();
    const answer = await house.api(method, path, method === "GET" ? undefined : { drain: true, title: "x" });
    expect(answer.status).toBe(404);
    expect(answer.body).toEqual({ error: expect.any(String), code });
  });
});

describe("stopping a waiting job", () => {
  test("cancels it at once, and asking again changes nothing", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const first = await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(first.status).toBe(202);
    expect(first.body).toMatchObject({ ok: true, job: { id, status: "CANCELED", agentId: null, startedAt: null } });
    expect(first.body.job.endedAt).not.toBeNull();
    const again = await house.api("POST", `/v1/jobs/${id}/stop`);
    expect(again.status).toBe(202);
    expect(again.body).toEqual(first.body);
    const agent = await house.agent();
    const marker = await house.submit();
    expect((await agent.assignment()).jobId).toBe(marker.id);
  });
});

describe("metadata", () => {
  test("is merged, null takes a field away, isMuted stays what it is", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const update = {
      title: "My Live Stream",
      description: "Streaming awesome content!",
      viewers: 1234,
      publicUrl: "https://youtube.com/watch?v=abc123",
      adminUrl: "https://studio.youtube.com/video/abc123",
      platform: "youtube",
      streamId: "abc123",
    };
    const put = await house.api("PUT", `/v1/jobs/${id}/metadata`, update);
    expect(put.status).toBe(200);
    expect(put.body).toEqual({ ok: true, metadata: { ...update, isMuted: false } });
    await house.api("PUT", `/v1/jobs/${id}/metadata`, {
      viewers: null,
      isMuted: true,
      isPaused: true,
      custom: { a: 1 },
    });
    const { viewers: _gone, ...rest } = update;
    expect((await house.api("GET", `/v1/jobs/${id}/metadata`)).body).toEqual({
      metadata: { ...rest, isMuted: false, custom: { a: 1 } },
    });
    expect((await house.job(id)).streamMetadata).toEqual({ ...rest, isMuted: false, custom: { a: 1 } });
  });

  test("of a wrong type is refused and changes nothing", async () => {
    await using house = await House.open();
    const { id, streamMetadata } = await house.submit();
    const { status, body } = await house.api("PUT", `/v1/jobs/${id}/metadata`, { title: 5, viewers: -1 });
    expect(status).toBe(422);
    expect(body.details.map(({ path }: { path: string }) => path)).toEqual(["title", "viewers"]);
    expect((await house.job(id)).streamMetadata).toEqual(streamMetadata);
  });

  test("updates made at once are all kept", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    await Promise.all(
      Array.from({ length: 20 }, (_, n) => house.api("PUT", `/v1/jobs/${id}/metadata`, { [`field${n}`]: n })),
    );
    const { metadata } = (await house.api("GET", `/v1/jobs/${id}/metadata`)).body;
    for (let n = 0; n < 20; n += 1) expect(metadata[`field${n}`]).toBe(n);
  });
});
