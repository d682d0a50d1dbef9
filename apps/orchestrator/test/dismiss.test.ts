import { describe, expect, test } from "@jest/globals";
import { House } from "./house.js";

const ids = (jobs: { id: string }[]) => jobs.map(({ id }) => id);

describe("a finished job", () => {
  test("is taken off the board once, by whom the log says, and stays in every list that does not leave it out", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    await house.api("POST", `/v1/jobs/${id}/stop`);
    const other = (await house.submit()).id;
    const page = await house.page();
    await page.next("ui.job.update");

    const first = await house.api("POST", `/v1/jobs/${id}/dismiss`);
    expect(first).toMatchObject({ status: 200, body: { ok: true, job: { id, status: "CANCELED" } } });
    const { dismissedAt } = first.body.job;
    expect(Date.parse(dismissedAt)).toBeLessThanOrEqual(Date.now());
    const told = await page.next("ui.job.update", (job) => job.id === id);
    expect(told.payload).toMatchObject({ status: "CANCELED", dismissedAt });
    await page.next("ui.job.event", (event) => event.jobId === id && event.type === "job.dismissed");

    const again = await house.api("POST", `/v1/jobs/${id}/dismiss`);
    expect(again).toMatchObject({ status: 200, body: { ok: true, job: { dismissedAt } } });
    expect((await house.eventsOf(id)).map(({ type }) => type)).toEqual([
      "job.created",
      "job.canceled",
      "job.dismissed",
    ]);
    const { body: audit } = await house.api("GET", `/v1/audit?type=job.dismissed`);
    expect(audit.items).toMatchObject([{ subject: `job:${id}`, result: "ok", actor: expect.any(String) }]);

    const list = async (query: string) => ids((await house.api("GET", `/v1/jobs?${query}`)).body.items);
    expect(await list("dismissed=false")).toEqual([other]);
    expect(await list("dismissed=true")).toEqual([id]);
    expect(await list("limit=10")).toEqual([id, other]);
    expect(ids((await house.api("GET", "/v1/jobs")).body)).toEqual([id, other]);
    expect((await house.api("GET", "/v1/jobs?dismissed=perhaps")).status).toBe(400);

    await house.stop();
    await house.start();
    expect(await house.job(id)).toMatchObject({ status: "CANCELED", dismissedAt });
  });

  test("is what a job must be: one that still waits or runs is refused, with what to do", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    const refused = await house.api("POST", `/v1/jobs/${id}/dismiss`);
    expect(refused).toMatchObject({ status: 409, body: { code: "JOB_NOT_ENDED" } });
    expect(refused.body.error).toContain("Stop it first");
    await house.agent();
    await house.jobIn(id, "RUNNING");
    expect((await house.api("POST", `/v1/jobs/${id}/dismiss`)).body.error).toContain("RUNNING");
    expect(await house.job(id)).toMatchObject({ status: "RUNNING", dismissedAt: null });
    expect((await house.api("POST", "/v1/jobs/none/dismiss")).status).toBe(404);
  });
});
