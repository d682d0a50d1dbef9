import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { describe, expect, test } from "@jest/globals";
import {
  CertificateAuthority,
  FakeYouTube,
  freePort,
  keepLog,
  type TemporaryFolder,
  temporaryFolder,
} from "@stream-control/test-kit";
import fc from "fast-check";
import { withVariables } from "../src/youtube/setup/env-file.js";

const COMMAND = fileURLToPath(new URL("../setup-youtube-oauth.js", import.meta.url));

/** Google's own names, as a process sees them that asks through a proxy: they lead to a fake, with certificates of a test. */
class GoogleByProxy implements AsyncDisposable {
  private constructor(
    readonly env: Record<string, string>,
    private readonly servers: readonly Server[],
    private readonly sockets: ReadonlySet<Socket>,
  ) {}

  static async start(fake: FakeYouTube, folder: TemporaryFolder): Promise<GoogleByProxy> {
    const authority = await CertificateAuthority.create();
    const names = ["oauth2.googleapis.com", "accounts.google.com"];
    const issued = await authority.issue({ commonName: "oauth2.googleapis.com", dns: names });
    const sockets = new Set<Socket>();
    const google = createTlsServer(issued, async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const { method = "GET", headers, url } = request;
      const kept = { "content-type": headers["content-type"] ?? "text/plain" };
      const body = method === "GET" ? {} : { body: Buffer.concat(parts) };
      const answer = await fetch(`${fake.url}${url}`, { method, headers: kept, ...body });
      response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
    });
    const proxy = createServer();
    proxy.on("connect", ({ url = "" }, socket: Socket) => {
      if (!names.includes(url.split(":")[0] ?? "")) {
        socket.destroy();
        return;
      }
      const onward = connect((google.address() as AddressInfo).port, "127.0.0.1");
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      socket.pipe(onward).pipe(socket);
      for (const end of [socket, onward]) {
        sockets.add(end);
        end.on("error", () => undefined);
      }
    });
    for (const server of [google, proxy]) {
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
    }
    const ca = folder.file("ca.pem");
    await writeFile(ca, authority.cert);
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    return new GoogleByProxy({ HTTPS_PROXY: address, NODE_EXTRA_CA_CERTS: ca }, [google, proxy], sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    for (const server of this.servers) server.close();
  }
}

/** A browser on whose pages somebody grants everything, or nothing: it follows where Google leads it. */
async function browserIn(folder: TemporaryFolder, fake: FakeYouTube): Promise<string> {
  const script = folder.file("browser.mjs");
  await writeFile(
    script,
    `const asked = new URL(process.argv[2]);
const answer = await fetch(${JSON.stringify(fake.url)} + asked.pathname + asked.search, { redirect: "manual" });
await fetch(answer.headers.get("location"));`,
  );
  const browser = folder.file("browser");
  await writeFile(browser, `#!/bin/sh\nexec "${process.execPath}" "${script}" "$1"\n`, { mode: 0o755 });
  return browser;
}

async function run(fake: FakeYouTube, home: string, env: Record<string, string>) {
  const child: ChildProcess = spawn(process.execPath, [COMMAND], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const [code] = (await once(child, "close")) as [number | null];
  keepLog("setup-youtube-oauth", output);
  for (const one of [fake.accounts.clientSecret, ...fake.accounts.refreshTokens]) expect(output).not.toContain(one);
  return { code, output };
}

/** The command in a folder of its own, as somebody runs it who has a browser. */
async function withCommand(
  work: (tools: {
    fake: FakeYouTube;
    home: string;
    env: Record<string, string>;
    start: (more?: Record<string, string>) => ReturnType<typeof run>;
  }) => Promise<void>,
): Promise<void> {
  const folder = await temporaryFolder();
  await using fake = await FakeYouTube.start();
  await using google = await GoogleByProxy.start(fake, folder);
  try {
    const home = folder.file("app");
    await mkdir(home);
    const redirect = `http://localhost:${await freePort()}/oauth/callback`;
    fake.accounts.redirectUris.add(redirect);
    const env = {
      ...{ YOUTUBE_CLIENT_ID: fake.accounts.clientId, YOUTUBE_CLIENT_SECRET: fake.accounts.clientSecret },
      ...{ YOUTUBE_REDIRECT_URL: redirect, BROWSER: await browserIn(folder, fake), ...google.env },
    };
    await work({ fake, home, env, start: (more = {}) => run(fake, home, { ...env, ...more }) });
  } finally {
    await folder.remove();
  }
}

describe("setup-youtube-oauth", () => {
  test("opens the browser, takes Google's answer, and saves to .env what was not there, for its owner alone", async () => {
    await withCommand(async ({ fake, home, start }) => {
      await writeFile(
        `${home}/.env`,
        "# of the hall\nPORT=9000\nYOUTUBE_REFRESH_TOKEN=old\nYOUTUBE_REFRESH_TOKEN=older\n",
        {
          mode: 0o644,
        },
      );
      const { code, output } = await start();
      expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining("Saved to") });
      const text = await readFile(`${home}/.env`, "utf8");
      expect(text).toMatch(/^# of the hall\nPORT=9000\nYOUTUBE_REFRESH_TOKEN=S/);
      expect(parseEnv(text)).toEqual({
        PORT: "9000",
        YOUTUBE_CLIENT_ID: fake.accounts.clientId,
        YOUTUBE_CLIENT_SECRET: fake.accounts.clientSecret,
        YOUTUBE_REFRESH_TOKEN: [...fake.accounts.refreshTokens][0],
      });
      expect((await stat(`${home}/.env`)).mode & 0o777).toBe(0o600);
      // Nothing of the client's secret is left in a temporary folder.
      expect((await readdir(home)).filter((name) => name.startsWith("sc-oauth"))).toEqual([]);
    });
  });

  test("says what to do where access is not granted, no token comes, or something is missing, and leaves .env as it is", async () => {
    await withCommand(async ({ fake, home, env, start }) => {
      expect(await start({ YOUTUBE_CLIENT_SECRET: "" })).toMatchObject({
        code: 78,
        output: expect.stringContaining("console.cloud.google.com"),
      });
      fake.accounts.consents = false;
      expect((await start()).output).toContain("was not granted");
      fake.accounts.consents = true;
      expect((await start({ YOUTUBE_CLIENT_SECRET: "wrong" })).output).toContain("check YOUTUBE_CLIENT_ID");
      // Granted before, so that Google gives no refresh token.
      expect((await start()).output).toContain("myaccount.google.com/permissions");
      const taken = createServer().listen(Number(new URL(env.YOUTUBE_REDIRECT_URL ?? "").port));
      await once(taken, "listening");
      expect((await start()).output).toContain("is in use");
      taken.close();
      expect(await readdir(home)).toEqual([]);
    });
  });
});

describe("an env file", () => {
  test("has every variable that was set, once, and every other line as it was", () => {
    const name = fc.constantFrom("A", "B", "YOUTUBE_REFRESH_TOKEN", "OTHER");
    const value = fc.stringMatching(/^[\w ./-]{0,20}$/).map((text) => text.trim());
    const line = fc.oneof(
      fc.tuple(name, value).map(([n, v]) => `${n}="${v}"`),
      fc.constantFrom("", "# words", "export A=1"),
    );
    const wanted = fc.dictionary(fc.constantFrom("A", "YOUTUBE_REFRESH_TOKEN", "NEW"), value);
    fc.assert(
      fc.property(fc.array(line), wanted, (lines, variables) => {
        const text = withVariables(lines.join("\n"), variables);
        expect(parseEnv(text)).toEqual({ ...parseEnv(lines.join("\n")), ...variables });
        expect(withVariables(text, variables)).toBe(text);
      }),
    );
    expect(() => withVariables("", { A: "two\nlines" })).toThrow("cannot stand in an env file");
  });
});
