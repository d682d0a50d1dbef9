import { readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import {
  Server,
  ServerCredentials,
  type ServerWritableStream,
  type ServiceDefinition,
  status as Status,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import { type Logger, toError } from "@stream-control/service-kit";
import { type Access, requireCallerFor } from "@stream-control/service-kit/access";
import { asAppError, type TlsFiles } from "@stream-control/service-kit/http";
import { HealthImplementation } from "grpc-health-check";
import type { StreamEvent } from "../events/event.js";
import type { Feed } from "../events/feed.js";
import type { Streams } from "../streams/streams.js";
import { grpcEvent } from "./grpc-events.js";

export interface GrpcServerOptions {
  access: Access;
  feed: Feed;
  streams: Streams;
  logger: Logger;
  tls: TlsFiles | undefined;
  onSlow: () => void;
}

const SERVICE = "livestream.orchestrator.v1.StreamService";
/** Events that may lie unsent for one client. */
const MAX_UNSENT = 1000;

type Call = ServerWritableStream<{ stream_id?: string; since_number?: string }, Buffer>;

/** The same events over gRPC, with reflection and health. */
export class GrpcServer {
  private readonly server = new Server({
    // A client whose machine is gone says nothing.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.max_receive_message_length": 64 * 1024,
  });
  private readonly health = new HealthImplementation({ "": "SERVING", [SERVICE]: "SERVING" });
  private readonly calls = new Set<Call>();
  /** Many follow the same stream: each event is encoded once. */
  private readonly encoded = new WeakMap<StreamEvent, Buffer>();
  private readonly encode: (message: object) => Buffer;

  constructor(private readonly options: GrpcServerOptions) {
    const definition = loadDefinition();
    const service = definition[SERVICE] as ServiceDefinition;
    const subscribe = service.Subscribe;
    if (subscribe === undefined) throw new Error(`${SERVICE} has no Subscribe.`);
    this.encode = subscribe.responseSerialize;
    const handlers: UntypedServiceImplementation = { Subscribe: (call: Call) => void this.subscribe(call) };
    this.server.addService({ Subscribe: { ...subscribe, responseSerialize: (bytes: Buffer) => bytes } }, handlers);
    this.health.addToServer(this.server);
    new ReflectionService(definition).addToServer(this.server);
  }

  get size(): number {
    return this.calls.size;
  }

  /** @returns the port it listens on. */
  async listen(port: number, host = "[::]"): Promise<number> {
    const credentials = await credentialsOf(this.options.tls);
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`${host}:${port}`, credentials, (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
  }

  /** Rights have changed: everybody comes back with those that they have now. */
  dismiss(): void {
    for (const call of this.calls) fail(call, Status.UNAVAILABLE, "Rights have changed: subscribe again.");
  }

  async stop(): Promise<void> {
    for (const name of ["", SERVICE]) this.health.setStatus(name, "NOT_SERVING");
    for (const call of this.calls) fail(call, Status.UNAVAILABLE, "The service stops; another instance may answer.");
    const timer = setTimeout(() => this.server.forceShutdown(), 1000);
    await new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    clearTimeout(timer);
  }

  private async subscribe(call: Call): Promise<void> {
    const { feed, streams, logger } = this.options;
    let isOver = false;
    let stop = () => {};
    const over = () => {
      isOver = true;
      this.calls.delete(call);
      stop();
    };
    call.on("cancelled", over).on("error", over).on("close", over);
    this.calls.add(call);
    try {
      await this.demandCaller(call);
      const { stream_id: streamId = "", since_number: since } = call.request;
      if (streamId === "") return fail(call, Status.INVALID_ARGUMENT, "stream_id is missing.");
      await streams.get(streamId);
      const after = since === undefined ? undefined : Math.max(0, Number(since));
      const following = await feed.follow(streamId, after, (event) => this.send(call, event));
      stop = following.stop;
      if (isOver) return stop();
      // Tells the client that it is subscribed, before any event is there.
      call.sendMetadata(call.metadata.clone());
      following.start();
    } catch (thrown) {
      const error = asAppError(thrown);
      if (error.status >= 500) logger.error({ err: toError(thrown) }, "a gRPC call failed");
      fail(call, codeOf(error.status), error.message);
    }
  }

  private send(call: Call, event: StreamEvent): void {
    if (call.cancelled || call.destroyed) return;
    if (call.writableLength > MAX_UNSENT) {
      this.options.onSlow();
      fail(call, Status.RESOURCE_EXHAUSTED, "Too slow: subscribe again with since_number.");
      return;
    }
    let bytes = this.encoded.get(event);
    if (bytes === undefined) {
      bytes = this.encode(grpcEvent(event));
      this.encoded.set(event, bytes);
    }
    call.write(bytes);
  }

  /** The same credentials as over HTTP, as metadata `authorization`. */
  private async demandCaller(call: Call): Promise<void> {
    const authorization = call.metadata.get("authorization")[0];
    const headers = {
      host: call.getHost(),
      ...(typeof authorization === "string" ? { authorization } : {}),
    };
    const remoteAddress = call
      .getPeer()
      .replace(/:\d+$/, "")
      .replace(/^\[|\]$/g, "");
    // What is looked at of a request, of which there is none here: its headers and the address of the other side.
    const request = { headers, socket: { remoteAddress } } as unknown as IncomingMessage;
    requireCallerFor({ kind: "everywhere", role: "viewer" }, await this.options.access.authenticate(request));
  }
}

function loadDefinition(): PackageDefinition {
  const file = fileURLToPath(
    import.meta.resolve("@stream-control/protocol/proto/livestream/orchestrator/v1/streams.proto"),
  );
  return loadSync(file, {
    keepCase: true,
    longs: String,
    enums: String,
    defaults: false,
    oneofs: true,
    includeDirs: [dirname(file)],
  });
}

async function credentialsOf(tls: TlsFiles | undefined): Promise<ServerCredentials> {
  if (tls === undefined) return ServerCredentials.createInsecure();
  const [cert_chain, private_key] = await Promise.all([readFile(tls.certFile), readFile(tls.keyFile)]);
  return ServerCredentials.createSsl(null, [{ cert_chain, private_key }]);
}

const CODES: Readonly<Record<number, Status>> = {
  400: Status.INVALID_ARGUMENT,
  401: Status.UNAUTHENTICATED,
  403: Status.PERMISSION_DENIED,
  404: Status.NOT_FOUND,
  429: Status.RESOURCE_EXHAUSTED,
  503: Status.UNAVAILABLE,
};
const codeOf = (status: number): Status => CODES[status] ?? Status.INTERNAL;

const fail = (call: Call, code: Status, details: string): void => {
  if (!call.cancelled && !call.destroyed) call.emit("error", { code, details });
};
