import { afterAll, beforeAll, expect, it } from "@jest/globals";
import {
  ffmpeg,
  ffprobe,
  frameDistances,
  type RtmpServer,
  secret,
  startRtmpServer,
  streamOf,
  videoPackets,
  waitFor,
} from "@stream-control/test-kit";
import { runnersOf } from "./processes.js";
import { Room } from "./room.js";

const SMALL = { width: 640, height: 360, fps: 25, bitrateKbps: 600, preset: "ultrafast" };

let room: Room;
let first: RtmpServer;
let second: RtmpServer;
beforeAll(async () => {
  [room, first, second] = await Promise.all([Room.open(), startRtmpServer(), startRtmpServer()]);
  await room.startAgent();
});
afterAll(async () => {
  await room.close();
  await Promise.all([first.close(), second.close()]);
  expect(await runnersOf(room.folder.path)).toEqual([]);
});

it("one encode goes to two platforms and a file; one of them dies, and the others do not notice", async () => {
  const [keyOfFirst, keyOfSecond] = [secret("stream-key"), secret("stream-key")];
  const { id } = await room.submit({
    inlineConfig: {
      source: { type: "test" },
      destinations: [
        { preset: "twitch", id: "twitch", url: first.url(), streamKey: keyOfFirst },
        { preset: "custom-rtmp", id: "own", url: second.url(), streamKey: keyOfSecond },
        { type: "file", id: "file", path: "simulcast.ts" },
      ],
      video: SMALL,
    },
  });
  await room.until(id, "RUNNING");
  await waitFor(() => first.live.has(`/live/${keyOfFirst}`) && second.live.has(`/live/${keyOfSecond}`), {
    what: "both publications",
  });
  for (const url of [first.url(keyOfFirst), second.url(keyOfSecond)]) {
    const media = await ffprobe(url, ["-rw_timeout", "20000000"]);
    expect(streamOf(media, "video")).toMatchObject({ codec_name: "h264", width: 640, height: 360 });
    expect(streamOf(media, "audio")).toMatchObject({ codec_name: "aac", sample_rate: "48000" });
  }

  const received = room.folder.file("received.ts");
  const receiving = ffmpeg(["-rw_timeout", "20000000", "-i", first.url(keyOfFirst), "-t", "8", "-c", "copy", received]);
  await second.close();
  const stateOf = async (name: string) =>
    (await room.job(id)).progress?.destinations?.find((destination) => destination.id === name)?.state;
  await waitFor(async () => (await stateOf("own")) === "RETRYING", { what: "the loss to be seen" });
  await receiving;
  expect([await stateOf("twitch"), await stateOf("file")]).toEqual(["LIVE", "LIVE"]);
  expect(await room.job(id)).toMatchObject({ status: "RUNNING", restarts: 0 });
  for (const distance of frameDistances(await videoPackets(received))) expect(distance).toBeLessThan(0.1);
  // One connection from the beginning to the end, and one encode.
  expect(first.published).toEqual([`/live/${keyOfFirst}`]);

  await room.stop(id);
  const file = await ffprobe(`${room.media}/simulcast.ts`);
  expect(file.streams.map(({ codec_type }) => codec_type).sort()).toEqual(["audio", "video"]);
  for (const distance of frameDistances(await videoPackets(`${room.media}/simulcast.ts`)))
    expect(distance).toBeLessThan(0.1);
  const troubled = (await room.events(id)).filter(({ type }) => type.startsWith("stream.destination_"));
  expect(new Set(troubled.map(({ data }) => data?.destination))).toEqual(new Set(["own"]));
});
