import { expect, test } from "@jest/globals";
import { parseStreamConfig, QUALITIES } from "../src/index.js";

const config = (input: unknown) => {
  const parsed = parseStreamConfig(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.value;
};
const paths = (input: unknown) => {
  const parsed = parseStreamConfig(input);
  if (parsed.ok) throw new Error("The config was taken.");
  return parsed.issues.map(({ path }) => path);
};

test("an address and a file", () => {
  const { config: full, recordAs } = config({ streamUrl: "rtmp://example.com/live", outputPath: "/tmp/output.mp4" });
  expect(full.source).toEqual({ type: "rtmp", url: "rtmp://example.com/live", listen: false });
  expect(full.destinations).toEqual([{ type: "file", path: "/tmp/output.mp4" }]);
  expect(full.video).toMatchObject({ width: 1280, height: 720, fps: 30, gopSeconds: 2, encoder: "auto" });
  expect(recordAs).toBeUndefined();
});

test("an address and a format: the agent names the file", () => {
  const { config: full, recordAs } = config({ streamUrl: "rtmp://example.com/live", outputFormat: "mp4" });
  expect(full.destinations).toEqual([]);
  expect(recordAs).toBe("mp4");
});

test("an address and a quality", () => {
  expect(config({ streamUrl: "rtmp://example.com/live", quality: "1080p" }).config.video).toMatchObject(
    QUALITIES["1080p"],
  );
});

test.each([
  ["rtmps://a/b", "rtmp"],
  ["SRT://a:9000", "srt"],
  ["srt://a:9000", "srt"],
  ["rtsps://a/b", "rtsp"],
  ["https://a/b.m3u8", "http"],
  ["/videos/a.mp4", "file"],
  ["file:///videos/a.mp4", "file"],
  ["test:", "test"],
  ["test://", "test"],
])("%s is a source of the type %s", (streamUrl, type) => {
  expect(config({ streamUrl }).config.source.type).toBe(type);
});

test("settings of the full form stand beside the short form's own names", () => {
  const { config: full } = config({
    streamUrl: "/a.mp4",
    loop: true,
    quality: "480p",
    video: { fps: 25, width: 640 },
    durationSeconds: 3,
  });
  expect(full.source).toMatchObject({ type: "file", path: "/a.mp4", loop: true });
  expect(full.video).toMatchObject({ fps: 25, width: 640, height: 480 });
  expect(full.durationSeconds).toBe(3);
});

test("HLS: by its format, or by the playlist's name", () => {
  const folder = { type: "hls", path: "/tmp/live" };
  expect(
    config({ streamUrl: "test:", outputPath: "/tmp/live", outputFormat: "hls" }).config.destinations,
  ).toMatchObject([folder]);
  expect(config({ streamUrl: "test:", outputPath: "/tmp/live/index.m3u8" }).config.destinations).toMatchObject([
    folder,
  ]);
  const preview = config({ streamUrl: "test:", outputFormat: "hls" });
  expect(preview).toMatchObject({ config: { destinations: [] } });
  expect(preview.recordAs).toBeUndefined();
});

test("mistakes are named by the field that has them", () => {
  expect(paths({ streamUrl: "gopher://a" })).toEqual(["streamUrl"]);
  expect(paths({ streamUrl: 5 })).toEqual(["streamUrl"]);
  expect(paths({ streamUrl: "test:", quality: "8K", outputFormat: "avi" }).sort()).toEqual(["outputFormat", "quality"]);
  expect(paths({ streamUrl: "test:", video: { width: 333, fps: 0 } }).sort()).toEqual(["video.fps", "video.width"]);
  expect(paths({ source: { type: "test" }, destinations: [{ type: "file" }] })).toEqual(["destinations.0.path"]);
  expect(paths({ source: { type: "rtmp", url: "http://a" } })).toEqual(["source.url"]);
  expect(
    paths({
      source: { type: "test" },
      destinations: [
        { type: "file", id: "a", path: "/a.mp4" },
        { type: "file", id: "a", path: "/b.mp4" },
      ],
    }),
  ).toEqual(["destinations.1.id"]);
  expect(paths({})).toEqual(["source"]);
  expect(paths(null)).toEqual([""]);
});
