import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, utimes, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { secret, type TemporaryFolder, temporaryFolder, waitFor } from "@stream-control/test-kit";
import { FileCache } from "../src/cache/file-cache.js";
import { freshMs, mayBeKept } from "../src/cache/freshness.js";
import { SourceCache } from "../src/cache/source-cache.js";
import { download } from "../src/runner/render/download.js";

let base: TemporaryFolder;
let web: Server;
let handle: (request: IncomingMessage, response: ServerResponse) => void;
let asked: { url: string; headers: IncomingMessage["headers"] }[];
let now: number;
beforeEach(async () => {
  base = await temporaryFolder();
  asked = [];
  now = Date.now();
  web = createServer((request, response) => {
    asked.push({ url: request.url ?? "", headers: request.headers });
    handle(request, response);
  });
  await new Promise<void>((resolve) => web.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  web.closeAllConnections();
  web.close();
  await base.remove();
});

const urlOf = (path: string) => `http://127.0.0.1:${(web.address() as AddressInfo).port}${path}`;
const cacheOf = (maxBytes = 1e9) => new SourceCache({ folder: base.file("cache"), maxBytes }, () => now);
const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");

interface Asking {
  cache?: SourceCache;
  refuse?: string;
  signal?: AbortSignal;
}

/** As a runner does it; what came is in the file. */
async function get(path: string, { cache = cacheOf(), refuse, signal = new AbortController().signal }: Asking = {}) {
  const resolve = async (url: string) => {
    if (refuse !== undefined && url.startsWith(refuse)) throw new Error("refused");
    return ["127.0.0.1"];
  };
  const to = base.file(randomBytes(6).toString("hex"));
  const { bytes, sha256: hash } = await cache.get(urlOf(path), to, {
    ...{ signal, mayReach: resolve },
    fetch: (file, have) => download(urlOf(path), file, { resolve, signal, have }),
  });
  const film = await readFile(to);
  expect([film.length, sha256(film)]).toEqual([bytes, hash]);
  return film.toString();
}

/** A file with an ETag that answers conditions. */
const versioned =
  (film: () => string, headers: Record<string, string> = {}): typeof handle =>
  (request, response) => {
    const etag = `"${sha256(Buffer.from(film())).slice(0, 8)}"`;
    response.setHeaders(new Map(Object.entries({ etag, ...headers })));
    if (request.headers["if-none-match"] === etag) response.writeHead(304).end();
    else response.end(film());
  };

test("a file is fetched once, asked for by its version after that, and fetched again when it is another one", async () => {
  let film = "first";
  handle = versioned(() => film);
  expect([await get("/a?key=1"), await get("/a?key=1")]).toEqual(["first", "first"]);
  expect(asked.map(({ headers }) => headers["if-none-match"] !== undefined)).toEqual([false, true]);
  film = "second";
  expect(await get("/a?key=1")).toBe("second");
  // Another address is another file, whatever the first part of it says.
  expect(await get("/a?key=2")).toBe("second");
  expect(asked.at(-1)?.headers["if-none-match"]).toBeUndefined();
});

test("nobody is asked for as long as the server said, and an address is never written down", async () => {
  handle = versioned(() => "film", { "cache-control": "public, max-age=60", age: "10" });
  const path = `/a?signature=${secret("source-signature")}`;
  await get(path);
  now += 49_000;
  expect([await get(path), asked.length]).toEqual(["film", 1]);
  now += 2000;
  expect([await get(path), asked.length]).toEqual(["film", 2]);
  const names = await readdir(base.file("cache"), { recursive: true });
  const files = names.map((name) => join(base.file("cache"), name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8").catch(() => "")));
  expect([...names, ...texts].join()).not.toContain(new URL(urlOf(path)).searchParams.get("signature"));
});

test("what a server wants nobody to keep is not kept, and what can't be recognised is fetched each time", async () => {
  handle = versioned(() => "film", { "cache-control": "no-store, max-age=60" });
  await get("/a");
  handle = (_request, response) => response.end("film");
  await Promise.all([get("/a"), get("/b")]);
  await get("/b");
  expect(asked.map(({ headers }) => headers["if-none-match"])).toEqual([undefined, undefined, undefined, undefined]);
  const fresh = (cacheControl: string, age?: string) => freshMs({ cacheControl, age });
  expect([
    fresh("max-age=5"),
    fresh("max-age=5", "9"),
    fresh("no-cache, max-age=5"),
    fresh("max-age=99999999"),
  ]).toEqual([...[5000, 0, 0, 86_400_000]]);
  expect([mayBeKept({}), mayBeKept({ cacheControl: "no-store" })]).toEqual([true, false]);
});

test("a file that is here serves nobody who may not reach where it came from, redirections included", async () => {
  handle = (request, response) => {
    if (request.url === "/moved")
      response.writeHead(302, { location: urlOf("/film").replace("127.0.0.1", "localhost") }).end();
    else versioned(() => "film", { "cache-control": "max-age=60" })(request, response);
  };
  expect(await get("/moved")).toBe("film");
  await expect(get("/moved", { refuse: "http://localhost" })).rejects.toThrow("refused");
  await expect(get("/moved", { refuse: "http://127.0.0.1" })).rejects.toThrow("refused");
  expect([await get("/moved"), asked.length]).toEqual(["film", 2]);
});

test("many who want the same at once wait for one download", async () => {
  let open: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    open = resolve;
  });
  handle = (request, response) =>
    void held.then(() => versioned(() => "film", { "cache-control": "max-age=60" })(request, response));
  const all = Array.from({ length: 5 }, () => get("/a", { cache: cacheOf() }));
  await waitFor(() => asked.length === 1);
  open();
  expect([await Promise.all(all), asked.length]).toEqual([Array.from({ length: 5 }, () => "film"), 1]);
});

test("whoever was killed while it fetched holds nobody up", async () => {
  handle = versioned(() => "film");
  const locks = base.file("cache/locks");
  await mkdir(locks, { recursive: true });
  const dead = spawn(process.execPath, ["-e", ""]);
  await once(dead, "exit");
  await writeFile(join(locks, sha256(Buffer.from(urlOf("/a")))), `${dead.pid}\n`);
  expect(await get("/a")).toBe("film");

  let alive: ChildProcess | undefined;
  try {
    alive = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"]);
    await once(alive, "spawn");
    await writeFile(join(locks, sha256(Buffer.from(urlOf("/a")))), `${alive.pid}\n`);
    await expect(get("/a", { signal: AbortSignal.timeout(300) })).rejects.toThrow();
  } finally {
    alive?.kill("SIGKILL");
  }
  expect(await get("/a")).toBe("film");
});

test("a download that breaks off goes on where it broke, unless the file has become another one", async () => {
  const film = randomBytes(200_000);
  let cuts = 1;
  let cut = () => {};
  let etag = '"1"';
  handle = (request, response) => {
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
    const isPart = from > 0 && request.headers["if-range"] === etag;
    const rest = isPart ? film.subarray(from) : film;
    const range = isPart ? { "content-range": `bytes ${from}-${film.length - 1}/${film.length}` } : {};
    response.writeHead(isPart ? 206 : 200, { etag, "content-length": rest.length, ...range });
    if (cuts-- > 0) {
      cut = () => response.destroy();
      response.write(rest.subarray(0, 100_000));
    } else response.end(rest);
  };
  const to = base.file("film");
  const options = { resolve: async () => ["127.0.0.1"], signal: new AbortController().signal };
  const told: number[] = [];
  const onBytes = (bytes: number) => {
    told.push(bytes);
    if (bytes >= 100_000) cut();
  };
  const got = await download(urlOf("/a"), to, { ...options, onBytes });
  expect([got.sha256, sha256(await readFile(to))]).toEqual([sha256(film), sha256(film)]);
  expect([asked.length, asked[1]?.headers["if-range"], told.at(-1)]).toEqual([2, etag, film.length]);
  cuts = 1;
  const changing = download(urlOf("/a"), to, {
    ...options,
    onBytes: (bytes) => {
      etag = '"2"';
      onBytes(bytes);
    },
  });
  expect([(await changing).sha256, sha256(await readFile(to))]).toEqual([sha256(film), sha256(film)]);
});

test("the least recently used files go when there are too many, and those in use stay with whoever uses them", async () => {
  const cache = new FileCache({ folder: base.file("cache"), maxBytes: 2500 });
  const put = async (name: string) => {
    await writeFile(base.file(name), Buffer.alloc(1000, name));
    await cache.keep(name, base.file(name));
    // Clocks of file systems are coarse.
    const at = new Date(now++ - 1e9);
    await utimes(base.file("cache/files", name), at, at);
  };
  await put("one");
  await put("two");
  expect(await cache.take("one", base.file("used"), { bytes: 1000 })).toBe(true);
  await put("three");
  const here = async (name: string) => (await cache.size(name)) !== undefined;
  expect([await here("one"), await here("two"), await here("three")]).toEqual([true, false, true]);
  expect((await stat(base.file("used"))).size).toBe(1000);
  await writeFile(base.file("cache/files/three"), "short");
  expect([await cache.take("three", base.file("x"), { bytes: 1000 }), await here("three")]).toEqual([false, false]);
});
