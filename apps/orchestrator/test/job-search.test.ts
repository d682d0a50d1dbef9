import { describe, expect, test } from "@jest/globals";
import { openStore, sql } from "@stream-control/store";
import { filesWith, secret, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { migrations } from "../src/store/migrations.js";
import type { Tables } from "../src/store/tables.js";
import { fillPlain } from "./filled-database.js";
import { GuardedHouse, type Person } from "./guarded-house.js";
import { House } from "./house.js";

const search = async (house: House, query: string): Promise<string[]> =>
  (await house.api("GET", `/v1/jobs?${query}`)).body.items.map(({ id }: { id: string }) => id);
const found = (house: House, text: string) => search(house, `q=${encodeURIComponent(text)}`);

const titled = (title: string, description = "") => ({ streamMetadata: { title, description } });

describe("looking for jobs", () => {
  test("finds every word, in any case and any order, in titles, descriptions, contexts and ids", async () => {
    await using house = await House.open();
    const mine = { context: "Ladies' League", sheet: "C", team1: "Ödegård", team2: "Muirhead", drawNumber: 17 };
    const curling = (await house.submit({ streamContext: mine })).id;
    const church = (await house.submit(titled("Evensong", "From St Mary's, camera 2"))).id;
    const template = (await house.submit({ inlineConfig: null, templateId: "stream-template-1" })).id;
    expect(await found(house, "muirhead LEAGUE")).toEqual([curling]);
    expect(await found(house, "ödegård ladies' 17")).toEqual([curling]);
    expect(await found(house, "ÖDEGÅRD")).toEqual([curling]);
    expect(await found(house, "st evensong")).toEqual([church]);
    expect(await found(house, "evensong muirhead")).toEqual([]);
    expect(await found(house, "TEMPLATE-1")).toEqual([template]);
    expect(await found(house, church.slice(0, 18))).toContain(church);
    expect(await found(house, church)).toEqual([church]);
    expect(await found(house, "  ")).toEqual([curling, church, template]);
    expect(await search(house, "q=&limit=1&order=desc")).toEqual([template]);
  });

  test("follows a changed title, and the agent that has the job", async () => {
    await using house = await House.open();
    await house.agent({ agentId: "Encoder-Hall-3" });
    const { id } = await house.submit(titled("Before"));
    await house.jobIn(id, "RUNNING");
    const other = (await house.submit(titled("Waits"))).id;
    expect(await found(house, "hall-3 before")).toEqual([id]);
    await house.api("PUT", `/v1/jobs/${id}/metadata`, { title: "After" });
    expect(await found(house, "before")).toEqual([]);
    expect(await found(house, "encoder after")).toEqual([id]);
    expect(await found(house, "waits")).toEqual([other]);
  });

  test("takes wildcards for what they are", async () => {
    await using house = await House.open();
    const percent = (await house.submit(titled("100% rink"))).id;
    const under = (await house.submit(titled(String.raw`rink_1 C:\media`))).id;
    await house.submit(titled("rink 1"));
    expect(await found(house, "%")).toEqual([percent]);
    expect(await found(house, "rink_1")).toEqual([under]);
    expect(await found(house, String.raw`c:\m`)).toEqual([under]);
    expect(await found(house, String.raw`\%`)).toEqual([]);
  });

  test("goes with every other filter and with pages", async () => {
    await using house = await House.open();
    await house.agent({ agentId: "a", slots: 2 });
    const sheets: string[] = [];
    for (let n = 0; n < 7; n += 1) sheets.push((await house.submit(titled(`Sheet ${n}`))).id);
    await house.submit(titled("Other"));
    for (const id of sheets.slice(0, 2)) await house.jobIn(id, "RUNNING");
    expect(await search(house, "q=sheet&status=RUNNING&agentId=a")).toEqual(sheets.slice(0, 2));
    expect(await search(house, "q=sheet&status=PENDING")).toEqual(sheets.slice(2));
    for (const order of ["asc", "desc"]) {
      const seen: string[] = [];
      for (let cursor = ""; ; ) {
        const { body } = await house.api("GET", `/v1/jobs?q=sheet&limit=3&order=${order}${cursor}`);
        seen.push(...body.items.map(({ id }: { id: string }) => id));
        if (body.nextCursor === null) break;
        cursor = `&cursor=${body.nextCursor}`;
      }
      expect(seen).toEqual(order === "asc" ? sheets : sheets.toReversed());
    }
  });

  test("has filters for template and time of submission, with and without words", async () => {
    await using house = await House.open();
    const first = await house.submit(titled("One"));
    // In the same millisecond both would be on one side of it.
    await waitFor(() => Date.now() > Date.parse(first.createdAt) || undefined);
    const { id: templated, createdAt } = await house.submit({
      ...{ inlineConfig: null, templateId: "stream-template-1" },
      ...titled("Two"),
    });
    expect(await search(house, "templateId=stream-template-1")).toEqual([templated]);
    expect(await search(house, `until=${createdAt}`)).toEqual([first.id]);
    expect(await search(house, `since=${createdAt}`)).toEqual([templated]);
    expect(await search(house, `since=${first.createdAt}&until=${createdAt}&order=desc`)).toEqual([first.id]);
    expect(await search(house, "since=2020-01-01&until=2020-01-02")).toEqual([]);
    expect(await search(house, "since=2020-01-01&q=one")).toEqual([first.id]);
    expect(await search(house, "until=2020-01-01&q=one")).toEqual([]);
  });

  test("shows a room's jobs to those who may see it alone", async () => {
    await using guarded = await GuardedHouse.open();
    const inRoom = async (room: string): Promise<string> =>
      (await guarded.admin.api("POST", "/v1/jobs", { inlineConfig: {}, room, ...titled("League") })).body.id;
    const [a, b] = [await inRoom("hall-a"), await inRoom("hall-b")];
    const list = async (person: Person, query: string) => {
      const { body } = await person.api("GET", `/v1/jobs?${query}`);
      return body.items.map(({ id }: { id: string }) => id);
    };
    const viewer = await guarded.let({ "hall-a": "viewer" });
    expect(await list(guarded.admin, "q=league")).toEqual([a, b]);
    expect(await list(guarded.admin, "q=league&room=hall-b")).toEqual([b]);
    expect(await list(viewer, "q=league")).toEqual([a]);
    expect(await list(viewer, "room=hall-a")).toEqual([a]);
    expect(await list(viewer, "room=hall-b")).toEqual([]);
  });

  test.each([
    "q=a&q=b",
    `q=${"x".repeat(201)}`,
    "q=1+2+3+4+5+6+7+8+9+10+11",
    "since=yesterday-ish",
    "until=",
    "room=%20",
  ])("answers 400 to ?%s", async (query) => {
    await using house = await House.open();
    const { status, body } = await house.api("GET", `/v1/jobs?${query}`);
    expect([status, body.code]).toEqual([400, "INVALID_REQUEST"]);
  });

  test("never finds a secret, and keeps none where it looks", async () => {
    await using house = await House.open();
    const key = secret("stream-key");
    const { id } = await house.submit({
      inlineConfig: {
        source: { type: "test" },
        destinations: [{ type: "rtmp", url: "rtmp://localhost/live", streamKey: key }],
      },
      streamMetadata: {
        ...{ title: "Final", description: `Goes to rtmp://localhost/live/${key} tonight` },
        youtube: { streamKey: key },
      },
    });
    expect(await found(house, key)).toEqual([]);
    expect(await found(house, "final tonight")).toEqual([id]);
    expect(await filesWith(house.dataDir, [key])).toEqual([]);
  });

  test("finds what was there before the search was", async () => {
    const folder = await temporaryFolder();
    try {
      const older = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < "0004"));
      const store = await openStore<Tables>({ file: folder.file("orchestrator.db"), migrations: older });
      await store.write((tx) => fillPlain(tx, 300, "{}"));
      await sql`update jobs set stream_metadata = '{"title":"Old sheet-' || seq || '"}'`.execute(store.db);
      await store.close();
      await using house = await House.open({ dataDir: folder.path });
      expect(await search(house, "q=OLD&limit=1000")).toHaveLength(300);
      expect(await found(house, "sheet-271")).toEqual(["job-0270"]);
    } finally {
      await folder.remove();
    }
  });
});
