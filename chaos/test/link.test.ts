import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { waitFor } from "@stream-control/test-kit";
import { Link } from "../src/fleet/link.js";

describe("a link", () => {
  let echo: Server;
  let link: Link;
  const clients: Socket[] = [];

  /** A client, what it has heard, and whether it has been told of the end. */
  const open = async () => {
    const socket = connect(link.port, "127.0.0.1");
    clients.push(socket);
    const heard = { text: "", closed: false };
    socket.on("data", (chunk) => {
      heard.text += String(chunk);
    });
    socket.on("error", () => {});
    socket.on("close", () => {
      heard.closed = true;
    });
    await once(socket, "connect");
    return { socket, heard };
  };

  beforeEach(async () => {
    echo = createServer((socket) => socket.on("error", () => {}).pipe(socket)).listen(0, "127.0.0.1");
    await once(echo, "listening");
    link = await Link.open((echo.address() as AddressInfo).port);
  });
  afterEach(async () => {
    for (const socket of clients.splice(0)) socket.destroy();
    await link.refuse();
    echo.close();
    await once(echo, "close");
  });

  it("passes on what is sent, and ends both sides when it is cut", async () => {
    const { socket, heard } = await open();
    socket.write("a");
    await waitFor(() => heard.text === "a");
    link.cut();
    await waitFor(() => heard.closed);
    const again = await open();
    again.socket.write("b");
    await waitFor(() => again.heard.text === "b");
  });

  it("holds up what is sent, also on new connections, and lets it arrive late", async () => {
    const first = await open();
    first.socket.write("a");
    await waitFor(() => first.heard.text === "a");
    link.hold();
    const second = await open();
    first.socket.write("b");
    second.socket.write("c");
    const other = await Link.open((echo.address() as AddressInfo).port);
    const probe = connect(other.port, "127.0.0.1").on("error", () => {});
    probe.write("x");
    await once(probe, "data");
    expect([first.heard.text, second.heard.text]).toEqual(["a", ""]);
    probe.destroy();
    await other.refuse();
    link.release();
    await waitFor(() => first.heard.text === "ab" && second.heard.text === "c");
  });

  it("refuses, and takes connections at the same port again", async () => {
    const { port } = link;
    const { heard } = await open();
    await link.refuse();
    await waitFor(() => heard.closed);
    const refused = connect(port, "127.0.0.1");
    const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    await link.allow();
    expect(link.port).toBe(port);
    const again = await open();
    again.socket.write("d");
    await waitFor(() => again.heard.text === "d");
  });
});
