import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parseRenderRequest, type RenderElement, type RenderRequestInput } from "@stream-control/protocol";
import { ffmpeg, ffprobe, type TemporaryFolder, temporaryFolder, videoPackets } from "@stream-control/test-kit";
import fc from "fast-check";
import { anyRequest } from "./any.js";
import { render } from "./render-kit.js";

let folder: TemporaryFolder;
const file = (name: string) => join(folder.path, name);

beforeAll(async () => {
  folder = await temporaryFolder();
  await ffmpeg([
    ...["-f", "lavfi", "-i", "testsrc2=s=90x50:r=24:d=1", "-f", "lavfi", "-i", "sine=d=1"],
    ...["-shortest", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", file("clip.mp4")],
  ]);
  await ffmpeg(["-f", "lavfi", "-i", "testsrc2=s=33x17", "-frames:v", "1", file("odd.png")]);
  await ffmpeg(["-f", "lavfi", "-i", "sine=d=0.7", file("tone.wav")]);
});
afterAll(() => folder.remove());

test("any request is rendered to its last frame, or refused with what is wrong", async () => {
  let rendered = 0;
  await fc.assert(
    fc.asyncProperty(anyRequest, async (given) => {
      const elements = given.elements.map((one) => ("source" in one ? { ...one, source: file(one.source) } : one));
      const written = JSON.parse(JSON.stringify({ ...given, elements })) as RenderRequestInput & {
        elements: RenderElement[];
      };
      const result = await render(folder.path, written, `any-${rendered}`);
      if (!result.ok) {
        expect(result.issues.length).toBeGreaterThan(0);
        expect(result.issues.every(({ path }) => path !== "")).toBe(true);
        return;
      }
      rendered += 1;
      expect((await videoPackets(result.file)).length).toBe(result.totalFrames);
      expect((await ffprobe(result.file)).streams[0]?.width).toBe(given.width);
    }),
    // Shrinking renders a hundred times; the seed finds it again.
    { numRuns: 60, endOnFailure: true },
  );
  expect(rendered).toBeGreaterThan(3);
}, 180_000);

test("whatever comes is parsed to a request or to issues", () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.record({ elements: fc.array(fc.jsonValue()) })), (given) => {
      const parsed = parseRenderRequest(given);
      expect(parsed.ok || parsed.issues.length > 0).toBe(true);
    }),
  );
});

test("every mistake is told at once, with its path", () => {
  const parsed = parseRenderRequest({
    ...{ width: 101, height: 100, callback_url: "nowhere", priority: "urgent" },
    elements: [
      { type: "video", source: "ftp://example.com/a.mp4", x: "10em", transitions: [] },
      { type: "text", text: "", time: 1, start_time: 2 },
      { type: "clown" },
      { type: "audio", source: "a.wav", trim: { start: 3, end: 2 }, effects: [{ type: "blur" }] },
    ],
  });
  expect(parsed.ok ? [] : parsed.issues.map(({ path }) => path).sort()).toEqual(
    ["width", "callback_url", "priority", "elements.0.source", "elements.0.x", "elements.0.transitions"]
      .concat([
        "elements.1.text",
        "elements.1.start_time",
        "elements.2.type",
        "elements.3.trim.end",
        "elements.3.effects.0.type",
      ])
      .sort(),
  );
});
