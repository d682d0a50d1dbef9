import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { S3Server, secret, type TemporaryFolder, temporaryFolder } from "@stream-control/test-kit";
import { type Bucket, bucketSettings, openBucket } from "../src/index.js";

const MIB = 1024 * 1024;

let base: TemporaryFolder;
let server: S3Server;
let bucket: Bucket;
let before: NodeJS.ProcessEnv;
beforeEach(async () => {
  base = await temporaryFolder();
  server = await S3Server.open();
  // The SDK finds credentials where it always does.
  before = { ...process.env };
  Object.assign(process.env, server.env);
  bucket = await open();
});
afterEach(async () => {
  process.env = before;
  bucket.close();
  await server[Symbol.asyncDispose]();
  await base.remove();
});

async function open(): Promise<Bucket> {
  const settings = bucketSettings({ ...server.env, S3_PREFIX: "team/renders" });
  if (settings === undefined) throw new Error("There is a bucket.");
  return openBucket(settings);
}

async function fileOf(bytes: Buffer): Promise<string> {
  await writeFile(base.file("made"), bytes);
  return base.file("made");
}

const asked = (method: string, holds: (query: URLSearchParams) => boolean = () => true) =>
  server.requests.filter((request) => request.method === method && holds(request.query));

test("a small file goes there in one signed request, with its checksum, and comes back the same", async () => {
  const film = randomBytes(100_000);
  const put = await bucket.put(await fileOf(film), "job/render.mp4", { contentType: "video/mp4" });
  expect(put).toMatchObject({ bytes: 100_000, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(asked("PUT")).toMatchObject([
    {
      path: "/results/team/renders/job/render.mp4",
      headers: { authorization: expect.stringMatching(/^AWS4-HMAC-SHA256 /), "x-amz-meta-sha256": put.sha256 },
    },
  ]);
  expect(await bucket.head("job/render.mp4")).toMatchObject({ bytes: 100_000, sha256: put.sha256 });
  expect(await bucket.get("job/render.mp4", base.file("back"))).toMatchObject({ sha256: put.sha256 });
  expect((await readFile(base.file("back"))).equals(film)).toBe(true);
  await bucket.remove(["job/render.mp4"]);
  expect(await bucket.head("job/render.mp4")).toBeUndefined();
  await expect(bucket.get("job/render.mp4", base.file("back"))).rejects.toMatchObject({ problem: "not_there" });
});

test("a large file goes there in parts, one that fails is sent again, and nothing is left begun", async () => {
  const film = randomBytes(40 * MIB);
  let failures = 0;
  server.fault = ({ query }) =>
    query.get("partNumber") === "2" && failures++ < 2 ? { status: 503, code: "SlowDown" } : undefined;
  const counted: number[] = [];
  const put = await bucket.put(await fileOf(film), "job/render.mp4", { onBytes: (bytes) => counted.push(bytes) });
  expect(asked("PUT", (query) => query.has("partNumber"))).toHaveLength(5);
  expect(counted.at(-1)).toBe(film.length);
  expect(server.unfinished).toEqual([]);
  expect(await bucket.get("job/render.mp4", base.file("back"))).toMatchObject({
    bytes: film.length,
    sha256: put.sha256,
  });
  expect((await readFile(base.file("back"))).equals(film)).toBe(true);
}, 30_000);

test("an upload that is given up, or fails for good, is not there and leaves no parts with the store", async () => {
  const path = await fileOf(randomBytes(40 * MIB));
  const giveUp = new AbortController();
  const onBytes = () => giveUp.abort();
  await expect(bucket.put(path, "job/a.mp4", { signal: giveUp.signal, onBytes })).rejects.toThrow();
  server.fault = ({ query }) => (query.get("partNumber") === "3" ? { status: 403, code: "AccessDenied" } : undefined);
  await expect(bucket.put(path, "job/b.mp4")).rejects.toMatchObject({ problem: "denied", symbol: "AccessDenied" });
  expect(asked("DELETE", (query) => query.has("uploadId"))).toHaveLength(2);
  expect(server.unfinished).toEqual([]);
  server.fault = undefined;
  expect(await bucket.head("job/a.mp4")).toBeUndefined();
}, 30_000);

test("a download that breaks off goes on where it broke, and one that is not what was put there is told", async () => {
  const film = randomBytes(4 * MIB);
  await bucket.put(await fileOf(film), "job/render.mp4");
  let cuts = 0;
  server.fault = ({ method }) => (method === "GET" && cuts++ < 2 ? { cutAfterBytes: MIB } : undefined);
  await bucket.get("job/render.mp4", base.file("back"));
  expect((await readFile(base.file("back"))).equals(film)).toBe(true);
  expect(asked("GET").map(({ headers }) => headers.range)).toEqual([undefined, expect.any(String), expect.any(String)]);

  // Somebody else puts another film under the checksum of the first.
  const { S3Client, PutObjectCommand } = await import("@aws-sdk/client-s3");
  const somebody = new S3Client({ endpoint: server.endpoint, forcePathStyle: true, region: "us-east-1" });
  const Metadata = { sha256: (await bucket.head("job/render.mp4"))?.sha256 ?? "" };
  const other = { Bucket: server.bucket, Key: "team/renders/job/render.mp4", Body: randomBytes(100), Metadata };
  await somebody.send(new PutObjectCommand(other));
  somebody.destroy();
  await expect(bucket.get("job/render.mp4", base.file("back"))).rejects.toMatchObject({ problem: "damaged" });
}, 30_000);

test("what was left of uploads that nobody finished is removed once it is old, and all of a folder at once", async () => {
  server.fault = ({ method, query }) =>
    (method === "DELETE" && query.has("uploadId")) || query.get("partNumber") === "3"
      ? { status: 403, code: "AccessDenied" }
      : undefined;
  const path = await fileOf(randomBytes(40 * MIB));
  await expect(bucket.put(path, "job/old.mp4")).rejects.toThrow();
  server.age(3_600_000);
  await expect(bucket.put(path, "job/new.mp4")).rejects.toThrow();
  server.fault = undefined;
  expect(server.unfinished).toHaveLength(2);
  expect(await bucket.removeUnfinished("", new Date(Date.now() - 60_000))).toBe(1);
  expect(server.unfinished).toEqual(["team/renders/job/new.mp4"]);
  await fileOf(Buffer.from("film"));
  for (const key of ["job/one.mp4", "job/parts/two.mp4", "other/three.mp4"]) await bucket.put(path, key);
  await bucket.removeBelow("job/");
  expect(server.unfinished).toEqual([]);
  const left = ["job/one.mp4", "job/parts/two.mp4", "other/three.mp4"].map((key) => bucket.head(key));
  expect((await Promise.all(left)).map((one) => one?.bytes)).toEqual([undefined, undefined, 4]);
}, 30_000);

test("a link is good for whoever has it until it expires, and for nothing else", async () => {
  await bucket.put(await fileOf(Buffer.from("a film")), "job/render.mp4");
  const link = new URL(await bucket.link("job/render.mp4", 60));
  expect(link.searchParams.get("X-Amz-Expires")).toBe("60");
  const part = await fetch(link, { headers: { range: "bytes=2-5" } });
  expect([part.status, await part.text()]).toEqual([206, "film"]);
  const other = new URL(link);
  other.pathname = other.pathname.replace("render", "other");
  const expired = new URL(link);
  expired.searchParams.set("X-Amz-Date", "20200101T000000Z");
  for (const forged of [other, expired, new URL(link.pathname, link)]) expect((await fetch(forged)).status).toBe(403);
});

test("what is wrong is told in words, without keys: a bucket that is not there, credentials that are refused", async () => {
  const elsewhere = await openBucket({ ...settingsOf(), bucket: "nobodys" });
  await expect(elsewhere.link("job/render.mp4", 60)).resolves.toContain("nobodys");
  await expect(elsewhere.put(await fileOf(Buffer.from("a")), "a")).rejects.toMatchObject({ problem: "no_bucket" });
  elsewhere.close();
  process.env.AWS_SECRET_ACCESS_KEY = secret("wrong-key");
  const denied = await openBucket(settingsOf());
  const failure = await denied.put(base.file("made"), "a").catch((thrown: unknown) => thrown);
  expect(failure).toMatchObject({ problem: "denied", symbol: "SignatureDoesNotMatch" });
  expect(String(failure)).not.toContain(server.accessKeyId);
  denied.close();
});

const settingsOf = () => ({
  ...{ bucket: server.bucket, prefix: "", endpoint: server.endpoint },
  ...{ region: "us-east-1", forcePathStyle: true },
});
