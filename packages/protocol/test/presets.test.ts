import { describe, expect, test } from "@jest/globals";
import {
  DESTINATION_PRESETS,
  destinationPresetSchema,
  PRESET_IDS,
  parseDestination,
  parseStreamConfig,
  platformWarnings,
  type StreamConfig,
} from "../src/index.js";

const read = (config: object): StreamConfig => {
  const parsed = parseStreamConfig({ source: { type: "test" }, ...config });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issues));
  return parsed.value.config;
};
const issuesOf = (config: object) => {
  const parsed = parseStreamConfig({ source: { type: "test" }, ...config });
  return parsed.ok ? [] : parsed.issues;
};

describe("a destination that is named by its preset", () => {
  test("becomes one in full, at the platform's first address or the one that is given", () => {
    const { destinations } = read({
      destinations: [
        { preset: "twitch", streamKey: "live_1" },
        { preset: "youtube", id: "main", streamKey: "abcd", url: "rtmp://a.rtmp.youtube.com/live2" },
        { preset: "facebook", streamKey: "FB-1" },
        { preset: "custom-rtmp", url: "rtmps://example.com/app" },
        { preset: "custom-srt", url: "srt://example.com:9000", passphrase: "ten letters" },
        { type: "file", path: "a.mp4" },
      ],
    });
    expect(destinations).toEqual([
      {
        type: "rtmp",
        preset: "twitch",
        url: "rtmps://ingest.global-contribute.live-video.net:443/app",
        streamKey: "live_1",
      },
      { type: "rtmp", preset: "youtube", id: "main", url: "rtmp://a.rtmp.youtube.com/live2", streamKey: "abcd" },
      { type: "rtmp", preset: "facebook", url: "rtmps://live-api-s.facebook.com:443/rtmp", streamKey: "FB-1" },
      { type: "rtmp", preset: "custom-rtmp", url: "rtmps://example.com/app" },
      { type: "srt", preset: "custom-srt", url: "srt://example.com:9000", latencyMs: 200, passphrase: "ten letters" },
      { type: "file", path: "a.mp4" },
    ]);
    // What was read once is read again as the same.
    expect(read({ destinations }).destinations).toEqual(destinations);
  });

  test.each([
    [{ preset: "twitch" }, "destinations.0.streamKey"],
    [{ preset: "vimeo", streamKey: "x" }, "destinations.0.preset"],
    [{ preset: "custom-rtmp", streamKey: "x" }, "destinations.0.url"],
    [{ preset: "custom-srt", url: "rtmp://a/b" }, "destinations.0.url"],
    [{ preset: "twitch", streamKey: "x", latencyMs: 5 }, "destinations.0"],
    [{ preset: 5 }, "destinations.0.preset"],
  ])("says what is wrong, and where: %j", (destination, path) => {
    expect(issuesOf({ destinations: [destination] }).map((issue) => issue.path)).toContain(path);
  });

  test("has an address, a rule for its key and a description for each preset", () => {
    expect(DESTINATION_PRESETS.map(({ id }) => id)).toEqual([...PRESET_IDS]);
    for (const preset of DESTINATION_PRESETS) {
      expect(destinationPresetSchema.parse(preset)).toEqual(preset);
      const fields = Object.fromEntries(
        preset.fields.map(({ name }) => [
          name,
          { streamKey: "some key", url: `${preset.type}://example.com/x`, passphrase: "ten letters", latencyMs: 100 }[
            name
          ],
        ]),
      );
      expect(parseDestination({ preset: preset.id, ...fields })).toMatchObject({
        ok: true,
        value: { preset: preset.id },
      });
      for (const { url } of preset.urls)
        expect(parseDestination({ preset: preset.id, ...fields, url })).toMatchObject({ ok: true, value: { url } });
    }
  });
});

describe("warnings", () => {
  const codes = (config: object) =>
    platformWarnings(read(config)).map(({ code, destination }) => `${destination} ${code}`);
  const TWITCH = { preset: "twitch", streamKey: "k" };

  test("name each setting that the platform does not take, and its destination", () => {
    const video = { width: 2560, height: 1440, fps: 90, bitrateKbps: 9000, gopSeconds: 4 };
    const destinations = [{ type: "file", path: "a.mp4" }, TWITCH];
    const config = { video, audio: { bitrateKbps: 512 }, destinations, durationSeconds: 49 * 3600 };
    expect(codes(config)).toEqual(
      [
        ...["VIDEO_BITRATE_TOO_HIGH", "AUDIO_BITRATE_TOO_HIGH", "KEYFRAMES_TOO_RARE", "PICTURE_TOO_LARGE"],
        ...["FRAME_RATE_TOO_HIGH", "STREAM_TOO_LONG"],
      ].map((code) => `rtmp-2 ${code}`),
    );
    const [first] = platformWarnings(read(config));
    expect(first).toMatchObject({
      path: "video.bitrateKbps",
      message: "Twitch takes at most 6000 kbit/s of 1440p at 90 frames a second; the job sends 9000.",
    });
  });

  test("go by the picture where the platform does, and are none at the limit itself", () => {
    const facebook = (height: number, fps: number, bitrateKbps: number) =>
      codes({
        video: { width: Math.round((height * 16) / 18) * 2, height, fps, bitrateKbps },
        destinations: [{ preset: "facebook", id: "fb", streamKey: "k" }],
      });
    expect(facebook(720, 30, 4000)).toEqual([]);
    expect(facebook(720, 30, 4001)).toEqual(["fb VIDEO_BITRATE_TOO_HIGH"]);
    expect(facebook(720, 60, 6000)).toEqual([]);
    expect(facebook(1080, 30, 6001)).toEqual(["fb VIDEO_BITRATE_TOO_HIGH"]);
    expect(codes({ video: { gopSeconds: 2, bitrateKbps: 6000 }, destinations: [TWITCH] })).toEqual([]);
    // Upright, with the same number of pixels.
    expect(codes({ video: { width: 1080, height: 1920, bitrateKbps: 6000 }, destinations: [TWITCH] })).toEqual([]);
  });

  test("know a platform by its host too, and nobody else by it", () => {
    const video = { bitrateKbps: 60_000 };
    const at = (url: string) => codes({ video, destinations: [{ type: "rtmp", url, streamKey: "k" }] }).length;
    for (const url of [
      "rtmp://live-fra.twitch.tv/app",
      "rtmps://ingest.global-contribute.live-video.net:443/app",
      "rtmp://sfo.contribute.live-video.net/app",
      "rtmp://a.rtmp.youtube.com/live2",
      "rtmps://user@live-api-s.facebook.com:443/rtmp",
    ])
      expect([url, at(url)]).toEqual([url, 1]);
    for (const url of [
      "rtmp://example.com/twitch.tv",
      "rtmp://nottwitch.tv/app",
      "rtmps://abc.global-contribute.live-video.net/app",
    ])
      expect([url, at(url)]).toEqual([url, 0]);
  });
});
