import { expect, test } from "@jest/globals";
import {
  agentRecordSchema,
  createJobSchema,
  metadataUpdateSchema,
  parseAgentMessage,
  parseWith,
  streamMetadataSchema,
} from "../src/index.js";

/** Messages as deployed agents send them: only what is shown in the protocol's first description. */
const HELLO = {
  type: "agent.hello",
  msgId: "uuid",
  ts: "2024-01-01T00:00:00.000Z",
  payload: {
    agentId: "agent-123",
    name: "Streaming Agent v1.0",
    version: "1.0.0",
    capabilities: { slots: 2, maxResolution: "1080p" },
    drain: false,
    activeJob: null,
    auth: { token: "your-agent-token" },
  },
};
const ACK = {
  type: "agent.assign.ack",
  correlationId: "original-msg-id",
  payload: { jobId: "job-456", accepted: true },
};
const UPDATE = { type: "agent.job.update", payload: { jobId: "job-456", status: "RUNNING" } };
const MUTED = { type: "agent.job.mute", payload: { jobId: "job-456", success: true } };
const UNMUTED = { type: "agent.job.unmute", payload: { jobId: "job-456", success: true } };

test.each([HELLO, ACK, UPDATE, MUTED, UNMUTED].map((message) => [message.type, message] as const))(
  "%s parses to what was sent",
  (_, message) => {
    const parsed = parseAgentMessage(JSON.stringify(message));
    expect(parsed).toMatchObject({ ok: true, message });
    expect(parsed.ok && parsed.message.extraFields).toEqual([]);
  },
);

test("the shapes of the UI messages of that description are those of our records", () => {
  const agent = {
    id: "agent-123",
    name: "Streaming Agent v1.0",
    state: "IDLE",
    currentJobId: null,
    lastSeenAt: "2024-01-01T00:00:00.000Z",
    drain: false,
    capabilities: { slots: 2 },
  };
  const ours = { version: "1.0.0", currentJobIds: [], drainDeadlineAt: null, meta: {}, error: null };
  expect(parseWith(agentRecordSchema, { ...agent, ...ours })).toMatchObject({ ok: true, value: agent });
});

test.each([
  { templateId: "stream-template-1", idempotencyKey: "unique-job-key", restartPolicy: "never" },
  {
    inlineConfig: { streamUrl: "rtmp://example.com/live", outputPath: "/tmp/output.mp4" },
    idempotencyKey: "unique-job-key",
    restartPolicy: "onFailure",
  },
  {
    inlineConfig: { streamUrl: "rtmp://example.com/live" },
    streamContext: { context: "Tournament", drawNumber: 3, sheet: "A", team1: "Team Alpha", team2: "Team Beta" },
    idempotencyKey: "tournament-stream-001",
  },
  { inlineConfig: { streamUrl: "rtmp://example.com/live", quality: "1080p" }, idempotencyKey: "python-job-123" },
])("a job is taken as deployed clients post it: %j", (body) => {
  expect(parseWith(createJobSchema, body)).toMatchObject({ ok: true, value: body });
});

test("exactly one of templateId and inlineConfig", () => {
  for (const body of [{}, { templateId: "a", inlineConfig: {} }])
    expect(parseWith(createJobSchema, body)).toEqual({
      ok: false,
      issues: [{ path: "", message: "give exactly one of templateId and inlineConfig" }],
    });
});

test("metadata with a broadcast, and an update of it", () => {
  const metadata = {
    title: "Live Stream - Dec 25, 2:30 PM",
    viewers: 42,
    publicUrl: "https://youtube.com/watch?v=abc123",
    adminUrl: "https://studio.youtube.com/video/abc123/livestreaming",
    isMuted: false,
    platform: "youtube",
    youtube: {
      broadcastId: "abc123",
      streamId: "stream-456",
      streamKey: "abcd-1234-efgh-5678",
      streamUrl: "rtmp://a.rtmp.youtube.com/live2",
      privacyStatus: "unlisted",
      scheduledStartTime: "2024-01-01T14:30:00Z",
      channelId: "UCxxxxx",
      videoId: "abc123",
    },
  };
  expect(parseWith(streamMetadataSchema, metadata)).toEqual({ ok: true, value: metadata });
  expect(parseWith(metadataUpdateSchema, { title: "My Live Stream", viewers: 1234, platform: null }).ok).toBe(true);
});

test.each([
  ["a hello without a token", { ...HELLO, payload: { ...HELLO.payload, auth: {} } }, "payload.auth.token"],
  ["a status that is none", { ...UPDATE, payload: { jobId: "j", status: "WALKING" } }, "payload.status"],
  ["no payload", { type: "agent.assign.ack" }, "payload"],
])("%s is refused by the name of the field", (_, message, field) => {
  const parsed = parseAgentMessage(JSON.stringify(message));
  expect(parsed).toMatchObject({ ok: false, problem: { kind: "bad-payload", type: message.type } });
  expect(!parsed.ok && parsed.problem.message).toContain(`${field}:`);
});

test("a heartbeat needs no payload, a field nobody knows is named, a broken time is left out", () => {
  expect(parseAgentMessage('{"type":"agent.heartbeat"}')).toMatchObject({ ok: true, message: { payload: {} } });
  const future = { ...UPDATE, ts: "yesterday", payload: { ...UPDATE.payload, mood: "good" } };
  const parsed = parseAgentMessage(JSON.stringify(future));
  expect(parsed).toMatchObject({ ok: true, message: { extraFields: ["mood"] } });
  expect(parsed.ok && "ts" in parsed.message).toBe(false);
});
