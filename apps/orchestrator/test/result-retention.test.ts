import { access, mkdir, writeFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { bucketSettings, openBucket } from "@stream-control/object-store";
import { S3Server, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { House } from "./house.js";

const RENDER = { width: 64, height: 48, elements: [{ type: "shape", duration: 1 }] };
const RENDERER = { agentId: "renderer", features: ["renders"], onAssign: () => {} };

/** Renders one, and says where its file is. */
async function rendered(house: House, folder: TemporaryFolder, id: string): Promise<string> {
  const agent = await house.agent({ ...RENDERER, agentId: `renderer-${id}` });
  const asked = house.api("POST", "/api/v1/orchestrate", { ...RENDER, id });
  const { jobId } = (await agent.next("orchestrator.assign.start")).payload;
  await mkdir(folder.file(jobId, "parts"), { recursive: true });
  const path = folder.file(jobId, "render.mp4");
  await writeFile(path, "film");
  agent.send("agent.assign.ack", { jobId, accepted: true });
  const render = { step: "done", totalFrames: 30, bytes: 4, file: `${jobId}/render.mp4` };
  agent.send("agent.job.stopped", { jobId, status: "STOPPED", progress: { frame: 30, render } });
  expect((await asked).body.result_url).toBeDefined();
  return path;
}

const isThere = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
const statusOf = async (house: House, id: string) => (await house.api("GET", `/api/v1/jobs/${id}/status`)).body;

test("results that are older than they are kept are deleted, and their status says so, after a restart as well", async () => {
  await using folder = await temporaryFolder();
  await using house = await House.open({ mediaDir: folder.path });
  const old = await rendered(house, folder, "old");
  await writeFile(folder.file("recording.mp4"), "of a stream");
  await house.stop();
  await house.start({ results: { linkSeconds: 60, retentionMs: 1, lookEveryMs: 50 } });
  await waitFor(async () => !(await isThere(old)), { what: "the old result's end" });
  const expired = await waitFor(async () => {
    const body = await statusOf(house, "old");
    return body.message.includes("older than") ? body : undefined;
  });
  expect([expired.status, expired.result_url]).toEqual(["completed", undefined]);
  expect(expired.message).toContain("older than results are kept");
  expect(await isThere(folder.file("recording.mp4"))).toBe(true);

  await house.stop();
  await house.start({ results: { linkSeconds: 60 } });
  const young = await rendered(house, folder, "young");
  expect((await statusOf(house, "old")).message).toContain("older than results are kept");
  expect([(await statusOf(house, "young")).message, await isThere(young)]).toEqual([
    "Job completed successfully",
    true,
  ]);
});

test("a result that can't be deleted is tried again, and is not said to have expired before it is gone", async () => {
  await using s3 = await S3Server.open();
  const before = { ...process.env };
  Object.assign(process.env, s3.env);
  try {
    const settings = bucketSettings(s3.env);
    await using folder = await temporaryFolder();
    const bucket = await openBucket(settings as NonNullable<typeof settings>);
    let isDown = true;
    s3.fault = ({ method, query }) =>
      isDown && method === "POST" && query.has("delete") ? { status: 403, code: "AccessDenied" } : undefined;
    const results = { bucket: settings, linkSeconds: 60, retentionMs: 1, lookEveryMs: 100 };
    await using house = await House.open({ results });
    const agent = await house.agent(RENDERER);
    const asked = house.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "a" });
    const { jobId } = (await agent.next("orchestrator.assign.start")).payload;
    await writeFile(folder.file("film"), "film");
    const key = `${jobId}/render.mp4`;
    await bucket.put(folder.file("film"), key);
    agent.send("agent.assign.ack", { jobId, accepted: true });
    const render = { step: "done", totalFrames: 30, bytes: 4, file: key, store: "s3" };
    agent.send("agent.job.stopped", { jobId, status: "STOPPED", progress: { frame: 30, render } });
    expect((await asked).body.result_url).toContain(s3.endpoint);
    const refused = () => s3.requests.filter(({ query, status }) => query.has("delete") && status === 403).length;
    await waitFor(() => refused() >= 2, { what: "two tries" });
    expect((await statusOf(house, "a")).result_url).toBeDefined();
    isDown = false;
    await waitFor(async () => (await bucket.head(key)) === undefined, { what: "the result's end" });
    bucket.close();
  } finally {
    process.env = before;
  }
}, 30_000);

test("what killed agents left half uploaded is removed from the bucket, once nobody can be at it", async () => {
  await using s3 = await S3Server.open();
  const before = { ...process.env };
  Object.assign(process.env, s3.env);
  try {
    s3.begin("job-1/render.mp4");
    s3.age(3 * 86_400_000);
    s3.begin("job-2/render.mp4");
    await using house = await House.open({ results: { bucket: bucketSettings(s3.env), linkSeconds: 60 } });
    await waitFor(() => s3.unfinished.length === 1, { what: "the end of what is old" });
    expect([s3.unfinished, house.port > 0]).toEqual([["job-2/render.mp4"], true]);
  } finally {
    process.env = before;
  }
}, 30_000);
