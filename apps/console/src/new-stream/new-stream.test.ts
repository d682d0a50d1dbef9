import { expect, test } from "@jest/globals";
import { createJobSchema } from "@stream-control/protocol";
import { anAgent } from "../../test/records.js";
import { fitAgents, protocolsOf } from "./fitting-agents.js";
import { jobBody, NO_WISHES, newKey } from "./submission.js";

const CONFIG = {
  source: { type: "srt", url: "srt://camera:9000" },
  destinations: [
    { type: "rtmp", url: "rtmps://ingest/live" },
    { type: "hls", path: "a" },
  ],
  video: { height: 720 },
};

test("each agent that could not run it says why", () => {
  expect(protocolsOf(CONFIG)).toEqual(["srt", "rtmps", "file"]);
  const able = { protocols: ["srt", "rtmps", "file"], slots: 1, videoEncoders: ["libx264"] };
  const why = (fields: object, capabilities: object = able, video: object = CONFIG.video) =>
    fitAgents({ ...CONFIG, video: video as never }, [anAgent({ ...fields, capabilities: capabilities as never })])[0]
      ?.why;
  expect(why({})).toBeUndefined();
  expect(why({ state: "OFFLINE" })).toBe("it is away");
  expect(why({ drain: true })).toBe("it is being drained");
  expect(why({}, { ...able, protocols: ["rtmp"] })).toBe("it does not take srt");
  expect(why({}, { ...able, maxResolution: "480p" })).toBe("it takes pictures up to 480p");
  expect(why({}, able, { encoder: "h264_nvenc" })).toBe("it has no encoder h264_nvenc");
  expect(why({ currentJobIds: ["x"] })).toBe("all its slots are in use");
  // An agent that says nothing of itself is taken at its word.
  expect(why({}, { slots: 1 })).toBeUndefined();
});

test("the form becomes a submission that the orchestrator takes", () => {
  const wishes = { ...NO_WISHES, context: "League", sheet: "A", team1: "", youtube: "no" as const };
  const body = jobBody(CONFIG, wishes, newKey());
  expect(createJobSchema.parse(body)).toMatchObject({
    inlineConfig: CONFIG,
    restartPolicy: "onFailure",
    streamContext: { context: "League", sheet: "A" },
    youtube: false,
  });
  expect(body).not.toHaveProperty("streamMetadata");
  expect(body).not.toHaveProperty("schedule");
  const fromTemplate = jobBody(CONFIG, { ...NO_WISHES, templateId: "live-720p", title: "Mine" }, newKey());
  expect(createJobSchema.parse(fromTemplate)).toMatchObject({
    templateId: "live-720p",
    configOverrides: CONFIG,
    streamMetadata: { title: "Mine" },
  });
});

test("times of the form are those of the visitor's clock, in UTC", () => {
  const when = { startAt: "2030-01-02T03:04", stop: "after" as const, stopAt: "", stopAfterMinutes: "90" };
  expect(jobBody(CONFIG, { ...NO_WISHES, when }, newKey())).toMatchObject({
    schedule: { startAt: new Date(2030, 0, 2, 3, 4).toISOString(), stopAfterMinutes: 90 },
  });
});

test("two submissions do not share a key", () => {
  expect(newKey()).toMatch(/^console-[0-9a-f]{32}$/);
  expect(newKey()).not.toBe(newKey());
});
