import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  argumentsOf,
  type Camera,
  childrenOf,
  filesWith,
  freePort,
  freeUdpPort,
  type RtmpServer,
  runnersIn,
  secret,
  startCamera,
  startRtmpServer,
  waitFor,
} from "@stream-control/test-kit";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 15, bitrateKbps: 300, gopSeconds: 1, preset: "ultrafast" };

let room: Room;
let server: RtmpServer;
let camera: Camera;
let password: string;
beforeEach(async () => {
  password = secret("camera-password");
  [room, server, camera] = await Promise.all([
    Room.open(),
    startRtmpServer(),
    startCamera({ user: "admin", password }),
  ]);
});
afterEach(async () => {
  await Promise.all([room.close(), server.close(), camera.close()]);
});

/** What all processes of the room's runners have in their command lines, looked at again and again until the end. */
function watchCommandLines(folder: string) {
  const seen = new Set<string>();
  const look = async () => {
    for (const { pid, children } of await runnersIn(folder)) {
      const pids = [pid, ...children, ...(await Promise.all(children.map(childrenOf))).flat()];
      for (const line of await Promise.all(pids.map(argumentsOf))) seen.add(line.join(" "));
    }
  };
  let over = false;
  const watching = (async () => {
    while (!over) {
      await look();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  })();
  return async () => {
    over = true;
    await watching;
    return [...seen];
  };
}

/** Everything below a folder that others than its owner may open, by way of the folders that lead there. */
async function openToOthers(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const { mode } = await stat(path);
    if (entry.isDirectory()) {
      if ((mode & 0o077) !== 0) found.push(path);
      found.push(...(await openToOthers(path)));
    } else if (entry.isFile() && (mode & 0o077) !== 0) found.push(path);
  }
  return found;
}

test("a job on air shows its camera's password, its keys and passphrases nowhere", async () => {
  await room.startAgent();
  const [key, passphrase, lostKey, token] = [
    ...[secret("stream-key"), secret("passphrase"), secret("stream-key"), secret("token")],
  ] as [string, string, string, string];
  const secrets = [password, key, passphrase, lostKey, token];
  const stopWatching = watchCommandLines(room.agentData());
  const job = await room.submit({
    inlineConfig: {
      source: { type: "rtsp", url: `rtsp://admin:${password}@127.0.0.1:${camera.port}/1` },
      destinations: [
        { type: "rtmp", id: "live", url: `${server.url()}?token=${token}`, streamKey: key },
        { type: "rtmp", id: "nowhere", url: `rtmp://127.0.0.1:${await freePort()}/live`, streamKey: lostKey },
        { type: "srt", id: "silent", url: `srt://127.0.0.1:${await freeUdpPort()}`, passphrase },
      ],
      video: SMALL,
    },
  });
  await waitFor(() => server.live.has(`/live/${key}`), { deadlineMs: 60_000, what: "the stream with its key" });
  expect(camera.plays).toBeGreaterThan(0);
  const running = await waitFor(
    async () => {
      const now = await room.job(job.id);
      const states = new Map(now.progress?.destinations?.map(({ id, state }) => [id, state]));
      return states.get("live") === "LIVE" && states.get("nowhere") === "FAILED" && now;
    },
    { deadlineMs: 60_000, what: "one destination to be live and one to have failed" },
  );
  expect(await openToOthers(join(room.agentData(), "runners"))).toEqual([]);

  // The config is there for those who may have it; nothing else about the job repeats it.
  const { inlineConfig, ...shown } = running;
  expect(JSON.stringify(inlineConfig)).toContain(key);
  const events = await room.events(job.id);
  expect(events.some(({ type }) => type === "stream.destination_failed")).toBe(true);
  const lines = await (await fetch(`${room.url}/v1/jobs/${job.id}/logs`)).text();
  const health = await (await fetch(`${room.url}/healthz`)).text();
  const agents = await room.agents();
  await room.stop(job.id);
  const ended = await room.job(job.id);
  const commands = await stopWatching();
  expect(commands.some((line) => line.includes("-fpre"))).toBe(true);
  expect(commands.some((line) => line.includes("ffprobe") && line.includes("-f concat"))).toBe(true);
  const told = {
    shown,
    events,
    lines,
    health,
    agents,
    ended: { ...ended, inlineConfig: null },
    commands,
    logs: await room.logs(),
  };
  for (const [where, text] of Object.entries(told))
    for (const one of secrets)
      expect({ where, leaks: JSON.stringify(text).includes(one) }).toEqual({ where, leaks: false });
  expect(await filesWith(room.folder.file("orchestrator"), secrets)).toEqual([]);
  // Once the end is settled, the agent's folder for the job is gone, and what was hidden with it.
  await waitFor(async () => (await filesWith(room.agentData(), secrets)).length === 0, {
    what: "the job's files to go",
  });
}, 180_000);

test("a source that fails with its address in ffmpeg's words, and a request that is wrong, repeat no secret", async () => {
  await room.startAgent();
  const token = secret("token");
  const url = `http://reader:${password}@127.0.0.1:${await freePort()}/live.m3u8?token=${token}`;
  const job = await room.submit({
    inlineConfig: { source: { type: "http", url }, destinations: [], video: SMALL, sourceLoss: { action: "fail" } },
  });
  const failed = await room.until(job.id, "FAILED");
  // ffmpeg did name it: the address is in what is told, without what is secret in it.
  expect(JSON.stringify(failed.error)).toContain("/live.m3u8?[secret]");
  const wrong = await Promise.all([
    room.post("/v1/jobs", { inlineConfig: { source: { type: "http", url: { token } } } }),
    room.post("/v1/jobs", { inlineConfig: { source: { type: "rtmp", url: `http://h/${token}` } } }),
    room.post("/v1/jobs", { [token]: token, inlineConfig: [token] }),
    room.post(`/v1/jobs/${job.id}/destinations`, { destination: { type: "rtmp", url: `rtmp://h/live/${token}` } }),
    fetch(`${room.url}/v1/jobs`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: `{"a":"${token}`,
    }),
  ]);
  const answers = await Promise.all(wrong.map((response) => response.text()));
  expect(wrong.every(({ status }) => status >= 400 && status < 500)).toBe(true);
  const told = {
    error: failed.error,
    reason: failed.reason,
    events: await room.events(job.id),
    answers,
    logs: await room.logs(),
  };
  for (const [where, text] of Object.entries(told))
    for (const one of [password, token])
      expect({ where, leaks: JSON.stringify(text).includes(one) }).toEqual({ where, leaks: false });
}, 180_000);
