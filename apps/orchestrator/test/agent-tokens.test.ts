import { describe, expect, test } from "@jest/globals";
import { GuardedHouse } from "./guarded-house.js";

const issue = async (guarded: GuardedHouse, agentId: string, body: object = {}) => {
  const answer = await guarded.admin.api("POST", `/v1/agents/${agentId}/tokens`, body);
  if (answer.status !== 201) throw new Error(`The token was answered with ${answer.status}: ${answer.text}`);
  return answer.body as { id: string; token: string; room: string };
};

describe("a token of one agent", () => {
  test("lets that agent in, in its room, and nobody else; it is shown once", async () => {
    await using guarded = await GuardedHouse.open();
    const { house, admin } = guarded;
    const { token, room } = await issue(guarded, "encoder-1", { room: "hall" });
    expect(room).toBe("hall");
    const agent = await house.agent({ agentId: "encoder-1", token, room: "elsewhere" });
    expect((await admin.api("GET", "/v1/agents/encoder-1")).body).toMatchObject({ room: "hall", state: "IDLE" });
    const listed = await admin.api("GET", "/v1/agents/encoder-1/tokens");
    expect(listed.body).toMatchObject([{ agentId: "encoder-1", room: "hall", revokedAt: null }]);
    expect(listed.text).not.toContain(token.split("_")[2]);

    const thief = await house.stranger({ agentId: "encoder-2", token });
    thief.hello();
    expect(await thief.closed).toMatchObject({ code: 4001 });
    // The shared token is no way round it.
    const shared = await house.stranger({ agentId: "encoder-1", token: "secret" });
    shared.hello();
    expect(await shared.closed).toMatchObject({ code: 4001, reason: "this agent has a token of its own" });
    expect(agent.socket.readyState).toBe(agent.socket.OPEN);
    await house.agent({ agentId: "encoder-3", token: "secret" });
  });

  test("revoked while it runs, the socket closes with 4001 and a reason, and does not open again", async () => {
    await using guarded = await GuardedHouse.open();
    const { house, admin } = guarded;
    const { id, token } = await issue(guarded, "encoder-1");
    const agent = await house.agent({ agentId: "encoder-1", token });
    expect((await admin.api("DELETE", `/v1/agents/encoder-1/tokens/${id}`)).body.revokedAt).toMatch(/Z$/);
    expect(await agent.closed).toEqual({ code: 4001, reason: "the token was revoked or has expired" });
    const again = await house.stranger({ agentId: "encoder-1", token });
    again.hello();
    expect(await again.closed).toMatchObject({ code: 4001 });
    expect((await admin.api("DELETE", "/v1/agents/encoder-1/tokens/none")).status).toBe(404);
    expect((await admin.api("DELETE", `/v1/agents/another/tokens/${id}`)).status).toBe(404);
  });

  test("rotated, old and new count for the grace time, then the old one ends, also on an open socket", async () => {
    await using guarded = await GuardedHouse.open({ heartbeatIntervalMs: 200, heartbeatTimeoutMs: 60_000 });
    const { house } = guarded;
    const old = await issue(guarded, "encoder-1", { room: "hall" });
    const agent = await house.agent({ agentId: "encoder-1", token: old.token });
    const fresh = await issue(guarded, "encoder-1", { graceMs: 1000 });
    // It stays in its room unless told otherwise.
    expect(fresh.room).toBe("hall");
    await house.agent({ agentId: "encoder-1", token: old.token });
    expect(await agent.closed).toMatchObject({ code: 4003 });
    const last = await house.agent({ agentId: "encoder-1", token: old.token });
    expect(await last.closed).toMatchObject({ code: 4001 });
    const next = await house.agent({ agentId: "encoder-1", token: fresh.token });
    expect(next.socket.readyState).toBe(next.socket.OPEN);
    // A restart remembers all of it.
    await house.stop();
    await house.start();
    const late = await house.stranger({ agentId: "encoder-1", token: old.token });
    late.hello();
    expect(await late.closed).toMatchObject({ code: 4001 });
    await house.agent({ agentId: "encoder-1", token: fresh.token });
  });

  test("is given out by admins of the room alone, and moves an agent only between rooms of theirs", async () => {
    await using guarded = await GuardedHouse.open();
    const hall = await guarded.let({ hall: "admin" });
    expect((await hall.api("POST", "/v1/agents/new/tokens", {})).status).toBe(404);
    const made = await hall.api("POST", "/v1/agents/new/tokens", { room: "hall" });
    expect(made.status).toBe(201);
    expect((await hall.api("POST", "/v1/agents/new/tokens", { room: "annex" })).status).toBe(404);
    await issue(guarded, "theirs", { room: "annex" });
    expect((await hall.api("POST", "/v1/agents/theirs/tokens", { room: "hall" })).status).toBe(404);
    expect((await hall.api("GET", "/v1/agents/theirs/tokens")).status).toBe(404);
    expect((await hall.api("POST", "/v1/agents/new/tokens", { room: "hall", graceMs: -1 })).status).toBe(422);
    expect((await guarded.admin.api("POST", "/v1/agents/%20/tokens", {})).status).toBe(422);
  });
});

test("without a shared token every agent needs its own", async () => {
  await using guarded = await GuardedHouse.open({ agentToken: null });
  const { token } = await issue(guarded, "encoder-1");
  await guarded.house.agent({ agentId: "encoder-1", token });
  for (const wrong of ["secret", "null", "", "none"]) {
    const stranger = await guarded.house.stranger({ agentId: "encoder-2", token: wrong });
    stranger.hello();
    expect(await stranger.closed).toMatchObject({ code: 4001 });
  }
});
