import { fileURLToPath } from "node:url";
import {
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface GrpcEvent {
  event_type: string;
  stream_id: string;
  number: string;
  timestamp: string;
  event_data: string;
  participant_joined?: { participant: { identity: string; metadata: Record<string, string> } };
  stream_updated?: { previous_status: string; current_status: string };
}

interface StreamServiceClient {
  Subscribe(request: object, metadata: Metadata): ClientReadableStream<GrpcEvent>;
  close(): void;
}

const file = fileURLToPath(
  import.meta.resolve("@stream-control/protocol/proto/livestream/orchestrator/v1/streams.proto"),
);

/** What an integrator has: grpc-js and the `.proto` file. */
export class GrpcListener {
  readonly got: GrpcEvent[] = [];
  error: ServiceError | undefined;
  private readonly client: StreamServiceClient;
  private readonly call: ClientReadableStream<GrpcEvent>;
  /** Resolves once the service has begun to answer. */
  readonly subscribed: Promise<void>;

  constructor(port: number | undefined, request: { stream_id?: string; since_number?: number }, token?: string) {
    const definition = loadSync(file, { keepCase: true, longs: String, enums: String, oneofs: true });
    const loaded = loadPackageDefinition(definition) as unknown as {
      livestream: { orchestrator: { v1: { StreamService: new (...args: unknown[]) => StreamServiceClient } } };
    };
    this.client = new loaded.livestream.orchestrator.v1.StreamService(
      `127.0.0.1:${port}`,
      credentials.createInsecure(),
    );
    const metadata = new Metadata();
    if (token !== undefined) metadata.set("authorization", `Bearer ${token}`);
    this.call = this.client.Subscribe(request, metadata);
    this.subscribed = new Promise((resolve) => this.call.once("metadata", () => resolve()));
    this.call.on("data", (event: GrpcEvent) => this.got.push(event));
    this.call.on("error", (error: ServiceError) => {
      this.error = error;
    });
  }

  close(): void {
    this.call.cancel();
    this.client.close();
  }
}
