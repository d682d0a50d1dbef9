import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  dryRunReplySchema,
  orchestrateReplySchema,
  type RenderRequestInput,
  type RenderStatusBody,
  renderStatusSchema,
} from "@stream-control/protocol";
import { endGroup, filesWith, S3Server, videoPackets, waitFor } from "@stream-control/test-kit";
import { runnersOf } from "./processes.js";
import { Room } from "./room.js";

let s3: S3Server;
let room: Room;
beforeEach(async () => {
  s3 = await S3Server.open();
  room = await Room.open({ env: { ...s3.env, S3_PREFIX: "renders", RENDER_LINK_SECONDS: "120", MEDIA_DIR: "" } });
});
afterEach(async () => {
  await room.close();
  await s3[Symbol.asyncDispose]();
});

const RENDER: RenderRequestInput = {
  ...{ id: "film", width: 160, height: 120, fps: 20 },
  elements: [{ type: "shape", color: "#ff0000", duration: 2 }],
};
const status = async (id: string): Promise<RenderStatusBody> =>
  renderStatusSchema.parse(await (await room.call(`/api/v1/jobs/${id}/status`)).json());
const isPart = ({ query }: { query: URLSearchParams }) => query.has("partNumber");

test("a result goes to the bucket with its checksum, is fetched from there by its link, and is deleted there", async () => {
  await room.startAgent("encoder-1", { ...s3.env, S3_PREFIX: "renders" });
  const answer = await room.post("/api/v1/orchestrate", RENDER);
  const reply = orchestrateReplySchema.parse(await answer.json());
  expect(reply).toMatchObject({ status: "immediate", file_sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  const link = new URL(reply.result_url ?? "");
  expect([link.origin, link.searchParams.get("X-Amz-Expires")]).toEqual([s3.endpoint, "120"]);
  const film = Buffer.from(await (await fetch(link)).arrayBuffer());
  expect(createHash("sha256").update(film).digest("hex")).toBe(reply.file_sha256);
  const path = room.folder.file("film.mp4");
  const { writeFile } = await import("node:fs/promises");
  await writeFile(path, film);
  expect(await videoPackets(path)).toHaveLength(40);

  const [job] = await room.jobs();
  expect(job?.progress?.render).toMatchObject({ store: "s3", file: `${job?.id}/render.mp4` });
  expect(s3.requests.map(({ path: key }) => key)).toContain(`/results/renders/${job?.id}/render.mp4`);
  // Nothing of it stays with the agent, and nobody else is told of the keys: no job, no event, no log, no file.
  await waitFor(async () => (await readdir(`${room.agentData()}/runners`)).length === 0);
  const told = JSON.stringify([job, await room.events(job?.id ?? "")]) + (await room.logs());
  for (const key of [s3.secretAccessKey, s3.accessKeyId]) expect(told).not.toContain(key);
  expect(await filesWith(room.folder.path, [s3.secretAccessKey])).toEqual([]);

  expect((await room.call("/api/v1/jobs/film", { method: "DELETE" })).status).toBe(204);
  expect((await fetch(link)).status).toBe(404);
  const left = await status("film");
  expect([left.result_url, left.message]).toEqual([undefined, expect.stringContaining("not in S3_BUCKET")]);
}, 60_000);

test("a source comes from a bucket that the agent's owner has named, once, and from no other", async () => {
  await room.startAgent("encoder-1", { ...s3.env, S3_PREFIX: "renders", SOURCE_BUCKETS: "results" });
  await room.post("/api/v1/orchestrate", RENDER);
  const [first] = await room.jobs();
  const source = `s3://results/renders/${first?.id}/render.mp4`;
  const elements = [{ type: "video", source }];
  const fetched = () => s3.requests.filter(({ method, path }) => method === "GET" && source.endsWith(path)).length;
  const dry = await room.post("/api/v1/orchestrate?dryRun=true", { ...RENDER, elements });
  expect(dryRunReplySchema.parse(await dry.json())).toMatchObject({
    ...{ duration_seconds: 2, sources: [{ source, checked: true, duration_seconds: 2, width: 160, height: 120 }] },
  });
  const noImage = [{ type: "image", source, duration: 1 }];
  expect((await room.post("/api/v1/orchestrate?dryRun=true", { ...RENDER, elements: noImage })).status).toBe(422);
  const looks = fetched();
  for (const id of ["second", "third"]) {
    const answer = await room.post("/api/v1/orchestrate", { ...RENDER, id, elements, width: id.length * 20 });
    expect([id, answer.status]).toEqual([id, 200]);
  }
  expect(fetched() - looks).toBe(1);
  const other = [{ type: "video", source: "s3://nobodys/film.mp4" }];
  const refused = await room.post("/api/v1/orchestrate", { ...RENDER, id: "other", elements: other });
  expect([refused.status, await refused.json()]).toMatchObject([
    422,
    { retryable: false, message: expect.stringContaining("SOURCE_BUCKETS") },
  ]);
}, 60_000);

test("a render that is killed while its result goes there is done again, and leaves nothing begun in the bucket", async () => {
  await room.startAgent("encoder-1", { ...s3.env, S3_PREFIX: "renders" });
  let isHeld = true;
  // The store is slow for as long as that: it asks for patience.
  s3.fault = ({ method }) => (isHeld && method === "PUT" ? { status: 503, code: "SlowDown" } : undefined);
  const queued = await room.call("/api/v1/orchestrate", {
    ...{ method: "POST", body: JSON.stringify(RENDER) },
    headers: { "Content-Type": "application/json", Prefer: "respond-async" },
  });
  expect(queued.status).toBe(202);
  await waitFor(() => s3.requests.some(({ status: answered }) => answered === 503), { deadlineMs: 30_000 });
  endGroup((await runnersOf(room.folder.path))[0] ?? 0);
  isHeld = false;
  const done = await waitFor(
    async () => {
      const body = await status("film");
      return body.status === "completed" ? body : undefined;
    },
    { deadlineMs: 60_000, what: "the second try" },
  );
  expect((await fetch(done.result_url ?? "")).status).toBe(200);
  expect([(await room.jobs())[0]?.epoch, s3.unfinished]).toEqual([2, []]);
}, 90_000);

test("what a bucket refuses is said with whose fault it is, and tried again only so often", async () => {
  await room.startAgent("encoder-1", { ...s3.env, S3_BUCKET: "nobodys" });
  const answer = await room.post("/api/v1/orchestrate", { ...RENDER, timeout: 20_000 });
  expect([answer.status, await answer.json()]).toMatchObject([
    503,
    {
      error: "RENDER_INTERRUPTED",
      message: "The result could not be kept: of the bucket nobodys, there is no such bucket (NoSuchBucket).",
      retryable: true,
    },
  ]);
  expect(s3.requests.filter(isPart)).toEqual([]);
}, 60_000);
