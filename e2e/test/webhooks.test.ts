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
    // Four seconds of nothing, then a picture.
    await mkdir(room.media, { recursive: true });
    const path = `${room.media}/dark.mp4`;
    const filter = "color=black:s=320x180:r=25:d=4[dark];testsrc=s=320x180:r=25:d=30[light];[dark][light]concat";
    await run("ffmpeg", [...["-y", "-filter_complex", filter, "-pix_fmt", "yuv420p", "-preset", "ultrafast"], path]);
    const { id } = await room.submit({
      inlineConfig: {
        ...{ source: { type: "file", path }, video: SMALL },
        monitoring: { alarms: { blackMs: 1000, frozenMs: null, silentMs: null, clippingMs: null } },
      },
      streamMetadata: { title: "The final" },
    });
    await waitFor(() => told.length === 2, { deadlineMs: 60_000, what: "the alarm and its end" });
    await room.stop(id);
    await waitFor(() => told.length === 3, { what: "the end" });
    expect(told.map(({ type }) => type)).toEqual(["stream.alarm_raised", "stream.alarm_cleared", "job.stopped"]);
    const [raised] = told;
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
