import { once } from "node:events";
import { rename, writeFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import {
  CertificateAuthority,
  type RtmpServer,
  secret,
  startRtmpServer,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import WebSocket from "ws";
import { Room } from "./room.js";
import { Watching } from "./watching.js";

const SMALL = { width: 320, height: 180, fps: 15, bitrateKbps: 300, gopSeconds: 1, preset: "ultrafast" };

let files: TemporaryFolder;
let authority: CertificateAuthority;
let server: RtmpServer;
beforeEach(async () => {
  [files, authority, server] = await Promise.all([temporaryFolder(), CertificateAuthority.create(), startRtmpServer()]);
});
afterEach(async () => {
  await Promise.all([files.remove(), server.close()]);
});

/** In one step, as whoever rotates a secret does it: nobody reads half of it. */
async function put(name: string, text: string): Promise<string> {
  const path = files.file(name);
  await writeFile(`${path}.new`, text, { mode: 0o600 });
  await rename(`${path}.new`, path);
  return path;
}

async function guardedRoom(agentAuth: "certificate" | "both" | "token"): Promise<Room> {
  const { cert, key } = await authority.issue({ commonName: "orchestrator" });
  const env = {
    AGENT_AUTH: agentAuth,
    TLS_CERT_FILE: await put("door.crt", cert),
    TLS_KEY_FILE: await put("door.key", key),
    TLS_CLIENT_CA_FILE: await put("ca.crt", authority.cert),
  };
  return Room.open({ env, ca: authority.cert });
}

/** The variables of an agent with a certificate in a name. */
async function certified(commonName: string, by = authority): Promise<Record<string, string>> {
  const { cert, key } = await by.issue({ commonName });
  const name = `${commonName}-${by === authority ? "ours" : "foreign"}`;
  return {
    TLS_CA_FILE: files.file("ca.crt"),
    TLS_CERT_FILE: await put(`${name}.crt`, cert),
    TLS_KEY_FILE: await put(`${name}.key`, key),
  };
}

async function issueToken(room: Room, agentId: string, body: object = {}): Promise<{ id: string; token: string }> {
  const answer = await room.post(`/v1/agents/${agentId}/tokens`, body);
  if (answer.status !== 201) throw new Error(`The token was answered with ${answer.status}: ${await answer.text()}`);
  const { id, token } = (await answer.json()) as { id: string; token: string };
  return { id, token: secret("agent-token", token) };
}

const revoke = (room: Room, agentId: string, id: string) =>
  room.call(`/v1/agents/${agentId}/tokens/${id}`, { method: "DELETE" });

const isOnline = async (room: Room, id: string) =>
  (await room.agents()).some((agent) => agent.id === id && agent.state !== "OFFLINE");

test("a token is rotated, revoked and replaced while a job is on air, and the stream never notices", async () => {
  const room = await guardedRoom("both");
  try {
    const first = await issueToken(room, "encoder-1", { room: "hall" });
    const tokenFile = await put("token", `${first.token}\n`);
    await room.startAgent("encoder-1", { ...(await certified("encoder-1")), AGENT_TOKEN_FILE: tokenFile });
    const job = await room.submit({
      room: "hall",
      inlineConfig: {
        source: { type: "test" },
        destinations: [{ type: "rtmp", url: server.url(), streamKey: "on-air" }],
        video: SMALL,
      },
    });
    const { epoch } = await room.until(job.id, "RUNNING");
    await waitFor(() => server.live.has("/live/on-air"), { what: "the stream" });

    // Rotated: the old one is revoked, its socket closed, and the agent is back with what is in the file by then.
    const second = await issueToken(room, "encoder-1");
    await put("token", second.token);
    await revoke(room, "encoder-1", first.id);
    await waitFor(async () => (await room.logs()).includes("refused this agent"), { what: "the agent to be refused" });
    await waitFor(() => isOnline(room, "encoder-1"), { what: "the agent with its second token" });

    // Revoked with nothing to replace it: the agent stays away, and its stream goes on.
    await revoke(room, "encoder-1", second.id);
    await waitFor(async () => !(await isOnline(room, "encoder-1")), { what: "the agent to be away" });
    const heardAt = () =>
      server.sessions.find(({ streamPath }) => streamPath === "/live/on-air")?.spans.at(-1)?.to ?? 0;
    const awayAt = Date.now();
    await waitFor(() => heardAt() > awayAt + 1000, { what: "media after the agent was shut out" });

    // Replaced: it looks into the file by itself.
    await put("token", (await issueToken(room, "encoder-1")).token);
    await waitFor(() => isOnline(room, "encoder-1"), { what: "the agent with its third token" });
    expect(await room.until(job.id, "RUNNING")).toMatchObject({ epoch, agentId: "encoder-1" });
    expect(server.published.filter((path) => path === "/live/on-air")).toHaveLength(1);
    await room.stop(job.id);
  } finally {
    await room.close();
  }
}, 180_000);

test("with certificates alone: its own lets an agent in, none, another's and a stranger's do not", async () => {
  const room = await guardedRoom("certificate");
  try {
    const foreign = await CertificateAuthority.create("Somebody else");
    await room.startAgent("encoder-1", await certified("encoder-1"));
    const refused = {
      "no-certificate": { TLS_CA_FILE: files.file("ca.crt") },
      "another-name": await certified("encoder-1"),
      "foreign-authority": await certified("foreign-authority", foreign),
    };
    for (const [id, env] of Object.entries(refused)) room.launchAgent(id, env);
    room.launchAgent("unknown-door", {
      ...(await certified("unknown-door")),
      TLS_CA_FILE: await put("foreign.crt", foreign.cert),
    });
    for (const [id, reason] of [
      ["no-certificate", "a client certificate is required"],
      ["another-name", "the certificate is another agent's"],
      ["foreign-authority", "a client certificate is required"],
      ["unknown-door", "by an authority that this agent does not know"],
    ])
      await waitFor(
        async () =>
          (await room.logs())
            .split("\n")
            .some((line) => line.includes(`"agentId":"${id}"`) && line.includes(`${reason}`)),
        { deadlineMs: 60_000, what: `${id} to be told: ${reason}` },
      );
    expect((await room.agents()).map(({ id }) => id)).toEqual(["encoder-1"]);
  } finally {
    await room.close();
  }
}, 180_000);

test("what goes out is watched over TLS, from an agent that is held to its certificate on that socket too", async () => {
  const room = await guardedRoom("certificate");
  try {
    await room.startAgent("encoder-1", await certified("encoder-1"));
    const { id } = await room.submit({ inlineConfig: { source: { type: "test" }, video: SMALL } });
    await room.until(id, "RUNNING");
    const viewer = await Watching.open(room, id, authority.cert);
    await viewer.got(10_000);
    viewer.close();
    await room.stop(id);

    // An agent that gives its ticket to somebody else: that one's certificate is another's, or none.
    const leaky = await authority.issue({ commonName: "leaky" });
    const agent = new WebSocket(room.agentUrl, { ca: authority.cert, ...leaky });
    await once(agent, "open");
    const hello = { agentId: "leaky", name: "Leaky", version: "1", capabilities: { features: ["preview"] } };
    const tell = (type: string, payload: object) => agent.send(JSON.stringify({ type, payload }));
    const told = (type: string) =>
      new Promise<{ ticket: string }>((resolve) => {
        agent.on("message", (data) => {
          const message = JSON.parse(String(data));
          if (message.type === type) resolve(message.payload);
        });
      });
    const asked = told("orchestrator.job.preview");
    const assigned = told("orchestrator.assign.start");
    await room.post("/v1/agents/encoder-1/drain", { drain: true });
    tell("agent.hello", { ...hello, auth: { token: "x" } });
    const other = await room.submit({ inlineConfig: { kind: "test" } });
    await assigned;
    tell("agent.assign.ack", { jobId: other.id, accepted: true });
    tell("agent.job.update", { jobId: other.id, status: "RUNNING" });
    await room.until(other.id, "RUNNING");
    const curious = await Watching.open(room, other.id, authority.cert);
    const { ticket } = await asked;
    const stranger = await authority.issue({ commonName: "stranger" });
    const refused = new WebSocket(`${room.agentUrl}/preview?ticket=${ticket}`, { ca: authority.cert, ...stranger });
    const [, response] = (await once(refused, "unexpected-response")) as [unknown, IncomingMessage];
    expect(response.statusCode).toBe(401);
    refused.on("error", () => undefined).terminate();
    curious.close();
    agent.terminate();
  } finally {
    await room.close();
  }
}, 180_000);
