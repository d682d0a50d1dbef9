import { describe, expect, test } from "@jest/globals";
import { House } from "./house.js";

describe("templates", () => {
  test("are made, read, changed and deleted", async () => {
    await using house = await House.open();
    const made = await house.api("POST", "/v1/templates", {
      id: "sheet-a",
      name: "Sheet A",
      config: { source: { type: "rtmp", url: "rtmp://camera-a/live" } },
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ id: "sheet-a", name: "Sheet A", description: "", builtIn: false });
    expect((await house.api("POST", "/v1/templates", { id: "sheet-a", name: "x", config: {} })).status).toBe(409);
    const unnamed = await house.api("POST", "/v1/templates", { name: "Any", config: {} });
    expect(unnamed.body.id).toMatch(/^template-/);

    const change = { name: "Sheet A, wide", config: { source: { type: "test" } } };
    expect((await house.api("PUT", "/v1/templates/sheet-a", change)).body).toMatchObject(change);
    expect((await house.api("GET", "/v1/templates/sheet-a")).body).toMatchObject(change);
    const listed = (await house.api("GET", "/v1/templates")).body.map(({ id }: { id: string }) => id);
    expect(listed).toEqual(expect.arrayContaining(["stream-template-1", "sheet-a", unnamed.body.id]));

    expect((await house.api("DELETE", "/v1/templates/sheet-a")).status).toBe(204);
    expect((await house.api("GET", "/v1/templates/sheet-a")).status).toBe(404);
    expect((await house.api("DELETE", "/v1/templates/sheet-a")).status).toBe(404);
    expect((await house.api("PUT", "/v1/templates/sheet-a", change)).status).toBe(404);
  });

  test("that come with the product are protected", async () => {
    await using house = await House.open();
    const path = "/v1/templates/stream-template-1";
    const before = (await house.api("GET", path)).body;
    expect(before.builtIn).toBe(true);
    for (const answer of [
      await house.api("PUT", path, { name: "Mine", config: {} }),
      await house.api("DELETE", path),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.body.code).toBe("TEMPLATE_BUILT_IN");
    }
    expect((await house.api("POST", "/v1/templates", { id: "stream-template-1", name: "x", config: {} })).status).toBe(
      409,
    );
    expect((await house.api("GET", path)).body).toEqual(before);
  });

  test.each([
    [{ name: "", config: {} }],
    [{ name: "x" }],
    [{ name: "x", config: [] }],
    [{ id: "../x", name: "x", config: {} }],
  ])("are refused when wrong: %j", async (body) => {
    await using house = await House.open();
    expect((await house.api("POST", "/v1/templates", body)).status).toBe(422);
  });

  test("the seed's templateId works, and the agent is given the resolved config", async () => {
    await using house = await House.open();
    const job = await house.submit({
      inlineConfig: undefined,
      templateId: "stream-template-1",
      idempotencyKey: "unique-job-key",
      restartPolicy: "never",
    });
    expect(job).toMatchObject({ templateId: "stream-template-1", inlineConfig: null });
    const agent = await house.agent();
    const { config, payload } = await agent.assignment();
    expect(config).toMatchObject({ source: { type: "test" }, video: { height: 720 } });
    expect(payload.idempotencyKey).toBe("unique-job-key");
  });

  test("overrides are merged field by field and do not change the template", async () => {
    await using house = await House.open();
    await house.submit({
      inlineConfig: undefined,
      templateId: "live-1080p",
      configOverrides: { source: { type: "test" }, video: { bitrateKbps: 4000 } },
    });
    const agent = await house.agent();
    expect((await agent.assignment()).config).toMatchObject({
      source: { type: "test" },
      video: { height: 1080, width: 1920, bitrateKbps: 4000 },
    });
    expect((await house.api("GET", "/v1/templates/live-1080p")).body.config).not.toHaveProperty("source");
  });

  test("a template that leaves the source open cannot be used without one", async () => {
    await using house = await House.open();
    const { status, body } = await house.api("POST", "/v1/jobs", { templateId: "live-720p" });
    expect(status).toBe(422);
    expect(body.error).toContain("source");
    expect((await house.api("POST", "/v1/jobs", { templateId: "nobody" })).status).toBe(404);
  });

  test("changing or deleting one leaves its jobs as they were submitted", async () => {
    await using house = await House.open();
    await house.api("POST", "/v1/templates", { id: "t", name: "T", config: { source: { type: "test" } } });
    const request = { templateId: "t", idempotencyKey: "key" };
    const { body: job } = await house.api("POST", "/v1/jobs", request);
    await house.api("DELETE", "/v1/templates/t");
    const again = await house.api("POST", "/v1/jobs", request);
    expect([again.status, again.body.id]).toEqual([200, job.id]);
    const agent = await house.agent();
    expect((await agent.assignment()).config).toEqual({ source: { type: "test" } });
  });
});
