import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { type NatsServer, startNats, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { Follower, type Json } from "./house.js";
import { ServiceProcess } from "./service-process.js";

const show = {
  scenes: [
    { name: "Intro", duration_ms: 1500 },
    { name: "Main", duration_ms: 600_000 },
  ],
  tick_interval_ms: 50,
};

let nats: NatsServer;
let folder: TemporaryFolder;
let services: ServiceProcess[] = [];
let followers: Follower[] = [];
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  for (const { socket } of followers) socket.terminate();
  for (const { child } of services) child.kill("SIGCONT");
  await Promise.all(services.map((service) => service.end()));
  [services, followers] = [[], []];
  await folder.remove();
});

async function start(name: string): Promise<ServiceProcess> {
  const service = await ServiceProcess.start({ DATA_DIR: folder.file(name), NATS_URL: nats.url });
  services.push(service);
  return service;
}
async function follow({ port }: ServiceProcess, id: string): Promise<Follower> {
  const follower = await Follower.open(`ws://127.0.0.1:${port}/streams/${id}/ws`);
  followers.push(follower);
  return follower;
}
/** Makes a stream at a service, which then owns it. */
async function make(service: ServiceProcess, body: unknown): Promise<string> {
  const { json, status } = await service.call("POST", "/streams", body);
  expect([status, json]).toMatchObject([201, {}]);
  return json.stream_id;
}
const state = async (service: ServiceProcess, id: string): Promise<Json> =>
  (await service.call("GET", `/streams/${id}`)).json.state;

/** The longest time without an update from a moment on, in what a follower got. */
function longestGap({ gotAtMs }: Follower, fromMs: number): number {
  const times = gotAtMs.filter((at) => at >= fromMs - 200);
  return Math.max(...times.slice(1).map((at, index) => at - (times[index] ?? at)));
}

describe("several instances", () => {
  test("share timelines: made at one, seen, steered and followed at the other", async () => {
    const [one, two] = await Promise.all([start("one"), start("two")]);
    const id = await make(one, show);
    await waitFor(async () => (await two.call("GET", `/streams/${id}`)).status === 200);
    const follower = await follow(two, id);
    await follower.next(({ mode }) => mode === "running");
    expect((await two.call("POST", `/streams/${id}/pause`)).json.state.mode).toBe("paused");
    expect((await state(one, id)).mode).toBe("paused");
    await two.call("POST", `/streams/${id}/resume`);
    // Both compute the same from the same command.
    const [here, there] = [await state(one, id), await state(two, id)];
    expect(there.scene.zero_at_ms).toBe(here.scene.zero_at_ms);
    expect((await one.call("GET", `/streams/${id}/stats`)).json.total).toBe(1);
    expect((await two.call("GET", "/streams")).json.streams).toContainEqual(
      expect.objectContaining({ stream_id: id, mode: "running" }),
    );
    await two.call("DELETE", `/streams/${id}`);
    await waitFor(() => follower.closed?.code === 4004);
  });

  test("make one timeline of one id, also where two are asked at once", async () => {
    const [one, two] = await Promise.all([start("one"), start("two")]);
    for (let round = 0; round < 5; round += 1) {
      const body = { ...show, stream_id: `twice-${round}-${folder.path.slice(-6)}`, command_id: `make-${round}` };
      const answers = await Promise.all([one.call("POST", "/streams", body), two.call("POST", "/streams", body)]);
      const statuses = answers.map(({ status }) => status);
      expect(statuses.filter((status) => status === 201)).toHaveLength(1);
      expect(statuses.every((status) => [200, 201, 409].includes(status))).toBe(true);
      await waitFor(async () => {
        const states = await Promise.all([one, two].map((service) => state(service, body.stream_id)));
        return states.every((seen) => seen?.mode === "idle");
      });
    }
  });

  for (const signal of ["SIGKILL", "SIGSTOP"] as const)
    test(`take timelines over within two seconds when their owner gets a ${signal}, at the right millisecond`, async () => {
      const [owner, other] = await Promise.all([start("one"), start("two")]);
      const ids = await Promise.all(Array.from({ length: 20 }, () => make(owner, show)));
      const id = ids[0] ?? "";
      await waitFor(async () => {
        const { streams } = (await other.call("GET", "/streams?limit=1000")).json;
        return ids.every((one) => streams.some(({ stream_id }: Json) => stream_id === one));
      });
      const more = await Promise.all(
        Array.from({ length: 200 }, () => make(owner, { ...show, lifecycle: "independent" })),
      );
      const all = await Promise.all(ids.map((one) => follow(other, one)));
      const follower = all[0] as Follower;
      const before = await follower.next(({ mode, scene }) => mode === "running" && scene.elapsed_ms > 200);
      const hitAtMs = Date.now();
      owner.child.kill(signal);
      // A command that comes meanwhile waits for the new owner, and counts as of when it came.
      const held = other.call("POST", `/streams/${ids[1]}/pause`);
      const epochs = new Map(all.map((one) => [one, one.got.at(-1)?.epoch ?? 1]));
      await Promise.all(all.map((one) => one.next(({ epoch }) => epoch > (epochs.get(one) ?? 1))));
      const tookMs = Date.now() - hitAtMs;
      expect(tookMs).toBeLessThan(2000);
      await waitFor(async () => {
        const { streams } = (await other.call("GET", "/streams?limit=1000")).json;
        const owners = new Map(streams.map((one: Json) => [one.stream_id, one.owner]));
        return new Set([...ids, ...more].map((one) => owners.get(one))).size === 1;
      });
      expect(Date.now() - hitAtMs).toBeLessThan(4000);
      const paused = (await held).json.state;
      expect(paused.mode).toBe("paused");
      expect(paused.scene.started_at_ms + paused.scene.elapsed_ms).toBeLessThan(hitAtMs + 700);
      // Nothing jumped: the same anchor as before, scene by scene.
      const main = await follower.next(({ current_scene }) => current_scene === "Main");
      expect(main.scene.started_at_ms).toBe(before.scene.started_at_ms + 1500);
      for (const { scene, at_ms } of follower.got) expect(scene.elapsed_ms).toBe(at_ms - scene.zero_at_ms);
      expect(longestGap(follower, hitAtMs)).toBeLessThan(2000);
      expect((await other.call("GET", `/streams/${id}/stats`)).json.total).toBe(1);

      if (signal === "SIGKILL") return;
      owner.child.kill("SIGCONT");
      await waitFor(async () => (await owner.call("GET", "/health")).json.ok);
      // It knows that they are another's now, and passes on what it is asked for.
      expect((await owner.call("POST", `/streams/${id}/skip`)).json.state.mode).toBe("finished");
      await follower.next(({ mode }) => mode === "finished");
      const seen = follower.got.map(({ epoch }) => epoch);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    });

  test("hand timelines on when their owner stops in order", async () => {
    const [owner, other] = await Promise.all([start("one"), start("two")]);
    const id = await make(owner, { ...show, lifecycle: "independent" });
    await owner.call("POST", `/streams/${id}/start`);
    await waitFor(async () => (await other.call("GET", `/streams/${id}`)).status === 200);
    const follower = await follow(other, id);
    await follower.next(({ kind }) => kind === "tick");
    const stoppedAtMs = Date.now();
    await owner.end("SIGTERM");
    await follower.next(({ epoch }) => epoch === 2);
    expect(Date.now() - stoppedAtMs).toBeLessThan(2000);
  });

  test("go on at the right millisecond after all of them, and NATS, were killed", async () => {
    const one = await start("one");
    const id = await make(one, { ...show, lifecycle: "independent" });
    const began = (await one.call("POST", `/streams/${id}/start`)).json.state.scene.started_at_ms;
    await one.call("POST", `/streams/${id}/status`, { status: "live" });
    await Promise.all([one.end(), nats.kill()]);
    await nats.start();
    const two = await start("two");
    await waitFor(async () => (await two.call("GET", `/streams/${id}`)).json.state?.current_scene === "Main");
    const now = await state(two, id);
    expect(now).toMatchObject({ status: { status: "live" }, scene: { started_at_ms: began + 1500 } });
    expect((await two.call("GET", `/streams/${id}/as-run`)).json.entries).toMatchObject([
      { name: "Intro" },
      { name: "Main" },
    ]);
  });

  test("go on when NATS was away for a while", async () => {
    const one = await start("one");
    const id = await make(one, show);
    const follower = await follow(one, id);
    await follower.next(({ kind }) => kind === "tick");
    await nats.kill();
    await waitFor(async () => (await fetch(`${one.url}/health`)).status === 503);
    await nats.start();
    await waitFor(async () => (await fetch(`${one.url}/health`)).ok);
    const backAtMs = Date.now();
    await follower.next(({ at_ms }) => at_ms > backAtMs);
    expect(follower.closed).toBeUndefined();
  });
});
