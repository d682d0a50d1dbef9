import { describe, expect, test } from "@jest/globals";
import { sheetOverlaySchema, teamNamesSchema } from "@stream-control/protocol";
import fc from "fast-check";
import { GuardedHouse } from "./guarded-house.js";
import { House } from "./house.js";
import { SocketClient, type WireMessage } from "./inbox.js";

const EMPTY = {
  ...{ room: "default", sheet: "A", title: "", period: "", clock: { mode: "none", at: null }, visible: true },
  red: { name: "", color: "#c8102e", score: "" },
  yellow: { name: "", color: "#f2c500", score: "" },
  ...{ shownNames: { red: "", yellow: "" }, version: 0, updatedAt: null },
};

const open = (house: House, path: string, headers: Record<string, string> = {}) =>
  SocketClient.open(`ws://127.0.0.1:${house.port}${path}`, headers);

/** Names that a page was told, in the order in which they came. */
const names = (page: SocketClient) =>
  page.ofType("teamname.update").map((message) => {
    const { color, sheet, teamName } = message as WireMessage & { color: string; sheet: string; teamName: string };
    return `${sheet} ${color}: ${teamName}`;
  });
const named = (page: SocketClient, text: string) =>
  page.next("teamname.update", () => names(page).at(-1) === text || names(page).includes(text));
const register = (page: SocketClient, fields: object) => page.sendRaw(JSON.stringify({ type: "register", ...fields }));
const context = (team1: string, team2: string) => ({ context: "League", sheet: "A", team1, team2 });

describe("/v1/overlays", () => {
  test("changes what is given, keeps the rest, and all of it outlives a restart", async () => {
    await using house = await House.open();
    const put = (body: object, query = "") => house.api("PUT", `/v1/overlays/A${query}`, body);
    expect((await house.api("GET", "/v1/overlays/A")).body).toEqual(EMPTY);
    const first = await put({ title: "Final", red: { name: "Alpha", score: 3 }, yellow: { name: "Beta" } });
    expect([first.status, sheetOverlaySchema.parse(first.body)]).toEqual([200, first.body]);
    expect(first.body).toMatchObject({
      ...{ title: "Final", version: 1, shownNames: { red: "Alpha", yellow: "Beta" } },
      red: { name: "Alpha", color: "#c8102e", score: "3" },
    });
    const at = "2026-11-21T18:00:00.000Z";
    await put({ red: { color: "#0000ff" }, period: "End 5", clock: { mode: "down", at }, visible: false });
    await put({ title: "Elsewhere" }, "?room=annex");
    await house.stop();
    await house.start();
    expect((await house.api("GET", "/v1/overlays/A")).body).toMatchObject({
      ...{ title: "Final", red: { name: "Alpha", color: "#0000ff", score: "3" }, yellow: { name: "Beta" } },
      ...{ period: "End 5", clock: { mode: "down", at }, visible: false, version: 2 },
    });
    const listed = (await house.api("GET", "/v1/overlays")).body;
    expect(listed.map(({ title }: { title: string }) => title)).toEqual(["Final"]);
    // The same again is no change.
    expect((await put({ title: "Final" })).body.version).toBe(2);
  });

  test("of a version that is not the present one is refused, whoever was first; every change is in the event log", async () => {
    await using house = await House.open();
    const put = (body: object) => house.api("PUT", "/v1/overlays/A", body);
    const answers = await Promise.all(["1", "2", "3", "4"].map((score) => put({ red: { score }, version: 0 })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409]);
    const refused = answers.find(({ status }) => status === 409);
    expect(refused?.body).toMatchObject({ code: "VERSION_CONFLICT", details: { version: 1 } });
    expect((await put({ title: "x", version: 1 })).body.version).toBe(2);
    // Whoever names no version wins.
    expect((await put({ title: "y" })).body.version).toBe(3);
    const log = (await house.api("GET", "/v1/audit?type=overlay.changed")).body.items;
    expect(log).toMatchObject([
      { subject: "sheet:default/A", data: { fields: ["title"], version: 3 } },
      { data: { fields: ["title"], version: 2 } },
      { data: { fields: ["red"], version: 1 } },
    ]);
  });

  test("is forgotten when it is deleted, at once for whoever looks at it and after a restart, and may be set anew", async () => {
    await using house = await House.open();
    await using page = await open(house, "/overlay-ws?sheet=A");
    await house.api("PUT", "/v1/overlays/A", { title: "Wrong sheet" });
    await page.next("overlay.update", ({ title }) => title === "Wrong sheet");
    expect((await house.api("DELETE", "/v1/overlays/A")).status).toBe(204);
    await page.next("overlay.update", ({ title }) => title === "", { since: 2 });
    expect((await house.api("GET", "/v1/overlays")).body).toEqual([]);
    expect((await house.api("DELETE", "/v1/overlays/A")).body).toMatchObject({ code: "NOT_FOUND" });
    await house.stop();
    await house.start();
    expect((await house.api("GET", "/v1/overlays/A")).body).toEqual(EMPTY);
    expect((await house.api("PUT", "/v1/overlays/A", { title: "x", version: 0 })).body.version).toBe(1);
    const log = (await house.api("GET", "/v1/audit?type=overlay.changed&order=asc")).body.items;
    expect(log.map(({ data }: { data: { version: number } }) => data.version)).toEqual([1, 0, 1]);
  });

  test("refuses what cannot be shown, and says which field it is", async () => {
    await using house = await House.open();
    for (const [body, field] of [
      [{ title: "x".repeat(201) }, "title"],
      [{ red: { color: "red" } }, "red.color"],
      [{ red: { name: "a\u0007b" } }, "red.name"],
      [{ yellow: { score: 1.5 } }, "yellow.score"],
      [{ clock: { mode: "down" } }, "clock.at"],
      [{ clock: { mode: "sundial" } }, "clock.mode"],
      [{ score: 5 }, "score"],
      [{ version: -1 }, "version"],
    ] as const) {
      const answer = await house.api("PUT", "/v1/overlays/A", body);
      expect([field, answer.status, answer.body.error]).toEqual([field, 422, expect.stringContaining(field)]);
    }
    for (const path of ["/v1/overlays/%07", `/v1/overlays/${"x".repeat(51)}`, "/v1/overlays/A?room=Hall"])
      expect((await house.api("PUT", path, {})).status).toBe(400);
    expect((await house.api("GET", "/v1/overlays")).body).toEqual([]);
  });
});

describe("/v1/teamnames", () => {
  test("are the names of the same sheets: set by sheet, taken away by an empty name, listed without one", async () => {
    await using house = await House.open();
    const put = (body: object) => house.api("PUT", "/v1/teamnames", body);
    const both = await put({ sheet: "A", red: "Alpha", yellow: "Beta" });
    expect([both.status, both.body]).toEqual([200, { sheet: "A", red: "Alpha", yellow: "Beta" }]);
    expect((await put({ sheet: "A", yellow: "Gamma" })).body).toEqual({ sheet: "A", red: "Alpha", yellow: "Gamma" });
    expect((await put({ sheet: "A", red: "" })).body).toEqual({ sheet: "A", yellow: "Gamma" });
    expect((await put({ sheet: "A", yellow: null })).body).toEqual({ sheet: "A" });
    await put({ sheet: "vibe", red: "Delta" });
    expect((await house.api("GET", "/v1/teamnames?sheet=vibe")).body).toEqual({ sheet: "vibe", red: "Delta" });
    const all = (await house.api("GET", "/v1/teamnames")).body;
    expect(all).toEqual([{ sheet: "A" }, { sheet: "vibe", red: "Delta" }]);
    for (const one of all) expect(teamNamesSchema.parse(one)).toEqual(one);
    expect((await house.api("GET", "/v1/overlays/vibe")).body.red).toMatchObject({ name: "Delta" });
    expect((await put({ red: "x" })).status).toBe(422);
    expect((await put({ sheet: "A", red: 5 })).status).toBe(422);
  });

  test("while a team has none, that of the job that runs on the sheet is shown, and is gone with it", async () => {
    await using house = await House.open();
    await using page = await open(house, "/teamnames-ws");
    register(page, { sheet: "A", color: "red" });
    await named(page, "A red: ");
    const job = await house.submit({ streamContext: context("Alpha\nOne", "Beta") });
    // It does not run yet.
    expect((await house.api("GET", "/v1/teamnames?sheet=A")).body).toEqual({ sheet: "A" });
    await using _agent = await house.agent({ slots: 2 });
    await named(page, "A red: Alpha One");
    expect((await house.api("GET", "/v1/teamnames")).body).toEqual([{ sheet: "A", red: "Alpha One", yellow: "Beta" }]);
    // Nothing was stored.
    expect((await house.api("GET", "/v1/overlays/A")).body).toMatchObject({ version: 0, red: { name: "" } });
    await house.api("PUT", "/v1/teamnames", { sheet: "A", red: "Set" });
    const later = await house.submit({ streamContext: context("Gamma", "Delta") });
    await house.jobIn(later.id, "RUNNING");
    expect((await house.api("GET", "/v1/teamnames?sheet=A")).body).toEqual({ sheet: "A", red: "Set", yellow: "Delta" });
    for (const { id } of [later, job]) {
      await house.api("POST", `/v1/jobs/${id}/stop`);
      await house.jobIn(id, "STOPPED");
    }
    expect((await house.api("GET", "/v1/teamnames?sheet=A")).body).toEqual({ sheet: "A", red: "Set" });
    expect(names(page)).toEqual(["A red: ", "A red: Alpha One", "A red: Set"]);
  });
});

describe("/teamnames-ws", () => {
  test("tells each name that a page asks for, at once and on every change, and no other", async () => {
    await using house = await House.open();
    await house.api("PUT", "/v1/teamnames", { sheet: "A", red: "Alpha" });
    await using page = await open(house, "/teamnames-ws", { origin: "http://obs.example" });
    register(page, { sheet: "A", color: "red" });
    register(page, { sheet: "A", color: "Yellow" });
    await named(page, "A yellow: ");
    expect(page.received[0]).toEqual({
      ...{ type: "teamname.update", sheet: "A", color: "red", teamName: "Alpha" },
      ts: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    await house.api("PUT", "/v1/teamnames", { sheet: "B", red: "Elsewhere" });
    await house.api("PUT", "/v1/teamnames?room=annex", { sheet: "A", red: "Elsewhere" });
    await house.api("PUT", "/v1/overlays/A", { title: "no name" });
    await house.api("PUT", "/v1/teamnames", { sheet: "A", red: "Alpha", yellow: "Beta" });
    await named(page, "A yellow: Beta");
    expect(names(page)).toEqual(["A red: Alpha", "A yellow: ", "A yellow: Beta"]);
  });

  test("answers what it does not understand, and what is too much, with an error, and goes on", async () => {
    await using house = await House.open();
    await using page = await open(house, "/teamnames-ws");
    for (const wrong of ["", "{", "[]", '{"type":"register"}', '{"type":"register","sheet":"A","color":"blue"}'])
      page.sendRaw(wrong);
    for (let n = 0; n < 51; n += 1) register(page, { sheet: `${n}`, color: "red" });
    await page.next("error", () => page.ofType("error").length === 6);
    expect(page.ofType("error").map((message) => (message as WireMessage & { code: string }).code)).toEqual([
      ...Array.from({ length: 5 }, () => "INVALID_MESSAGE"),
      "TOO_MANY",
    ]);
    expect(names(page)).toHaveLength(50);
  });
});

test("/teamnames-ws answers every message, whatever it is, and breaks on none", async () => {
  await using house = await House.open();
  const text = fc.oneof(
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.constantFrom("A", "red", "__proto__", "", "*"),
  );
  const message = fc.oneof(
    text,
    fc.json({ maxDepth: 4 }),
    fc
      .record({ type: fc.constant("register"), sheet: text, color: text, room: text })
      .map((fields) => JSON.stringify(fields)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 40 }), async (messages) => {
      await using page = await open(house, "/teamnames-ws");
      for (const one of messages) page.sendRaw(one);
      register(page, { sheet: "last", color: "red" });
      await named(page, "last red: ");
      expect(page.received).toHaveLength(messages.length + 1);
    }),
    { numRuns: 40 },
  );
}, 60_000);

describe("/overlay-ws", () => {
  test("tells what is shown of a sheet at once and on every change, and nothing of one that is not visible", async () => {
    await using house = await House.open();
    await using page = await open(house, "/overlay-ws?sheet=A", { origin: "http://obs.example" });
    expect(await page.next("overlay.update")).toMatchObject({ ts: expect.any(String), payload: EMPTY });
    await house.api("PUT", "/v1/overlays/A", { red: { name: "Alpha", score: 1 } });
    await page.next("overlay.update", ({ red }) => red.score === "1");
    await house.api("PUT", "/v1/overlays/A", { visible: false, title: "Not before eight", period: "Draw 4" });
    const hidden = await page.next("overlay.update", ({ visible }) => !visible);
    expect(hidden.payload).toEqual({ ...EMPTY, visible: false, version: 2, updatedAt: expect.any(String) });
    expect((await house.api("GET", "/v1/overlays/A")).body.title).toBe("Not before eight");
    expect(page.received).toHaveLength(3);
  });

  test("is for public rooms; of others, for whoever has a role in them and as long as that is so", async () => {
    await using guarded = await GuardedHouse.open();
    const { house, admin } = guarded;
    const refused = (path: string, status: string, headers = {}) =>
      expect(open(house, path, headers)).rejects.toThrow(status);
    await using _open = await open(house, "/overlay-ws?sheet=A");
    await refused("/overlay-ws?sheet=A&room=hall", "401");
    await refused("/overlay-ws", "400");
    await refused("/overlay-ws?sheet=A&room=Hall", "400");
    const stranger = await guarded.let({ annex: "admin" });
    await refused("/overlay-ws?sheet=A&room=hall", "404", stranger.headers);
    const member = await guarded.let({ hall: "viewer" });
    await using own = await open(house, "/overlay-ws?sheet=A&room=hall", member.headers);
    await own.next("overlay.update");
    await using page = await open(house, "/teamnames-ws");
    register(page, { sheet: "A", color: "red", room: "hall" });
    expect(await page.next("error")).toMatchObject({ code: "NOT_FOUND" });
    await admin.api("DELETE", `/v1/keys/${member.id}`);
    expect((await own.closed).code).toBe(1013);
  });
});
