import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { WebhookEvent } from "@stream-control/protocol";
import { run, waitFor } from "@stream-control/test-kit";
import { Room } from "./room.js";

const SMALL = { width: 320, height: 180, fps: 25, bitrateKbps: 300, gopSeconds: 1, preset: "ultrafast" };

let room: Room;
beforeAll(async () => {
  room = await Room.open();
  await room.startAgent();
});
afterAll(() => room.close());

test("a picture that is black on air, and then is not, reaches another system by a webhook", async () => {
  const told: WebhookEvent[] = [];
  const receiver = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk: Buffer) => {
      text += String(chunk);
    });
    request.on("end", () => {
      told.push(JSON.parse(text));
      response.writeHead(204).end();
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  try {
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/alarms`;
    expect((await room.post("/v1/webhooks", { url, events: ["stream.alarm_*", "job.stopped"] })).status).toBe(201);
    // Nothing and a picture, in turns: a busy machine may begin to look in the middle of the first.
    await mkdir(room.media, { recursive: true });
    const path = `${room.media}/dark.mp4`;
    const filter = "color=black:s=320x180:r=25:d=6[dark];testsrc=s=320x180:r=25:d=8[light];[dark][light]concat";
    await run("ffmpeg", [...["-y", "-filter_complex", filter, "-pix_fmt", "yuv420p", "-preset", "ultrafast"], path]);
    const { id } = await room.submit({
      inlineConfig: {
        ...{ source: { type: "file", path, loop: true }, video: SMALL },
        monitoring: { pictureMs: 500, alarms: { blackMs: 1000, frozenMs: null, silentMs: null, clippingMs: null } },
      },
      streamMetadata: { title: "The final" },
    });
    await waitFor(() => told.length >= 2, { deadlineMs: 60_000, what: "the alarm and its end" });
    await room.stop(id);
    const isLast = ({ type }: WebhookEvent) => type === "job.stopped";
    await waitFor(() => told.some(isLast), { what: "the end" });
    const [raised, cleared] = told;
    expect([raised?.type, cleared?.type]).toEqual(["stream.alarm_raised", "stream.alarm_cleared"]);
    expect(told.findIndex(isLast)).toBe(told.length - 1);
    expect(raised?.data).toMatchObject({
      ...{ jobId: id, message: "The picture is black.", data: { alarm: "black", fault: "source" } },
      job: { id, room: "default", title: "The final", status: "RUNNING", agentId: "encoder-1" },
    });
    const logged = await room.events(id);
    expect(logged.filter(({ type }) => told.some((one) => one.type === type)).map(({ seq }) => seq)).toEqual(
      told.map(({ data }) => data.seq),
    );
  } finally {
    receiver.closeAllConnections();
    receiver.close();
  }
}, 120_000);
