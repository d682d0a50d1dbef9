import { describe, expect, test } from "@jest/globals";
import { House } from "./house.js";

/** Reads page after page until there is no next one. */
async function pages(house: House, query: string): Promise<{ id: string }[][]> {
  const found: { id: string }[][] = [];
  for (let cursor = ""; ; ) {
    const { status, body } = await house.api("GET", `${query}${cursor === "" ? "" : `&cursor=${cursor}`}`);
    expect(status).toBe(200);
    found.push(body.items);
    if (body.nextCursor === null) return found;
    cursor = body.nextCursor;
  }
}

const ids = (jobs: { id: string }[]) => jobs.map(({ id }) => id);

describe("the list of jobs", () => {
  test("without parameters is the plain array, sorted by creation; with them it pages", async () => {
    await using house = await House.open();
    expect((await house.api("GET", "/v1/jobs")).body).toEqual([]);
    const submitted: string[] = [];
    for (let n = 0; n < 23; n += 1) submitted.push((await house.submit()).id);
    expect(ids((await house.api("GET", "/v1/jobs")).body)).toEqual(submitted);

    const ascending = await pages(house, "/v1/jobs?limit=5");
    expect(ascending.map((page) => page.length)).toEqual([5, 5, 5, 5, 3]);
    expect(ids(ascending.flat())).toEqual(submitted);

    const descending = await pages(house, "/v1/jobs?limit=10&order=desc");
    expect(ids(descending.flat())).toEqual(submitted.toReversed());
  });

  test("gives each job once although more come while it is read", async () => {
    await using house = await House.open();
    const before: string[] = [];
    for (let n = 0; n < 6; n += 1) before.push((await house.submit()).id);
    const first = (await house.api("GET", "/v1/jobs?limit=4&order=desc")).body;
    await house.submit();
    const second = (await house.api("GET", `/v1/jobs?limit=4&order=desc&cursor=${first.nextCursor}`)).body;
    expect(ids([...first.items, ...second.items])).toEqual(before.toReversed());
    expect(second.nextCursor).toBeNull();
  });

  test("filters by status and by agent, together and with pages", async () => {
    await using house = await House.open();
    const a = await house.agent({ agentId: "a", slots: 3 });
    const running: string[] = [];
    for (let n = 0; n < 3; n += 1) running.push((await house.submit()).id);
    for (const id of running) await house.jobIn(id, "RUNNING");
    const b = await house.agent({ agentId: "b" });
    const onB = (await house.submit()).id;
    await house.jobIn(onB, "RUNNING");
    const waiting = (await house.submit()).id;
    const canceled = (await house.submit()).id;
    await house.api("POST", `/v1/jobs/${canceled}/stop`);
    const list = async (query: string) => ids((await house.api("GET", `/v1/jobs?${query}`)).body.items);
    expect(await list("status=RUNNING")).toEqual([...running, onB]);
    expect(await list("agentId=b")).toEqual([onB]);
    expect(await list("status=PENDING,CANCELED")).toEqual([waiting, canceled]);
    expect(await list("status=PENDING&status=CANCELED")).toEqual([waiting, canceled]);
    expect(await list("status=RUNNING&agentId=nobody")).toEqual([]);
    expect(ids((await pages(house, "/v1/jobs?status=RUNNING&agentId=a&limit=1")).flat())).toEqual(running);
    expect([a.assignments.length, b.assignments.length]).toEqual([3, 1]);
  });

  test.each([
    "limit=0",
    "limit=1001",
    "limit=ten",
    "limit=1e2",
    "limit=5&limit=6",
    "cursor=",
    "cursor=nonsense",
    "cursor=czE7ZHJvcA",
    "status=LIVE",
    "status=",
    "order=sideways",
  ])("answers 400 to ?%s", async (query) => {
    await using house = await House.open();
    const { status, body } = await house.api("GET", `/v1/jobs?${query}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error: expect.any(String), code: "INVALID_REQUEST" });
  });
});

describe("the log of a job", () => {
  test("pages in order and gives each entry once", async () => {
    await using house = await House.open();
    const { id } = await house.submit();
    for (let n = 0; n < 5; n += 1) await house.api("PUT", `/v1/jobs/${id}/metadata`, { viewers: n + 1 });
    const entries = (await pages(house, `/v1/jobs/${id}/events?limit=2`)).flat() as unknown as {
      seq: number;
      type: string;
    }[];
    expect(entries.map(({ type }) => type)).toEqual(["job.created", ...Array(5).fill("job.metadata")]);
    expect(entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
  });
});

describe("the newest entries of a job's log", () => {
  test("come first where that is asked for, and those of some types alone", async () => {
    await using house = await House.open();
    const agent = await house.agent({ agentId: "a", modern: {} });
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    for (const type of ["stream.source_lost", "stream.source_back", "destination.lost"])
      agent.send("agent.job.event", { jobId: id, type, message: type });
    await agent.roundTrip();
    const typesOf = async (query: string) =>
      ((await pages(house, `/v1/jobs/${id}/events?${query}`)).flat() as unknown as { type: string }[]).map(
        ({ type }) => type,
      );
    const all = await typesOf("limit=100");
    expect(all.slice(-3)).toEqual(["stream.source_lost", "stream.source_back", "destination.lost"]);
    expect(await typesOf("order=desc&limit=2")).toEqual(all.toReversed());
    expect(await typesOf("type=stream.*&limit=1")).toEqual(["stream.source_lost", "stream.source_back"]);
    expect(await typesOf("type=stream.*,destination.lost&order=desc&limit=2")).toEqual(all.slice(-3).reverse());
    expect(await typesOf("type=job.created&limit=9")).toEqual(["job.created"]);
    expect(await typesOf("type=stream&limit=9")).toEqual([]);
    expect(await typesOf("type=%25&limit=9")).toEqual([]);
    for (const query of ["order=up", "type=", "type=a&limit=0"])
      expect((await house.api("GET", `/v1/jobs/${id}/events?${query}`)).status).toBe(400);
  });
});

describe("the list of agents", () => {
  test("is the plain array; with parameters it pages and filters by state", async () => {
    await using house = await House.open();
    for (const agentId of ["c", "a", "b"]) await house.agent({ agentId, maxResolution: "1080p" });
    const { body } = await house.api("GET", "/v1/agents");
    expect(ids(body)).toEqual(["a", "b", "c"]);
    expect(body[0]).toEqual({
      id: "a",
      name: "Streaming Agent a",
      room: "default",
      version: "1.0.0",
      state: "IDLE",
      currentJobId: null,
      currentJobIds: [],
      lastSeenAt: expect.stringMatching(/Z$/),
      drain: false,
      drainDeadlineAt: null,
      capabilities: { slots: 1, maxResolution: "1080p" },
      meta: {},
      load: null,
      error: null,
    });
    expect((await pages(house, "/v1/agents?limit=1")).map(ids)).toEqual([["a"], ["b"], ["c"]]);
    const { id } = await house.submit();
    await house.jobIn(id, "RUNNING");
    expect((await house.api("GET", "/v1/agents?state=RUNNING")).body.items).toMatchObject([{ currentJobId: id }]);
    expect((await house.api("GET", "/v1/agents?state=AWAY")).status).toBe(400);
  });
});
