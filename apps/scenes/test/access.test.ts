import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { describeRule } from "@stream-control/service-kit/access";
import { waitFor } from "@stream-control/test-kit";
import { House, type Json } from "./house.js";

const show = { scenes: [{ name: "Intro", duration_ms: 60_000 }], lifecycle: "independent", room: "hall" };

let house: House;
let admin: Record<string, string>;
let id: string;
beforeAll(async () => {
  const keys: string[] = [];
  house = await House.open({ accessControl: "required", onFirstKey: (key) => keys.push(key) });
  admin = { Authorization: `Bearer ${keys[0]}` };
  const { json } = await house.call("POST", "/streams", show, admin);
  id = json.stream_id;
});
afterAll(() => house[Symbol.asyncDispose]());

/** A key with these rights, as headers, and its id. */
async function letIn(grants: Record<string, string>): Promise<{ headers: Record<string, string>; keyId: string }> {
  const { json } = await house.call("POST", "/v1/keys", { name: "somebody", grants }, admin);
  return { headers: { Authorization: `Bearer ${json.key}` }, keyId: json.id };
}

describe("who may do what", () => {
  test("every route refuses whoever shows nothing, but those that are open", async () => {
    const open = house.scenes.routes
      .filter(({ rule }) => rule.kind === "open")
      .map(({ method, path }) => `${method} ${path}`);
    expect(open.sort()).toEqual(["DELETE /v1/session", "POST /v1/session"]);
    const closed = house.scenes.routes.filter(({ rule }) => rule.kind !== "open");
    expect(closed.length).toBeGreaterThan(25);
    for (const { method, path } of closed) {
      const { status } = await house.call(method, path.replace(/:\w+/g, id), method === "GET" ? undefined : {});
      expect([method, path, status]).toEqual([method, path, 401]);
    }
    expect((await fetch(`${house.url}/metrics`)).status).toBe(401);
    await expect(house.follow(id)).rejects.toThrow("refused with 401");
  });

  test("a viewer of its room sees a timeline, an operator steers it, nobody else knows of it", async () => {
    const [viewer, operator, elsewhere] = await Promise.all([
      letIn({ hall: "viewer" }),
      letIn({ hall: "operator" }),
      letIn({ other: "admin" }),
    ]);
    const statuses = async ({ headers }: { headers: Record<string, string> }) => [
      (await house.call("GET", `/streams/${id}`, undefined, headers)).status,
      (await house.call("POST", `/streams/${id}/hold`, {}, headers)).status,
      (await house.call("POST", "/streams", show, headers)).status,
      (await house.call("GET", "/streams", undefined, headers)).json.streams.some((one: Json) => one.stream_id === id),
    ];
    await house.call("POST", `/streams/${id}/start`, {}, admin);
    expect(await statuses(viewer)).toEqual([200, 403, 403, true]);
    expect(await statuses(operator)).toEqual([200, 200, 201, true]);
    expect(await statuses(elsewhere)).toEqual([404, 404, 404, false]);
    await expect(house.follow(id, "", elsewhere.headers)).rejects.toThrow("refused with 404");
  });

  test("a socket is closed when its key is revoked", async () => {
    const { headers, keyId } = await letIn({ hall: "viewer" });
    const follower = await house.follow(id, "", headers);
    await follower.next(({ kind }) => kind === "snapshot");
    await house.call("DELETE", `/v1/keys/${keyId}`, undefined, admin);
    await waitFor(() => follower.closed?.code === 4001);
  });

  test("a page opens its socket with a ticket, once", async () => {
    const { json } = await house.call("POST", "/v1/tickets", {}, admin);
    const follower = await house.follow(id, `?ticket=${json.ticket}`);
    await follower.next(({ kind }) => kind === "snapshot");
    await expect(house.follow(id, `?ticket=${json.ticket}`)).rejects.toThrow("refused with 401");
  });

  test("what was done is in the audit, with who did it", async () => {
    const { json } = await house.call("GET", "/v1/audit?limit=200", undefined, admin);
    expect(json.items).toContainEqual(expect.objectContaining({ type: "timeline.hold", subject: `timeline:${id}` }));
  });

  test("docs/scenes.md names every route of timelines with who may call it", () => {
    const page = readFileSync(join(import.meta.dirname, "../../../docs/scenes.md"), "utf8");
    const rows = house.scenes.routes.filter(({ path }) => path.startsWith("/streams"));
    const missing = rows
      .map(({ method, path, rule }) => [`\`${method} ${path}\``, describeRule(rule)] as const)
      .filter(([route, who]) => !page.split("\n").some((line) => line.includes(route) && line.includes(who)));
    expect(missing).toEqual([]);
  });
});
