import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { signatureProblem } from "./s3-signature.js";
import { secret } from "./secret.js";
import { type TemporaryFolder, temporaryFolder } from "./temporary-folder.js";

/** A request as the server got it. */
export interface S3Request {
  method: string;
  /** Decoded, with the bucket. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage["headers"];
  /** What it was answered with; 0 where its connection was cut. */
  status: number;
}

/** What goes wrong: an answer of the store's own, or a connection that breaks after so many bytes of the answer's body. */
export type S3Fault = { status: number; code: string } | { cutAfterBytes: number };

interface S3rver {
  run(): Promise<AddressInfo>;
  close(done: () => void): void;
  httpServer: Server;
}

const BUCKET = "results";

/**
 * A real S3 server (s3rver) in this process, with one bucket and one pair of keys. Before it stands a relay that writes down
 * every request, fails as it is told, and does what the server lacks: it refuses what is not signed by those keys, lists the
 * uploads that were begun, and gives one of them up.
 */
export class S3Server implements AsyncDisposable {
  /** In the order of their ends. */
  readonly requests: S3Request[] = [];
  /** Asked for each request, before it reaches the store. */
  fault: ((request: Omit<S3Request, "status">) => S3Fault | undefined) | undefined;
  readonly bucket = BUCKET;
  /** By upload id. */
  private readonly begun = new Map<string, { key: string; at: Date }>();

  private constructor(
    readonly accessKeyId: string,
    readonly secretAccessKey: string,
    private readonly store: S3rver,
    private readonly storePort: number,
    private readonly relay: Server,
    private readonly folder: TemporaryFolder,
  ) {}

  static async open(): Promise<S3Server> {
    const folder = await temporaryFolder("sc-s3-");
    const load = createRequire(import.meta.url);
    const { DUMMY_ACCOUNT } = load("s3rver/lib/models/account.js");
    const keys = { id: secret("s3-key-id"), secret: secret("s3-secret-key") };
    DUMMY_ACCOUNT.createKeyPair(keys.id, keys.secret);
    const options = { address: "127.0.0.1", port: 0, silent: true, directory: folder.path };
    const store: S3rver = new (load("s3rver"))({ ...options, configureBuckets: [{ name: BUCKET }] });
    const { port } = await store.run();
    const relay = createServer((incoming, outgoing) => void server.forward(incoming, outgoing));
    const server = new S3Server(keys.id, keys.secret, store, port, relay, folder);
    await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
    return server;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.relay.address() as AddressInfo).port}`;
  }

  /** The variables by which a service finds it. */
  get env(): Record<string, string> {
    return {
      ...{ S3_BUCKET: this.bucket, S3_ENDPOINT: this.endpoint, AWS_REGION: "us-east-1" },
      ...{ AWS_ACCESS_KEY_ID: this.accessKeyId, AWS_SECRET_ACCESS_KEY: this.secretAccessKey },
      // No credentials of the machine that runs the tests.
      ...{ AWS_EC2_METADATA_DISABLED: "true", AWS_CONFIG_FILE: "/dev/null", AWS_SHARED_CREDENTIALS_FILE: "/dev/null" },
    };
  }

  /** Keys of uploads that were begun, and neither finished nor given up. */
  get unfinished(): string[] {
    return [...this.begun.values()].map(({ key }) => key);
  }

  /** Leaves an upload as somebody leaves it who was killed. */
  begin(key: string): void {
    this.begun.set(randomUUID(), { key, at: new Date() });
  }

  /** Makes what was begun so far seem older. */
  age(ms: number): void {
    for (const upload of this.begun.values()) upload.at = new Date(upload.at.getTime() - ms);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.relay.closeAllConnections();
    await new Promise<void>((resolve) => this.relay.close(() => resolve()));
    const closed = new Promise<void>((resolve) => this.store.close(() => resolve()));
    // It waits for what was cut off in the middle.
    this.store.httpServer.closeAllConnections();
    await closed;
    await this.folder.remove();
  }

  private async forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const url = new URL(incoming.url ?? "/", this.endpoint);
    const { method = "GET", headers } = incoming;
    const seen = { method, path: decodeURIComponent(url.pathname), query: url.searchParams, headers, status: 0 };
    outgoing.once("close", () => this.requests.push(seen));
    const problem = signatureProblem({ method, target: incoming.url ?? "/", headers }, this, new Date());
    const fault = problem === undefined ? this.fault?.(seen) : { status: 403, code: problem };
    const own = fault ?? this.ownAnswer(seen);
    if (own !== undefined && "status" in own) {
      seen.status = own.status;
      incoming.resume();
      const body = "body" in own ? own.body : `<Error><Code>${"code" in own ? own.code : ""}</Code></Error>`;
      outgoing.writeHead(own.status, { "content-type": "application/xml" }).end(own.status === 204 ? "" : body);
      return;
    }
    const path = incoming.url ?? "/";
    const onward = request({ host: "127.0.0.1", port: this.storePort, method, path, headers }, (answer) => {
      seen.status = answer.statusCode ?? 0;
      outgoing.writeHead(seen.status, answer.headers);
      let left = fault !== undefined && "cutAfterBytes" in fault ? fault.cutAfterBytes : Number.POSITIVE_INFINITY;
      const kept: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => {
        if (seen.query.has("uploads")) kept.push(chunk);
        outgoing.write(chunk.subarray(0, left));
        left -= chunk.length;
        if (left <= 0) outgoing.destroy();
      });
      answer.once("end", () => {
        this.note(seen, Buffer.concat(kept).toString());
        outgoing.end();
      });
    });
    onward.once("error", () => outgoing.destroy());
    incoming.pipe(onward);
    incoming.once("close", () => incoming.complete || onward.destroy());
  }

  /** What was begun, and what of it was finished. */
  private note({ method, path, query, status }: S3Request, body: string): void {
    const id = /<UploadId>([^<]+)</.exec(body)?.[1];
    if (method === "POST" && query.has("uploads") && id !== undefined)
      this.begun.set(id, { key: path.slice(`/${BUCKET}/`.length), at: new Date() });
    if (method === "POST" && query.has("uploadId") && status === 200) this.begun.delete(query.get("uploadId") ?? "");
  }

  /** AbortMultipartUpload and ListMultipartUploads, which s3rver does not know. */
  private ownAnswer({ method, query }: Omit<S3Request, "status">): { status: number; body: string } | undefined {
    if (method === "DELETE" && query.has("uploadId"))
      return { status: this.begun.delete(query.get("uploadId") ?? "") ? 204 : 404, body: "" };
    if (method !== "GET" || !query.has("uploads")) return undefined;
    const prefix = query.get("prefix") ?? "";
    const uploads = [...this.begun].flatMap(([id, { key, at }]) =>
      key.startsWith(prefix)
        ? [`<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${at.toISOString()}</Initiated></Upload>`]
        : [],
    );
    return { status: 200, body: `<ListMultipartUploadsResult>${uploads.join("")}</ListMultipartUploadsResult>` };
  }
}
