import { mkdir, rm, writeFile } from "node:fs/promises";
import { expect, test } from "@jest/globals";
import { temporaryFolder } from "@stream-control/test-kit";
import { GuardedHouse } from "./guarded-house.js";

const RENDER = { width: 64, height: 48, elements: [{ type: "shape", duration: 1 }] };

/** A house in which a render of the room `hall` is done, and who may see it. */
async function rendered(guarded: GuardedHouse, media: string) {
  const hall = await guarded.let({ hall: "operator" });
  const token = (await guarded.admin.api("POST", "/v1/agents/renderer/tokens", { room: "hall" })).body.token;
  const agent = await guarded.house.agent({ agentId: "renderer", token, features: ["renders"], onAssign: () => {} });
  const asked = hall.api("POST", "/api/v1/orchestrate", { ...RENDER, id: "a" });
  const { jobId } = (await agent.next("orchestrator.assign.start")).payload;
  await mkdir(`${media}/${jobId}`);
  await writeFile(`${media}/${jobId}/render.mp4`, "a film");
  agent.send("agent.assign.ack", { jobId, accepted: true });
  const render = { step: "done", totalFrames: 30, bytes: 6, file: `${jobId}/render.mp4`, sha256: "ab".repeat(32) };
  agent.send("agent.job.stopped", { jobId, status: "STOPPED", progress: { frame: 30, render } });
  const { body } = await asked;
  return { hall, jobId: jobId as string, reply: body, link: new URL(body.result_url) };
}

test("a result's link is good for whoever has it, in parts too, and for that file alone", async () => {
  await using folder = await temporaryFolder();
  await using guarded = await GuardedHouse.open({ mediaDir: folder.path });
  const { link, jobId, reply, hall } = await rendered(guarded, folder.path);
  expect(reply.file_sha256).toBe("ab".repeat(32));
  const whole = await fetch(link);
  expect([whole.status, await whole.text(), whole.headers.get("content-type")]).toEqual([200, "a film", "video/mp4"]);
  expect(whole.headers.get("cache-control")).toMatch(/^private/);
  const part = await fetch(link, { headers: { range: "bytes=2-" } });
  expect([part.status, await part.text(), part.headers.get("content-range")]).toEqual([206, "film", "bytes 2-5/6"]);

  // Without it, the rules of the room count as ever.
  const path = `/media/${jobId}/render.mp4`;
  expect((await guarded.stranger.api("GET", path)).status).toBe(401);
  expect((await hall.api("GET", path)).status).toBe(200);
  expect((await (await guarded.let({ annex: "operator" })).api("GET", path)).status).toBe(404);

  await writeFile(folder.file(`${jobId}/other.mp4`), "another");
  const changed = (change: (link: URL) => void): URL => {
    const copy = new URL(link);
    change(copy);
    return copy;
  };
  const forged = [
    changed((copy) => (copy.pathname = copy.pathname.replace("render.mp4", "other.mp4"))),
    changed((copy) => (copy.pathname = copy.pathname.replace("/render.mp4", "/./x/..//render.mp4"))),
    changed((copy) => copy.searchParams.set("expires", "99999999999")),
    changed((copy) => copy.searchParams.set("signature", "A".repeat(43))),
    changed((copy) => copy.searchParams.set("signature", "")),
    changed((copy) => copy.searchParams.set("key", "0".repeat(16))),
    changed((copy) => copy.searchParams.delete("expires")),
  ];
  for (const url of forged) {
    const answer = await fetch(url);
    expect([url.search, answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      url.search,
      403,
      "LINK_INVALID",
    ]);
  }
  await rm(folder.file(jobId), { recursive: true });
  expect((await fetch(link)).status).toBe(404);
});

test("a link ends when it says so, and the status has a new one", async () => {
  await using folder = await temporaryFolder();
  await using guarded = await GuardedHouse.open({ mediaDir: folder.path, results: { linkSeconds: -1 } });
  const { link } = await rendered(guarded, folder.path);
  const answer = await fetch(link);
  expect([answer.status, await answer.json()]).toMatchObject([
    403,
    { code: "LINK_EXPIRED", error: expect.stringContaining("the status of the render has a new one") },
  ]);
  await guarded.house.stop();
  await guarded.house.start({ results: { linkSeconds: 60 } });
  const { body } = await guarded.admin.api("GET", "/api/v1/jobs/a/status");
  expect((await fetch(body.result_url.replace(/:\d+\//, `:${guarded.house.port}/`))).status).toBe(200);
});
