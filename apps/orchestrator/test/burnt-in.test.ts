import { describe, expect, test } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";
import type { SeedAgent, SeedAgentOptions } from "./seed-agent.js";

const RESTART = { maxRestarts: 3, baseMs: 1, maxMs: 1, goodRunMs: 60_000 };
const LINES = [
  { id: "home", from: "red" },
  { id: "score", from: "score" },
  { id: "fixed", text: "Club" },
  { id: "time", kind: "clock" },
];
const stream = (overlay: object = { sheet: "A", lines: LINES }) => ({
  inlineConfig: { source: { type: "test" }, overlay },
});

const set = (house: House, body: object, query = "") => house.api("PUT", `/v1/overlays/A${query}`, body);
const drawn = (agent: SeedAgent) => agent.ofType("orchestrator.job.overlay.set").map(({ payload }) => payload.texts);
const nextDrawn = (agent: SeedAgent, home: string) =>
  agent.next("orchestrator.job.overlay.set", ({ texts }) => texts.home === home);
const linesOf = ({ config }: { config: { overlay: { lines: { id: string; text?: string }[] } } }) =>
  Object.fromEntries(config.overlay.lines.map(({ id, text }) => [id, text]));

/** An agent that changes overlays, and says so at once unless it is told otherwise. */
async function drawing(
  house: House,
  options: SeedAgentOptions = {},
  answer: (agent: SeedAgent, reply: object) => void = say,
) {
  const agent = await house.agent({ features: ["overlay"], modern: {}, ...options });
  agent.onMessage(({ payload }) => {
    const { commandId, jobId } = payload ?? {};
    if (commandId !== undefined) answer(agent, { jobId, commandId });
  });
  return agent;
}
const say = (agent: SeedAgent, reply: object) => agent.send("agent.job.command.ack", { success: true, ...reply });

describe("a job whose overlay tells of a sheet", () => {
  test("is given with the texts of that moment, and follows the sheet while it is on air, whichever way that is changed", async () => {
    await using house = await House.open({ restart: RESTART });
    await set(house, { red: { name: "Alpha", score: 1 } });
    const agent = await drawing(house);
    const { id } = await house.submit({ ...stream(), restartPolicy: "onFailure" });
    expect(linesOf(await agent.assignment())).toEqual({
      home: "Alpha",
      score: "1 – 0",
      fixed: "Club",
      time: undefined,
    });
    await house.jobIn(id, "RUNNING");
    await set(house, { yellow: { score: 2 } });
    await agent.next("orchestrator.job.overlay.set", ({ texts }) => texts.score === "1 – 2");
    await house.api("PUT", "/v1/teamnames", { sheet: "A", red: "Gamma" });
    await nextDrawn(agent, "Gamma");
    // What is not visible is not burnt in either.
    await set(house, { visible: false });
    await nextDrawn(agent, "");
    await set(house, { visible: true });
    await agent.next("orchestrator.job.overlay.set", ({ texts }) => texts.home === "Gamma", {
      since: agent.received.length - 1,
    });
    // Another sheet's news, and what no line tells, is none of its.
    const known = drawn(agent).length;
    await house.api("PUT", "/v1/overlays/B", { red: { name: "B" } });
    await set(house, { red: { name: "Elsewhere" } }, "?room=annex");
    await set(house, { period: "End 5" });
    await set(house, { red: { name: "Delta" } });
    await nextDrawn(agent, "Delta");
    expect(drawn(agent).slice(known)).toEqual([{ home: "Delta", score: "1 – 2" }]);
    // The next try begins with what there is then; what was submitted stays as it was.
    agent.fail(id);
    expect(linesOf(await agent.assignment(1))).toMatchObject({ home: "Delta", score: "1 – 2", fixed: "Club" });
    expect((await house.job(id)).inlineConfig).toEqual(stream().inlineConfig);
  });

  test("takes the sheet and the teams of its stream context where nothing else is set, and is refused without any sheet", async () => {
    await using house = await House.open();
    const agent = await drawing(house);
    const streamContext = { context: "League", sheet: "A", team1: "Alpha", team2: "Beta" };
    const { id } = await house.submit({ ...stream({ lines: LINES }), streamContext });
    expect(linesOf(await agent.assignment())).toMatchObject({ home: "Alpha", score: "" });
    await house.jobIn(id, "RUNNING");
    await set(house, { red: { name: "Corrected" } });
    await nextDrawn(agent, "Corrected");
    const nowhere = await house.api("POST", "/v1/jobs", stream({ lines: LINES }));
    expect([nowhere.status, nowhere.body.error]).toEqual([422, expect.stringContaining("overlay.sheet")]);
    for (const line of [
      { id: "x", from: "weather" },
      { id: "x", kind: "clock", from: "red" },
    ])
      expect((await house.api("POST", "/v1/jobs", stream({ sheet: "A", lines: [line] }))).status).toBe(422);
  });

  test("has its own lines changed by hand, and not those of the sheet", async () => {
    await using house = await House.open();
    const agent = await drawing(house);
    const { id } = await house.submit(stream());
    await house.jobIn(id, "RUNNING");
    const put = (texts: object) => house.api("PUT", `/v1/jobs/${id}/overlay`, { texts });
    const refused = await put({ home: "x", fixed: "y" });
    expect([refused.status, refused.body.error]).toEqual([422, expect.stringContaining("/v1/overlays/")]);
    expect((await put({ fixed: "y" })).status).toBe(200);
    expect(drawn(agent)).toEqual([{ fixed: "y" }]);
    // The others still follow their sheet.
    await set(house, { red: { name: "Alpha" } });
    await nextDrawn(agent, "Alpha");
  });

  test("is told the newest texts alone where many come while its agent is busy, and where it was away", async () => {
    await using house = await House.open({ restart: RESTART });
    const waiting: object[] = [];
    const agent = await drawing(house, {}, (_agent, reply) => void waiting.push(reply));
    const { id } = await house.submit(stream());
    await house.jobIn(id, "RUNNING");
    for (const name of ["one", "two", "three", "four"]) await set(house, { red: { name } });
    await waitFor(() => waiting.length === 1);
    say(agent, waiting[0] ?? {});
    await nextDrawn(agent, "four");
    expect(drawn(agent).map(({ home }) => home)).toEqual(["one", "four"]);
    say(agent, waiting[1] ?? {});
    await agent.roundTrip();
    await agent.cut();
    await set(house, { red: { name: "while it was away" } });
    const modern = { activeJobs: [{ jobId: id, status: "RUNNING", epoch: 1 }] };
    const back = await drawing(house, { modern });
    await nextDrawn(back, "while it was away");
    expect(drawn(back)).toHaveLength(1);
    await back.roundTrip();
    // A restarted orchestrator cannot know what the agent has, and says it again.
    await house.stop();
    await set(await started(house), { red: { name: "after a restart" } });
    const again = await drawing(house, { modern });
    await nextDrawn(again, "after a restart");
  });

  test("stays as it is where its agent cannot or will not draw; its log says so, once for each text", async () => {
    await using house = await House.open();
    const old = await house.agent({ agentId: "old", modern: {} });
    const first = await house.submit(stream());
    await old.assignment();
    await house.jobIn(first.id, "RUNNING");
    const notes = async (id: string) =>
      (await house.eventsOf(id)).filter(({ type }) => type === "job.overlay_refused").map(({ message }) => message);
    await set(house, { red: { name: "Alpha" } });
    await waitFor(async () => (await notes(first.id)).length === 1);
    expect((await notes(first.id))[0]).toContain("cannot change this while a stream is on air");
    const error = { code: "X", message: "No pencil." };
    const refusing = (agent: SeedAgent, reply: object) => say(agent, { ...reply, success: false, error });
    const stubborn = await drawing(house, { agentId: "stubborn" }, refusing);
    const second = await house.submit(stream());
    await house.jobIn(second.id, "RUNNING");
    await set(house, { red: { name: "Beta" } });
    await waitFor(async () => (await notes(second.id)).length === 1);
    await set(house, { red: { name: "Gamma" } });
    await waitFor(async () => (await notes(second.id)).length === 2);
    expect(drawn(stubborn).map(({ home }) => home)).toEqual(["Beta", "Gamma"]);
    expect(await notes(second.id)).toEqual(Array.from({ length: 2 }, () => "The overlay stays as it is: No pencil."));
    expect(drawn(old)).toEqual([]);
  });

  test("is told again when its agent did not answer", async () => {
    await using house = await House.open({ liveChangeMs: 50 });
    let asked = 0;
    const agent = await drawing(house, {}, (self, reply) => {
      asked += 1;
      if (asked > 1) say(self, reply);
    });
    const { id } = await house.submit(stream());
    await house.jobIn(id, "RUNNING");
    await set(house, { red: { name: "Alpha" } });
    await waitFor(() => drawn(agent).length === 2, { what: "the second try" });
    await agent.roundTrip();
    expect(drawn(agent).map(({ home }) => home)).toEqual(["Alpha", "Alpha"]);
    expect((await house.eventsOf(id)).map(({ type }) => type)).not.toContain("job.overlay_refused");
  }, 30_000);
});

async function started(house: House): Promise<House> {
  await house.start();
  return house;
}
