import {
  AbortMultipartUploadCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  S3Client,
} from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { Bucket, StoredObject, TransferOptions } from "./contract.js";
import { fetchObject } from "./download.js";
import { asObjectStoreError } from "./errors.js";
import type { BucketSettings } from "./settings.js";
import { SHA256, uploadFile } from "./upload.js";

/** Keys that one request deletes. */
const MAX_DELETES = 1000;

/** A bucket by Amazon's own client. */
export class S3Bucket implements Bucket {
  private readonly client: S3Client;

  constructor(private readonly settings: BucketSettings) {
    const { endpoint, region, forcePathStyle } = settings;
    this.client = new S3Client({
      forcePathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(region === undefined ? {} : { region }),
      // A bucket of s3:// sources may be elsewhere.
      followRegionRedirects: endpoint === undefined,
      maxAttempts: 5,
      requestHandler: { connectionTimeout: 5000, socketTimeout: 60_000 },
    });
  }

  async put(path: string, key: string, options: TransferOptions & { contentType?: string | undefined } = {}) {
    return uploadFile(this.client, { Bucket: this.settings.bucket, Key: this.full(key) }, path, options);
  }

  async get(key: string, path: string, options: TransferOptions & { maxBytes?: number | undefined } = {}) {
    return fetchObject(this.client, { Bucket: this.settings.bucket, Key: this.full(key) }, path, options);
  }

  async head(key: string, signal?: AbortSignal): Promise<StoredObject | undefined> {
    const command = new HeadObjectCommand({ Bucket: this.settings.bucket, Key: this.full(key) });
    try {
      const {
        ContentLength = 0,
        Metadata,
        ETag,
      } = await this.client.send(command, { ...(signal && { abortSignal: signal }) });
      return { bytes: ContentLength, sha256: Metadata?.[SHA256], etag: ETag };
    } catch (thrown) {
      const error = asObjectStoreError(thrown);
      if (error.problem === "not_there") return undefined;
      throw error;
    }
  }

  async remove(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += MAX_DELETES)
      await this.removeExactly(keys.slice(at, at + MAX_DELETES).map((key) => this.full(key)));
  }

  async removeBelow(prefix: string): Promise<void> {
    const { bucket } = this.settings;
    await this.removeUnfinished(prefix, new Date(Date.now() + 86_400_000));
    for (let more = true; more; ) {
      const listed = await this.ask(() =>
        this.client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: this.full(prefix), MaxKeys: MAX_DELETES })),
      );
      const keys = (listed.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key]));
      if (keys.length > 0) await this.removeExactly(keys);
      more = listed.IsTruncated === true && keys.length > 0;
    }
  }

  async removeUnfinished(prefix: string, begunBefore: Date): Promise<number> {
    const Bucket = this.settings.bucket;
    let removed = 0;
    let marker: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
    while (marker !== undefined) {
      const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
        Bucket,
        Prefix: this.full(prefix),
        ...marker,
      });
      const listed = await this.ask(() => this.client.send(command));
      for (const { Key, UploadId, Initiated } of listed.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined || (Initiated ?? new Date(0)) >= begunBefore) continue;
        await this.ask(() => this.client.send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }))).catch(
          ignoreGone,
        );
        removed += 1;
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = listed;
      marker =
        IsTruncated === true && NextKeyMarker !== undefined
          ? {
              KeyMarker: NextKeyMarker,
              ...(NextUploadIdMarker === undefined ? {} : { UploadIdMarker: NextUploadIdMarker }),
            }
          : undefined;
    }
    return removed;
  }

  async link(key: string, seconds: number): Promise<string> {
    const command = new GetObjectCommand({ Bucket: this.settings.bucket, Key: this.full(key) });
    return this.ask(() => getSignedUrl(this.client, command, { expiresIn: seconds }));
  }

  close(): void {
    this.client.destroy();
  }

  private async removeExactly(keys: readonly string[]): Promise<void> {
    const Delete = { Objects: keys.map((Key) => ({ Key })), Quiet: true };
    const { Errors } = await this.ask(() =>
      this.client.send(new DeleteObjectsCommand({ Bucket: this.settings.bucket, Delete })),
    );
    const [first] = Errors ?? [];
    if (first !== undefined) throw asObjectStoreError({ name: first.Code ?? "unknown" });
  }

  private async ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (thrown) {
      throw asObjectStoreError(thrown);
    }
  }

  private full(key: string): string {
    return this.settings.prefix + key;
  }
}

function ignoreGone(thrown: unknown): void {
  if (asObjectStoreError(thrown).problem !== "not_there") throw thrown;
}
