import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { type EventJson, House, problemsOf } from "./kit.js";

let house: House;
beforeAll(async () => {
  house = await House.start({ joinTimeoutMs: 50 });
});
afterAll(() => house[Symbol.asyncDispose]());

const hook = () => `${house.url()}/webhooks/livekit`;
const eventsOf = async (id: string) => (await house.ask<EventJson[]>("GET", `/events/${id}?limit=1000`)).body.reverse();
const told = async (id: string) =>
  (await eventsOf(id)).map(({ type, data }) => [type, data.participant?.identity ?? ""].join(" ").trim());
const present = async (id: string) =>
  (await house.ask("GET", `/streams/${id}`)).body.participants
    .filter(({ leftAt }) => leftAt === undefined)
    .map(({ id: name }) => name);

describe("webhooks", () => {
  test("are taken only with LiveKit's signature over these very bytes", async () => {
    const { roomName } = await house.create();
    house.livekit.join(roomName, "ann");
    const [message] = house.livekit.pending.splice(0).slice(-1) as [object];
    const forged = JSON.stringify({ ...message, event: "room_finished" });
    expect(await house.livekit.send(hook(), message, { secret: "another secret, just as long as it has to be" })).toBe(
      401,
    );
    expect(await house.livekit.send(hook(), message, { body: forged })).toBe(401);
    const unsigned = await fetch(hook(), { method: "POST", body: JSON.stringify(message) });
    expect(unsigned.status).toBe(401);
    expect(await house.livekit.send(hook(), message)).toBe(200);
  });

  test("of rooms that are no streams, and of what says nothing about presence, are taken and change nothing", async () => {
    house.livekit.join("somebody else's", "eve");
    await house.hear();
    const { id, roomName } = await house.create();
    await house.hear();
    const room = { name: roomName, sid: "RM_x" };
    const track = { event: "track_published", id: "EV_track", createdAt: "1", room, track: { sid: "TR_x" } };
    expect(await house.livekit.send(hook(), track)).toBe(200);
    expect(await told(id)).toEqual(["stream_created", "stream_updated"]);
  });

  test("and REST give one truth, whichever says it first", async () => {
    const { id, roomName } = await house.create();
    await house.ask("POST", `/streams/${id}/join`, { participantName: "rest first" });
    house.livekit.join(roomName, "rest first");
    house.livekit.join(roomName, "livekit first");
    await house.hear();
    await house.ask("POST", `/streams/${id}/join`, { participantName: "livekit first" });
    expect((await told(id)).slice(2)).toEqual(["participant_joined rest first", "participant_joined livekit first"]);
    await house.ask("POST", `/streams/${id}/leave`, { participantName: "rest first" });
    expect(house.livekit.rooms.get(roomName)?.guests.has("rest first")).toBe(false);
    await house.hear();
    expect((await told(id)).slice(4)).toEqual(["participant_left rest first"]);
  });

  test("may come twice and in any order", async () => {
    const { id, roomName } = await house.create();
    await house.hear();
    const start = Date.now() - 60_000;
    for (let visit = 0; visit < 4; visit++) {
      house.livekit.join(roomName, "ann", { atMs: start + visit * 4000 });
      if (visit < 3) house.livekit.leave(roomName, "ann", { atMs: start + visit * 4000 + 2000 });
    }
    const messages = house.livekit.pending.splice(0);
    for (const index of [1, 0, 1, 6, 3, 2, 5, 4, 0, 6, 3]) await house.livekit.send(hook(), messages[index] as object);
    expect(await present(id)).toEqual(["ann"]);
    expect(problemsOf(await eventsOf(id))).toEqual([]);
  });

  test("of a room's end stop the stream, and everybody has left before", async () => {
    const { id, roomName } = await house.create();
    for (const name of ["ann", "bob"]) house.livekit.join(roomName, name);
    await house.ask("POST", `/streams/${id}/join`, { participantName: "never connected" });
    house.livekit.finish(roomName);
    // The word of everybody's leaving is lost.
    house.livekit.pending.splice(
      0,
      house.livekit.pending.length,
      ...house.livekit.pending.filter((one) => !JSON.stringify(one).includes("participant_left")),
    );
    await house.hear();
    expect((await house.ask("GET", `/streams/${id}`)).body.status).toBe("stopped");
    const events = await eventsOf(id);
    expect(events.at(-1)?.type).toBe("stream_stopped");
    expect(events.filter(({ type }) => type === "participant_left")).toHaveLength(3);
    expect(problemsOf(events)).toEqual([]);
  });

  test("that never came are made up for by comparing with LiveKit", async () => {
    const { id, roomName } = await house.create();
    const old = Date.now() - 30_000;
    house.livekit.join(roomName, "stays", { atMs: old });
    house.livekit.join(roomName, "goes", { atMs: old });
    await house.hear();
    house.livekit.leave(roomName, "goes");
    house.livekit.join(roomName, "came unheard", { atMs: old });
    house.livekit.pending.splice(0);
    await house.services[0]?.reconcile();
    expect((await present(id)).sort()).toEqual(["came unheard", "stays"]);
    expect(problemsOf(await eventsOf(id))).toEqual([]);
  });
});
