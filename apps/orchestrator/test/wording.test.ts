import { expect, test } from "@jest/globals";
import { loadConfig } from "../src/config.js";
import { House } from "./house.js";

test("the wording of generated titles and descriptions is the environment's to say", async () => {
  const { titles } = loadConfig({
    STREAM_TIME_ZONE: "UTC",
    STREAM_TITLE: "{context}[, court {sheet}]",
    STREAM_DESCRIPTION_WITHOUT_CONTEXT: "Live from the hall.",
  }).orchestrator;
  await using house = await House.open(titles === undefined ? {} : { titles });
  const inContext = await house.submit({ streamContext: { context: "League", sheet: "2" } });
  expect(inContext.streamMetadata).toMatchObject({ title: "League, court 2" });
  const without = await house.submit();
  expect(without.streamMetadata).toMatchObject({ description: "Live from the hall." });
  expect(() => loadConfig({ STREAM_TITLE: "{court}" })).toThrow(/STREAM_TITLE.*must not name \{court\}/s);
});
