import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { FakeLiveKit } from "@stream-control/test-kit";
import { request } from "undici";
import { WebSocket } from "ws";
import { percentile } from "./percentile.js";
import { startLivestream, waitUntil } from "./service.js";

const SUBSCRIBERS = 1000;
const EVENTS = 30;
const JOINERS = 32;
const JOINS = 2000;

export interface LivestreamFigures {
  /** From the request that writes to each subscriber's receipt, milliseconds. */
  websocket: { p50Ms: number; p99Ms: number };
  grpc: { p50Ms: number; p99Ms: number };
  joinsPerSecond: number;
}

interface Subscription {
  on(event: "data", listener: (event: { number: string }) => void): Subscription;
  on(event: "error", listener: () => void): Subscription;
  once(event: "metadata", listener: () => void): Subscription;
  cancel(): void;
}

/** The built service with SQLite and a LiveKit that answers at once; every client is a connection of its own. */
export async function measureLivestream(): Promise<LivestreamFigures> {
  const livekit = await FakeLiveKit.start();
  const { url, apiKey, apiSecret } = livekit;
  const env = { LIVEKIT_URL: url, LIVEKIT_API_KEY: apiKey, LIVEKIT_API_SECRET: apiSecret };
  const { service, grpcPort } = await startLivestream(env);
  const close: (() => void)[] = [];
  const base = `http://127.0.0.1:${service.port}`;
  const ask = async (method: "POST" | "PATCH", path: string, body: object) => {
    const answer = await request(base + path, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    return (await answer.body.json()) as { id: string; lastEvent: number };
  };
  try {
    const { id } = await ask("POST", "/streams", {});
    /** When the request that wrote an event was sent. */
    const sentAt = new Map<number, number>();
    const tooks = { websocket: [] as number[], grpc: [] as number[] };
    const got = (kind: keyof typeof tooks, number: number) => {
      const from = sentAt.get(number);
      if (from !== undefined) tooks[kind].push(performance.now() - from);
    };
    for (let n = 0; n < SUBSCRIBERS; n++)
      close.push(await followByWebSocket(service.port, id, (number) => got("websocket", number)));
    const grpc = grpcSubscriber(grpcPort);
    for (let n = 0; n < SUBSCRIBERS; n++) close.push(await grpc(id, (number) => got("grpc", number)));
    for (let n = 0; n < EVENTS; n++) {
      // The stream was created and became active before.
      const number = n + 3;
      sentAt.set(number, performance.now());
      await ask("PATCH", `/streams/${id}`, { metadata: { n } });
      const wanted = (n + 1) * SUBSCRIBERS;
      await waitUntil(async () => tooks.websocket.length >= wanted && tooks.grpc.length >= wanted, 20_000);
    }
    for (const end of close.splice(0)) end();
    const figures = (values: number[]) => ({ p50Ms: percentile(values, 0.5), p99Ms: percentile(values, 0.99) });

    const streams = await Promise.all(Array.from({ length: JOINERS }, () => ask("POST", "/streams", {})));
    const began = performance.now();
    await Promise.all(
      streams.map(async (stream) => {
        for (let n = 0; n < JOINS / JOINERS; n++)
          await ask("POST", `/streams/${stream.id}/join`, { participantName: `guest ${n}` });
      }),
    );
    const joinsPerSecond = (Math.floor(JOINS / JOINERS) * JOINERS * 1000) / (performance.now() - began);
    return { websocket: figures(tooks.websocket), grpc: figures(tooks.grpc), joinsPerSecond };
  } finally {
    for (const end of close) end();
    await service.stop();
    await livekit.stop();
  }
}

async function followByWebSocket(port: number, streamId: string, got: (number: number) => void): Promise<() => void> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`);
  await once(socket, "open");
  const subscribed = new Promise<void>((resolve) => {
    socket.on("message", (data) => {
      const { type, number } = JSON.parse(String(data)) as { type: string; number?: number };
      if (type === "subscribed") resolve();
      else if (number !== undefined) got(number);
    });
  });
  socket.send(JSON.stringify({ type: "subscribe", streamId }));
  await subscribed;
  return () => socket.terminate();
}

type Client = { Subscribe(request: object): Subscription; close(): void };

function grpcSubscriber(port: number): (streamId: string, got: (number: number) => void) => Promise<() => void> {
  const file = fileURLToPath(
    import.meta.resolve("@stream-control/protocol/proto/livestream/orchestrator/v1/streams.proto"),
  );
  const loaded = loadPackageDefinition(loadSync(file, { keepCase: true, longs: String })) as unknown as {
    livestream: { orchestrator: { v1: { StreamService: new (...args: unknown[]) => Client } } };
  };
  return async (streamId, got) => {
    // Clients of one process share a connection unless told otherwise.
    const options = { "grpc.use_local_subchannel_pool": 1 };
    const { StreamService } = loaded.livestream.orchestrator.v1;
    const client = new StreamService(`127.0.0.1:${port}`, credentials.createInsecure(), options);
    const call = client.Subscribe({ stream_id: streamId });
    call.on("data", ({ number }) => got(Number(number))).on("error", () => {});
    await new Promise<void>((resolve) => call.once("metadata", () => resolve()));
    return () => {
      call.cancel();
      client.close();
    };
  };
}
