import { readdirSync } from "node:fs";
import { expect, test } from "@jest/globals";
import { agentMessagePayloads, jsonSchemas, orchestratorMessagePayloads, uiMessagePayloads } from "../src/index.js";

test("every message and the resources have a JSON Schema, and the build has written all of them", () => {
  const schemas = jsonSchemas();
  const types = [agentMessagePayloads, orchestratorMessagePayloads, uiMessagePayloads].flatMap(Object.keys);
  for (const name of [...types, "job", "agent", "template", "create-job", "stream-config", "error-body"])
    expect(schemas).toHaveProperty([name]);
  expect(readdirSync(`${import.meta.dirname}/../schemas`).sort()).toEqual(
    Object.keys(schemas)
      .map((name) => `${name}.json`)
      .sort(),
  );
});

test("a schema says what a sender may write: what has a default may be left out", () => {
  expect(jsonSchemas()["agent.hello"]).toMatchObject({
    properties: {
      type: { const: "agent.hello" },
      payload: { required: ["agentId", "name", "version", "auth"] },
    },
  });
});
