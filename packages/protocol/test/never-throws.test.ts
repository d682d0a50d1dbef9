import { expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  agentMessagePayloads,
  createJobSchema,
  type Issue,
  metadataUpdateSchema,
  orchestratorMessagePayloads,
  parseAgentMessage,
  parseOrchestratorMessage,
  parseStreamConfig,
  parseUiMessage,
  parseWith,
  uiMessagePayloads,
} from "../src/index.js";

const parsers = [parseAgentMessage, parseOrchestratorMessage, parseUiMessage];
const types = [agentMessagePayloads, orchestratorMessagePayloads, uiMessagePayloads].flatMap(Object.keys);
const readable = ({ path, message }: Issue) =>
  typeof path === "string" && message.length > 0 && !message.includes("[object");

test("any text is read without an exception", () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.json()), (text) => {
      for (const parse of parsers) {
        const parsed = parse(text);
        if (!parsed.ok) expect(parsed.problem.message).toMatch(/\.$/);
      }
    }),
  );
});

test("any payload under a known type is taken, or refused with issues that name the field", () => {
  const names = [...types, "agent.future", "__proto__", "constructor", "toString"];
  const envelope = fc.record(
    {
      type: fc.oneof(fc.constantFrom(...names), fc.jsonValue()),
      msgId: fc.oneof(fc.string(), fc.jsonValue()),
      ts: fc.oneof(fc.constant("2024-01-01T00:00:00.000Z"), fc.jsonValue()),
      correlationId: fc.option(fc.string()),
      payload: fc.jsonValue(),
    },
    { requiredKeys: ["type"] },
  );
  fc.assert(
    fc.property(envelope, (message) => {
      for (const parse of parsers) {
        const parsed = parse(JSON.stringify(message));
        if (parsed.ok) expect(parsed.message.type).toBe(message.type);
        else {
          expect(parsed.problem.issues.every(readable)).toBe(true);
          if (parsed.problem.kind === "bad-payload")
            expect(parsed.problem.issues.every(({ path }) => path.startsWith("payload"))).toBe(true);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("any config is read without an exception, in either form", () => {
  const config = fc.oneof(
    fc.jsonValue(),
    fc.record(
      {
        streamUrl: fc.oneof(fc.webUrl(), fc.string(), fc.constantFrom("test:", "/a", "rtmp://a/b", "file:///c")),
        outputPath: fc.oneof(fc.string(), fc.jsonValue()),
        outputFormat: fc.oneof(fc.constantFrom("mp4", "hls"), fc.jsonValue()),
        quality: fc.oneof(fc.constantFrom("720p", "1080p"), fc.jsonValue()),
        video: fc.jsonValue(),
        destinations: fc.jsonValue(),
      },
      { requiredKeys: ["streamUrl"] },
    ),
    fc.record({ source: fc.jsonValue(), destinations: fc.jsonValue() }, { requiredKeys: ["source"] }),
  );
  fc.assert(
    fc.property(config, (input) => {
      const parsed = parseStreamConfig(input);
      if (!parsed.ok) {
        expect(parsed.issues.length).toBeGreaterThan(0);
        expect(parsed.issues.every(readable)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});

test("any REST body is read without an exception", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (body) => {
      for (const schema of [createJobSchema, metadataUpdateSchema]) {
        const parsed = parseWith(schema, body);
        if (!parsed.ok) expect(parsed.issues.every(readable)).toBe(true);
      }
    }),
  );
});
