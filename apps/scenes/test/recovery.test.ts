import { expect, test } from "@jest/globals";
import { temporaryFolder, waitFor } from "@stream-control/test-kit";
import { Follower } from "./house.js";
import { ServiceProcess } from "./service-process.js";

const show = {
  scenes: [
    { name: "Intro", duration_ms: 1000 },
    { name: "Main", duration_ms: 600_000 },
  ],
  lifecycle: "independent",
};

test("a service that is killed in the middle of a scene goes on at the right millisecond", async () => {
  await using folder = await temporaryFolder();
  const env = { DATA_DIR: folder.path };
  let service = await ServiceProcess.start(env);
  try {
    const made = await service.call("POST", "/streams", show);
    const id = made.json.stream_id;
    const started = await service.call("POST", `/streams/${id}/start`);
    const beganMs = started.json.state.scene.started_at_ms;
    const held = await service.call("POST", "/streams", { ...show, scenes: show.scenes.slice(1) });
    await service.call("POST", `/streams/${held.json.stream_id}/start`);
    const paused = (await service.call("POST", `/streams/${held.json.stream_id}/pause`)).json.state.scene.elapsed_ms;
    await service.end("SIGKILL");
    await waitFor(() => Date.now() > beganMs + 1000);

    service = await ServiceProcess.start(env);
    const { state } = (await service.call("GET", `/streams/${id}`)).json;
    expect(state.scene).toMatchObject({ name: "Main", started_at_ms: beganMs + 1000 });
    expect(state.scene.elapsed_ms).toBe(state.at_ms - beganMs - 1000);
    expect((await service.call("GET", `/streams/${held.json.stream_id}`)).json.state.scene.elapsed_ms).toBe(paused);
    // Nothing of what was on air meanwhile is missing in the record.
    const { entries } = (await service.call("GET", `/streams/${id}/as-run`)).json;
    expect(entries).toMatchObject([
      { name: "Intro", started_at_ms: beganMs, ended_at_ms: beganMs + 1000, ended_by: "end" },
      { name: "Main", started_at_ms: beganMs + 1000, ended_at_ms: null },
    ]);
    const client = await Follower.open(`ws://127.0.0.1:${service.port}/streams/${id}/ws`);
    expect((await client.next(({ kind }) => kind === "tick")).epoch).toBeGreaterThan(1);
    await client.close();
  } finally {
    await service.end("SIGTERM");
  }
  expect(service.child.exitCode).toBe(0);
});
