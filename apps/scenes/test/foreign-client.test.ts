import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { type NatsServer, startNats, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import protobuf from "protobufjs";
import { Scenes } from "../src/index.js";

// Everything that this client knows is the .proto file and the subjects in docs/scenes.md: no code of ours is in it.
const PROTO = join(import.meta.dirname, "../../../packages/protocol/proto/stream_control/scenes/v1/scenes.proto");

let nats: NatsServer;
let folder: TemporaryFolder;
let scenes: Scenes;
let client: NatsConnection;
let types: protobuf.Root;
beforeAll(async () => {
  nats = await startNats();
  folder = await temporaryFolder();
  scenes = new Scenes({ port: 0, host: "127.0.0.1", dataDir: folder.path, natsUrl: nats.url });
  await scenes.start();
  client = await connect({ servers: nats.url });
  types = await protobuf.load(PROTO);
});
afterAll(async () => {
  await client.close();
  await scenes.stop();
  await nats.stop();
  await folder.remove();
});

const type = (name: string) => types.lookupType(`stream_control.scenes.v1.${name}`);
// biome-ignore lint/suspicious/noExplicitAny: a foreign client has no types of ours.
type Message = any;
const toObject = (name: string, data: Uint8Array): Message =>
  type(name).toObject(type(name).decode(data), { longs: Number, enums: String, defaults: true, objects: true });
async function ask(subject: string, name: string, reply: string, message: object): Promise<Message> {
  const data = type(name).encode(type(name).fromObject(message)).finish();
  return toObject(reply, (await client.request(subject, data, { timeout: 5000 })).data);
}
const command = (message: object) => ask("scenes.v1.command", "OrchestratorCommand", "OrchestratorReply", message);
const subscription = (message: object) =>
  ask("scenes.v1.subscription", "SubscriptionCommand", "SubscriptionReply", message);

test("a client written from the .proto alone makes a timeline, follows and steers it", async () => {
  const made = await command({
    streamId: "show-1",
    start: {
      config: {
        scenes: [
          { name: "Intro", durationMs: 400 },
          { name: "Main", durationMs: 60_000, metadata: { file: "m.mp4" } },
        ],
        tickIntervalMs: 50,
      },
    },
  });
  expect(made).toMatchObject({ streamId: "show-1", problem: null, state: { mode: "MODE_IDLE" } });

  const updates: Message[] = [];
  const registered = await subscription({
    streamId: "show-1",
    clientId: "tv-1",
    clientName: "tv",
    register: { sourceAddr: "203.0.113.9" },
  });
  expect(registered).toMatchObject({
    problem: null,
    heartbeatIntervalMs: 30_000,
    staleTimeoutMs: 90_000,
    state: { mode: "MODE_RUNNING" },
  });
  client.subscribe(registered.updatesSubject, {
    callback: (_error, { data }) => void updates.push(toObject("StateUpdate", data)),
  });
  await waitFor(() => updates.some(({ kind, scene }) => kind === "UPDATE_KIND_SCENE" && scene?.name === "Main"));
  const main = updates.find(({ scene }) => scene?.name === "Main");
  expect(main).toMatchObject({
    mode: "MODE_RUNNING",
    scene: { metadata: { file: "m.mp4" }, startedAtMs: registered.state.scene.startedAtMs + 400 },
  });
  // The parts of a tick are one message to any parser.
  const tick = updates.find(({ kind }) => kind === "UPDATE_KIND_TICK");
  expect(tick.scene).toMatchObject({ name: "Intro", durationMs: 400, elapsedMs: tick.atMs - tick.scene.zeroAtMs });
  expect(await subscription({ streamId: "show-1", clientId: "tv-1", heartbeat: {} })).toMatchObject({ problem: null });

  expect(await command({ streamId: "show-1", pause: {} })).toMatchObject({
    problem: null,
    state: { mode: "MODE_PAUSED" },
  });
  const batch = {
    actions: [{ resume: {} }, { adjustTime: { deltaMs: -59_000 } }, { updateStreamStatus: { status: "live" } }],
  };
  expect(await command({ streamId: "show-1", batch })).toMatchObject({
    problem: null,
    state: { status: { status: "live" } },
  });
  expect(await command({ streamId: "show-1", forceScene: { scene: "Nothing" } })).toMatchObject({
    problem: { code: "SCENE_NOT_FOUND", retryable: false },
  });
  expect(await subscription({ streamId: "show-1", inspect: {} })).toMatchObject({
    stats: { total: 1, active: 1, stale: 0, uniqueClients: 1 },
  });

  await subscription({ streamId: "show-1", clientId: "tv-1", unregister: {} });
  expect(await subscription({ streamId: "show-1", inspect: {} })).toMatchObject({
    state: { mode: "MODE_STOPPED", stopReason: "no_subscribers" },
  });
  expect(await command({ streamId: "show-1", remove: {} })).toMatchObject({ problem: null });
  expect(await command({ streamId: "show-1", pause: {} })).toMatchObject({ problem: { code: "TIMELINE_NOT_FOUND" } });
});

test("a subscriber may have a subject of its own, filtered as it asks", async () => {
  await command({
    streamId: "show.2 *",
    start: {
      config: {
        scenes: [
          { name: "A", durationMs: 300 },
          { name: "B", durationMs: 60_000 },
        ],
        tickIntervalMs: 20,
      },
    },
  });
  const asked = { sourceAddr: "203.0.113.9", ownSubject: true, filter: { eventsOnly: true } };
  const { updatesSubject } = await subscription({ streamId: "show.2 *", clientId: "slow", register: asked });
  const kinds: string[] = [];
  client.subscribe(updatesSubject, {
    callback: (_error, { data }) => void kinds.push(toObject("StateUpdate", data).kind),
  });
  await client.flush();
  await waitFor(() => kinds.includes("UPDATE_KIND_SCENE"));
  await command({ streamId: "show.2 *", hold: {} });
  await waitFor(() => kinds.includes("UPDATE_KIND_COMMAND"));
  expect(kinds).toEqual(["UPDATE_KIND_SCENE", "UPDATE_KIND_COMMAND"]);
});

test("what is no message, and what says nothing, is answered with the reason", async () => {
  const answer = await client.request("scenes.v1.command", Buffer.from("no message"), { timeout: 5000 });
  expect(toObject("OrchestratorReply", answer.data).problem).toMatchObject({ code: "INVALID_REQUEST" });
  expect((await command({ streamId: "x" })).problem).toMatchObject({ code: "TIMELINE_NOT_FOUND" });
  const wrong = await command({ streamId: "x", start: { config: { scenes: [{ name: "A", durationMs: 0 }] } } });
  expect(wrong.problem).toMatchObject({
    code: "VALIDATION_FAILED",
    message: expect.stringContaining("scenes.0.duration_ms"),
  });
});
