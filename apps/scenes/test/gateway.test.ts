import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { fromBinary, StateUpdateSchema, UpdateKind } from "@stream-control/proto/scenes";
import { type NatsServer, startNats, waitFor } from "@stream-control/test-kit";
import { House, type Json } from "./house.js";

/** The stream of the first example. */
const example = {
  scenes: [
    { name: "Intro", duration_ms: 3000 },
    { name: "Main", duration_ms: 10_000 },
    { name: "Outro", duration_ms: 2000 },
  ],
  tick_interval_ms: 100,
};
const independent = { ...example, lifecycle: "independent" };

let nats: NatsServer;
let house: House;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const state = async (id: string): Promise<Json> => (await house.call("GET", `/streams/${id}`)).json.state;

describe.each([
  ["of a service alone", () => House.open()],
  ["over NATS", () => House.open({ natsUrl: nats.url })],
])("the gateway %s", (_name, open) => {
  beforeAll(async () => {
    house = await open();
  });
  afterAll(() => house[Symbol.asyncDispose]());

  test("makes, follows and steers a stream exactly as the first examples do", async () => {
    const made = await house.call("POST", "/streams", example);
    expect(made).toMatchObject({ status: 201, json: { message: "Stream created successfully" } });
    const id = made.json.stream_id;
    expect(id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect((await state(id)).mode).toBe("idle");

    const client = await house.follow(id);
    await client.next(({ mode, current_scene }) => mode === "running" && current_scene === "Intro");
    await client.next(({ kind, scene }) => kind === "tick" && scene.elapsed_ms > 100);

    expect((await house.call("POST", `/streams/${id}/pause`)).json.state.mode).toBe("paused");
    expect((await house.call("POST", `/streams/${id}/resume`)).json.state.mode).toBe("running");
    expect((await house.call("POST", `/streams/${id}/scene/Main`)).json.state.current_scene).toBe("Main");
    expect((await house.call("POST", `/streams/${id}/skip`)).json.state.current_scene).toBe("Outro");
    expect((await house.call("POST", `/streams/${id}/stop`)).json.state.mode).toBe("stopped");
    await client.next(({ kind, mode }) => kind === "command" && mode === "stopped");

    const list = await house.call("GET", "/streams");
    expect(list.json.streams).toContainEqual(expect.objectContaining({ stream_id: id, mode: "stopped" }));
    await client.close();
  });

  test("starts with the first subscriber, stops with the last one, and starts anew with the next", async () => {
    const id = await house.make(example);
    const [one, two] = [await house.follow(id), await house.follow(id)];
    await two.next(({ mode }) => mode === "running");
    expect((await house.call("GET", `/streams/${id}/stats`)).json).toEqual({
      total: 2,
      active: 2,
      stale: 0,
      unique_clients: 1,
    });
    await one.close();
    expect(await state(id)).toMatchObject({ mode: "running", run: 1 });
    await two.close();
    await waitFor(async () => (await state(id)).stop_reason === "no_subscribers");
    const three = await house.follow(id);
    await three.next(({ mode, run }) => mode === "running" && run === 2);
    await house.call("POST", `/streams/${id}/stop`);
    await three.close();
    // Somebody has stopped it; that nobody followed it is no reason to start it again.
    const four = await house.follow(id);
    expect((await four.next(({ kind }) => kind === "snapshot")).mode).toBe("stopped");
    await four.close();
  });

  test("tells a scene when it goes on air, announces it before, and stays on its grid of ticks", async () => {
    const id = await house.make({
      ...{
        scenes: [
          { name: "A", duration_ms: 450 },
          { name: "B", duration_ms: 400 },
        ],
        tick_interval_ms: 50,
        look_ahead_ms: 200,
      },
    });
    const client = await house.follow(id);
    await client.next(({ mode }) => mode === "finished");
    const begun = client.got.find(({ current_scene }) => current_scene === "A").scene.started_at_ms;
    const upcoming = client.got.filter(({ kind }) => kind === "upcoming");
    expect(upcoming.map(({ next }) => next.name)).toEqual(["B"]);
    expect(upcoming[0].at_ms - begun).toBeGreaterThanOrEqual(250);
    expect(
      client.got.find(({ kind, current_scene }) => kind === "scene" && current_scene === "B").scene.started_at_ms,
    ).toBe(begun + 450);
    expect(client.got.at(-1)).toMatchObject({ kind: "scene", mode: "finished", ended_at_ms: begun + 850 });
    // Every update is of its own moment, in order, and says the same as its anchor does.
    for (const [index, { at_ms, sequence, scene }] of client.got.entries()) {
      if (scene !== null && scene.zero_at_ms !== null) expect(scene.elapsed_ms).toBe(at_ms - scene.zero_at_ms);
      if (index > 0) expect(sequence).toBeGreaterThan(client.got[index - 1].sequence - (index === 1 ? 1 : 0));
    }
  });

  test("speaks protobuf where it is asked to, and says the same in it", async () => {
    const id = await house.make({
      ...independent,
      scenes: [{ name: "Ä-Szene", duration_ms: 5000, metadata: { file: "ä.mp4" } }],
    });
    await house.call("POST", `/streams/${id}/start`);
    const [json, binary] = [await house.follow(id), await house.follow(id, "?format=protobuf")];
    await waitFor(() => json.got.length > 3 && binary.raw.length > 3);
    const updates = binary.raw.map((data) => fromBinary(StateUpdateSchema, data));
    expect(updates[0]).toMatchObject({
      streamId: id,
      kind: UpdateKind.SNAPSHOT,
      scene: { name: "Ä-Szene", metadata: { file: "ä.mp4" } },
    });
    const tick = updates.find(({ kind }) => kind === UpdateKind.TICK);
    const same = json.got.find(({ sequence }) => BigInt(sequence) === tick?.sequence);
    expect(same).toMatchObject({ kind: "tick", at_ms: Number(tick?.atMs), timecode: tick?.timecode });
    expect(same.scene).toMatchObject({ elapsed_ms: Number(tick?.scene?.elapsedMs), progress: tick?.scene?.progress });
    await Promise.all([json.close(), binary.close()]);
  });

  test("filters ticks per subscriber, never what happens", async () => {
    const id = await house.make({
      ...example,
      tick_interval_ms: 20,
      scenes: [
        { name: "A", duration_ms: 300 },
        { name: "B", duration_ms: 300 },
      ],
    });
    const all = await house.follow(id);
    const onlyB = await house.follow(id, "?scenes=B");
    const events = await house.follow(id, "?events_only=true");
    const slow = await house.follow(id, "?max_updates_per_second=10");
    const steps = await house.follow(id, "?progress_step=0.5");
    const late = await house.follow(id);
    late.socket.send(JSON.stringify({ type: "filter", filter: { progress_from: 0.9 } }));
    await Promise.all(
      [all, onlyB, events, slow, steps, late].map((one) => one.next(({ mode }) => mode === "finished")),
    );
    const ticks = (client: typeof all) => client.got.filter(({ kind }) => kind === "tick");
    expect(ticks(all).length).toBeGreaterThan(8);
    expect(new Set(ticks(onlyB).map(({ current_scene }) => current_scene))).toEqual(new Set(["B"]));
    expect(ticks(events)).toEqual([]);
    expect(ticks(slow).length).toBeLessThanOrEqual(7);
    expect(ticks(steps).length).toBeLessThanOrEqual(4);
    for (const client of [onlyB, events, slow, steps, late])
      expect(client.got.filter(({ kind }) => kind === "scene").map(({ current_scene }) => current_scene)).toEqual([
        "B",
        null,
      ]);
  });

  test("takes what a show needs: cue and take, hold and release, time, a batch, conditions", async () => {
    const id = await house.make({
      ...independent,
      scenes: [...example.scenes, { name: "Break", duration_ms: 60_000 }],
    });
    const post = async (path: string, body?: unknown) => house.call("POST", `/streams/${id}/${path}`, body);
    await post("start");
    expect((await post("cue/Break")).json.state.next).toMatchObject({ name: "Break", cued: true });
    expect((await house.call("DELETE", `/streams/${id}/cue`, {})).json.state.next.name).toBe("Main");
    expect((await post("hold")).json.state.scene).toMatchObject({ held: true, ends_at_ms: null });
    expect((await post("release")).json.state.scene.held).toBe(false);
    expect((await post("time", { delta_ms: 60_000 })).json.state).toMatchObject({
      over_under_ms: 60_000,
      scene: { duration_ms: 63_000 },
    });
    const batch = {
      if_scene: "Intro",
      actions: [{ cue: { scene: "Break" } }, { take: {} }, { status: { status: "live" } }],
    };
    expect((await post("commands", batch)).json.state).toMatchObject({
      current_scene: "Break",
      status: { status: "live" },
    });
    expect(await post("commands", batch)).toMatchObject({ status: 409, json: { code: "CONDITION_FAILED" } });
    const wrong = await post("commands", { actions: [{ pause: {} }, { force: { scene: "None" } }] });
    expect(wrong).toMatchObject({ status: 404, json: { code: "SCENE_NOT_FOUND", details: { action: 1 } } });
    expect((await state(id)).mode).toBe("running");
    const asRun = (await house.call("GET", `/streams/${id}/as-run`)).json.entries;
    expect(asRun.map(({ name, ended_by }: Json) => [name, ended_by])).toEqual([
      ["Intro", "cue"],
      ["Break", null],
    ]);
    await house.call("DELETE", `/streams/${id}`);
    expect((await house.call("GET", `/streams/${id}`)).status).toBe(404);
    expect((await house.call("GET", `/streams/${id}/as-run`)).json.entries).toHaveLength(2);
    // Its name stays its own for as long as that.
    const again = await house.call("POST", "/streams", { ...independent, stream_id: id });
    expect(again).toMatchObject({ status: 409, json: { code: "TIMELINE_EXISTS" } });
  });

  test("edits a running show without touching what is on air", async () => {
    const id = await house.make(independent);
    await house.call("POST", `/streams/${id}/start`);
    const edited = {
      ...independent,
      scenes: [
        { name: "Intro", duration_ms: 1 },
        { name: "News", duration_ms: 500 },
      ],
    };
    const { json } = await house.call("PUT", `/streams/${id}`, edited);
    expect(json.state).toMatchObject({ scene: { name: "Intro", duration_ms: 3000 }, next: { name: "News" } });
    expect((await house.call("GET", `/streams/${id}`)).json.config.scenes.map(({ name }: Json) => name)).toEqual([
      "Intro",
      "News",
    ]);
  });

  test("starts by the clock, to the millisecond", async () => {
    const startAt = Date.now() + 1200;
    const id = await house.make({ ...example, start_at_ms: startAt });
    const client = await house.follow(id);
    expect(client.got[0] ?? (await client.next(() => true))).toMatchObject({ mode: "idle", start_at_ms: startAt });
    const begun = await client.next(({ kind, mode }) => kind === "scene" && mode === "running");
    expect(begun.scene.started_at_ms).toBe(startAt);
    await client.close();
    // It was planned, so that nobody watches does not stop it.
    expect((await state(id)).mode).toBe("running");
  });

  test("counts a command once that comes twice, and makes one stream of one key", async () => {
    const key = { "Idempotency-Key": "show-7" };
    const [first, second] = await Promise.all([
      house.call("POST", "/streams", independent, key),
      house.call("POST", "/streams", independent, key),
    ]);
    expect([first.status, second.status].sort()).toEqual([200, 201]);
    expect(first.json.stream_id).toBe(second.json.stream_id);
    const id = first.json.stream_id;
    await house.call("POST", `/streams/${id}/start`);
    const skips = await Promise.all(
      [1, 2, 3].map(() => house.call("POST", `/streams/${id}/skip`, { command_id: "skip-1" })),
    );
    expect(skips.map(({ json }) => json.repeated).sort()).toEqual([false, true, true]);
    expect((await state(id)).current_scene).toBe("Main");
  });

  test("takes a command as of its moment, and refuses one that is too late", async () => {
    const id = await house.make(independent);
    const { json } = await house.call("POST", `/streams/${id}/start`);
    await waitFor(async () => (await state(id)).elapsed_ms > 400);
    const paused = await house.call("POST", `/streams/${id}/pause`, { at_ms: json.at_ms + 250 });
    expect(paused.json.state.scene.elapsed_ms).toBe(250);
    const late = await house.call("POST", `/streams/${id}/resume`, { at_ms: Date.now() - 60_000 });
    expect(late).toMatchObject({ status: 409, json: { code: "COMMAND_OUT_OF_TIME" } });
  });

  test("names every mistake with its place", async () => {
    const { status, json } = await house.call("POST", "/streams", {
      ...{ scenes: [{ name: "", duration_ms: 0 }], tick_interval_ms: 5, frame_rate: 26, time_zone: "Mars" },
    });
    expect(status).toBe(422);
    expect(json.details.map(({ path }: Json) => path).sort()).toEqual([
      ...["frame_rate", "scenes.0.duration_ms", "scenes.0.name", "tick_interval_ms", "time_zone"],
    ]);
    expect(await house.call("GET", "/streams/none")).toMatchObject({ status: 404 });
    expect(await house.call("POST", "/streams/none/pause")).toMatchObject({ status: 404 });
    await expect(house.follow("none")).rejects.toThrow("refused with 404");
  });

  test("shows its health and its numbers", async () => {
    expect((await house.call("GET", "/health")).json).toMatchObject({ ok: true, status: "ok", bus: "connected" });
    const text = await (await fetch(`${house.url}/metrics`)).text();
    expect(text).toMatch(/^scenes_timelines \d+$/m);
    expect(text).toMatch(/^scenes_tick_jitter_seconds_count [1-9]/m);
    expect(text).toMatch(/^scenes_commands_total\{command="skip",result="ok"\} [1-9]/m);
  });
});

describe("subscribers", () => {
  test("are dropped when they are not heard of, and the timeline with them once it was idle for long", async () => {
    await using quick = await House.open({
      service: { heartbeatIntervalMs: 60, staleTimeoutMs: 250, idleTimeoutMs: 300 },
    });
    const id = await quick.make(example);
    const [alive, frozen] = [await quick.follow(id), await quick.follow(id)];
    // Frozen: it reads nothing, so it answers no ping.
    frozen.socket.pause();
    await waitFor(async () => (await quick.call("GET", `/streams/${id}/stats`)).json.total === 1);
    expect(alive.closed).toBeUndefined();
    await alive.close();
    await waitFor(async () => (await quick.call("GET", `/streams/${id}`)).status === 404);
    expect((await quick.call("GET", `/streams/${id}/as-run`)).json.entries).toMatchObject([{ ended_by: "stop" }]);
  });

  test("get no more ticks a second than the service allows, whatever they ask for", async () => {
    await using strict = await House.open({ service: { maxUpdatesPerSecond: 5 } });
    const id = await strict.make({ ...example, tick_interval_ms: 20, scenes: [{ name: "A", duration_ms: 1000 }] });
    const greedy = await strict.follow(id, "?max_updates_per_second=100");
    await greedy.next(({ mode }) => mode === "finished");
    expect(greedy.got.filter(({ kind }) => kind === "tick").length).toBeLessThanOrEqual(6);
  });

  test("are told apart by the address that a trusted proxy names, and by nobody else's word", async () => {
    await using trusting = await House.open({ door: { trustedProxies: ["loopback"] }, accessControl: "off" });
    await using wary = await House.open({ accessControl: "off" });
    for (const [place, unique] of [
      [trusting, 2],
      [wary, 1],
    ] as const) {
      const id = await place.make(example);
      const clients = await Promise.all(
        ["203.0.113.7", "203.0.113.8"].map((address) => place.follow(id, "", { "X-Forwarded-For": address })),
      );
      await waitFor(async () => (await place.call("GET", `/streams/${id}/stats`)).json.total === 2);
      expect((await place.call("GET", `/streams/${id}/stats`)).json.unique_clients).toBe(unique);
      await Promise.all(clients.map((client) => client.close()));
    }
  });
});
