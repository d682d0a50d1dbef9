import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { connect as connectPlain } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  CertificateAuthority,
  type Issued,
  type TemporaryFolder,
  temporaryFolder,
  waitFor,
} from "@stream-control/test-kit";
import { WebSocket } from "ws";
import { createLogger } from "../src/index.js";
import { openDoor } from "./doors.js";

let folder: TemporaryFolder;
let authority: CertificateAuthority;
let clients: CertificateAuthority;

beforeAll(async () => {
  folder = await temporaryFolder();
  authority = await CertificateAuthority.create("Servers");
  clients = await CertificateAuthority.create("Agents");
});
afterAll(() => folder.remove());

async function files(name: string, { cert, key }: Issued) {
  const [certFile, keyFile] = [folder.file(`${name}.crt`), folder.file(`${name}.key`)];
  await writeFile(certFile, cert);
  await writeFile(keyFile, key, { mode: 0o600 });
  return { certFile, keyFile };
}

const get = async (url: string, options: { client?: Issued; ca?: string; agent?: Agent } = {}) => {
  const { client, ca = authority.cert, agent } = options;
  const call = request(url, { ca, ...client, ...(agent === undefined ? { agent: false } : { agent }) }).end();
  const [response] = await once(call, "response");
  let text = "";
  for await (const part of response.setEncoding("utf8")) text += part;
  return { status: response.statusCode as number, headers: response.headers, body: JSON.parse(text) };
};

/** The common name of the certificate that a new connection is shown. */
const shown = async (port: number): Promise<string> => {
  const socket = connect({ port, host: "127.0.0.1", ca: authority.cert });
  await once(socket, "secureConnect");
  const name = socket.getPeerX509Certificate()?.subject ?? "";
  socket.destroy();
  return name;
};

describe("TLS", () => {
  test("carries requests and sockets, and says so in what depends on it", async () => {
    const tls = await files("plain", await authority.issue({ commonName: "one" }));
    await using service = await openDoor({ tls });
    const { status, headers, body } = await get(`${service.url}/who`);
    expect([status, body.secure, body.peer]).toEqual([200, true, undefined]);
    expect(headers["strict-transport-security"]).toBe("max-age=31536000");
    const socket = new WebSocket(service.socketUrl, { ca: authority.cert });
    await once(socket, "open");
    socket.send("hello");
    expect(String((await once(socket, "message"))[0])).toBe("hello");
    socket.close();
    await once(socket, "close");
  });

  test("of a version older than the configured one is refused", async () => {
    const tls = await files("versions", await authority.issue({ commonName: "one" }));
    const versionsOf = async (minVersion?: "TLSv1.2" | "TLSv1.3") => {
      await using service = await openDoor({ tls: { ...tls, ...(minVersion === undefined ? {} : { minVersion }) } });
      const talks = async (version: "TLSv1.1" | "TLSv1.2" | "TLSv1.3") => {
        const ciphers = "DEFAULT:@SECLEVEL=0";
        const options = { port: service.port, host: "127.0.0.1", ca: authority.cert, ciphers };
        const socket = connect({ ...options, minVersion: version, maxVersion: version });
        return new Promise<boolean>((resolve) => {
          socket.once("secureConnect", () => resolve(true)).once("error", () => resolve(false));
        }).finally(() => socket.destroy());
      };
      return [await talks("TLSv1.1"), await talks("TLSv1.2"), await talks("TLSv1.3")];
    };
    expect(await versionsOf()).toEqual([false, true, true]);
    expect(await versionsOf("TLSv1.3")).toEqual([false, false, true]);
  });

  test("takes a renewed certificate without dropping connections; broken files leave the old one and are told once", async () => {
    const lines: string[] = [];
    const logger = createLogger({ name: "door" }, { write: (line: string) => void lines.push(line) });
    const tls = await files("renewed", await authority.issue({ commonName: "old" }));
    await using service = await openDoor({ tls, logger });
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: authority.cert });
    const socket = new WebSocket(service.socketUrl, { ca: authority.cert });
    await once(socket, "open");
    await get(`${service.url}/who`, { agent });
    const [before] = Object.values(agent.freeSockets).flatMap((list) => list ?? []);

    // As it is for a moment while files are replaced: the new certificate beside the old key.
    const next = await authority.issue({ commonName: "new" });
    await writeFile(tls.certFile, next.cert);
    await service.door.reload();
    await writeFile(tls.certFile, "no certificate");
    await service.door.reload();
    await service.door.reload();
    expect(await shown(service.port)).toBe("CN=old");
    const told = lines.filter((line) => line.includes("the old certificate stays"));
    expect(told).toHaveLength(2);
    expect(told[0]).toMatch(/"reason":"TLS cannot be used: .*key values mismatch/);

    await files("renewed", next);
    await service.door.reload();
    expect(await shown(service.port)).toBe("CN=new");

    // Those who were connected have noticed nothing.
    await get(`${service.url}/who`, { agent });
    const [after] = Object.values(agent.freeSockets).flatMap((list) => list ?? []);
    expect(after === before && (after as TLSSocket).getPeerX509Certificate()?.subject === "CN=old").toBe(true);
    socket.send("hello");
    expect(String((await once(socket, "message"))[0])).toBe("hello");
    socket.close();
    agent.destroy();
  });

  test("does not let those who never finish a handshake keep others out", async () => {
    const tls = await files("slow", await authority.issue({ commonName: "one" }));
    await using service = await openDoor({
      tls,
      limits: { handshakeTimeoutMs: 500, maxConnections: 40, maxConnectionsPerAddress: 40, maxPendingConnections: 20 },
    });
    const flood = Array.from({ length: 100 }, () => {
      const socket = connectPlain(service.port, "127.0.0.1");
      socket.on("error", () => undefined).write("\u0016\u0003\u0001");
      return socket;
    });
    expect((await get(`${service.url}/who`)).status).toBe(200);
    await waitFor(() => flood.every(({ destroyed }) => destroyed));
  });

  test("does not start with files that cannot be used, and says which and why", async () => {
    const good = await files("good", await authority.issue({ commonName: "one" }));
    const other = await files("other", await authority.issue({ commonName: "two" }));
    const start = (tls: typeof good & { clientCaFile?: string }) => openDoor({ tls });
    await expect(start({ ...good, keyFile: folder.file("none") })).rejects.toThrow(
      /^TLS_KEY_FILE cannot be read: .*ENOENT/,
    );
    await expect(start({ ...good, keyFile: other.keyFile })).rejects.toThrow(/belong together\.$/);
    await writeFile(folder.file("broken"), "-----BEGIN CERTIFICATE-----\n!\n");
    await expect(start({ ...good, clientCaFile: folder.file("broken") })).rejects.toThrow(/^TLS cannot be used/);
  });
});

describe("a client certificate", () => {
  const withClients = async () => {
    const tls = await files("mutual", await authority.issue({ commonName: "one" }));
    const clientCaFile = folder.file("clients.crt");
    await writeFile(clientCaFile, clients.cert);
    return openDoor({ tls: { ...tls, clientCaFile } });
  };

  test("by the named authority is an identity, any other is none, and none is needed", async () => {
    await using service = await withClients();
    const peerOf = async (client?: Issued) =>
      (await get(`${service.url}/who`, client === undefined ? {} : { client })).body.peer;
    const encoder = { commonName: "encoder-1", dns: ["encoder-1.room"] };
    expect(await peerOf(await clients.issue(encoder))).toMatchObject({
      commonName: "encoder-1",
      alternativeNames: expect.arrayContaining(["DNS:encoder-1.room"]),
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    });
    expect(await peerOf()).toBeUndefined();
    expect(await peerOf(await authority.issue(encoder))).toBeUndefined();
    expect(await peerOf(await clients.issue({ ...encoder, expired: true }))).toBeUndefined();
    const forged = await CertificateAuthority.create("Agents");
    expect(await peerOf(await forged.issue(encoder))).toBeUndefined();
  });
});
